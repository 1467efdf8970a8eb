"""Small inputs of `metrichmsr annotate` with known content, and pipelines that worker processes can make."""

from __future__ import annotations

import os
import tarfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from helpers.bag_messages import picture
from helpers.pixel_pipeline import DEADLY, PixelPipeline
from metrichmsr_ros.data.formats.annotations.folder import AnnotationFolder
from metrichmsr_ros.data.formats.tar_samples import add_file
from metrichmsr_ros.depth.engine import SceneDepth
from metrichmsr_ros.pipeline.scene import OutputRequest, Scene

WALK = (3.0, 3.5, 4.0, 4.5, 5.0, 5.5)  # metres; a person at 0 m is nobody
FPS = 10.0
ANGRY = 8.0  # metres of the person at whom the pipeline raises an error


class AnnotationPipeline(PixelPipeline):
    """Reads the person off the picture; new ids after a reset, as the real one gives; raises at `ANGRY` metres."""

    def estimate(self, image: Any, camera: Any, *, request: OutputRequest, context: Any = None) -> Scene:
        """The person of a photograph."""
        return self._answer(super().track(image, camera, 0.0, request=request), "p1", request)

    def track(self, image: Any, camera: Any, stamp_s: float, *, request: OutputRequest, context: Any = None) -> Scene:
        """The person of this frame; each time stamped into the velocity."""
        scene = super().track(image, camera, stamp_s, request=request)
        people = [replace(p, velocity_cam=np.full(3, stamp_s, np.float32)) for p in scene.people]
        return self._answer(replace(scene, people=people), f"x{self.resets}", request)

    def _answer(self, scene: Scene, name: str, request: OutputRequest) -> Scene:
        if scene.image[0, 0, 0] == round(20 * ANGRY):
            raise ValueError("this person is angry")
        depth = scene.depth
        if request.depth:
            metres = np.full(scene.image.shape[:2], 2.5, np.float32)
            metres[0, 0] = np.nan
            depth = SceneDepth(metres, "flat", "none", 0.0, "", 0.0, "")
        return replace(scene, people=[replace(person, id=name) for person in scene.people], depth=depth)


def make_pipeline(options: Any) -> AnnotationPipeline:
    """A function that worker processes can import by its name."""
    return AnnotationPipeline()


class DyingOncePipeline(AnnotationPipeline):
    """Ends its process at the first person at `DEADLY` metres, unless `marker` exists, which it writes first."""

    def __init__(self, marker: Path) -> None:
        super().__init__()
        self._marker = marker

    def track(self, image: Any, camera: Any, stamp_s: float, *, request: OutputRequest, context: Any = None) -> Scene:
        """The person, or the end of this process."""
        if image[0, 0, 0] == round(20 * DEADLY) and not self._marker.exists():
            self._marker.touch()
            os._exit(137)
        return super().track(image, camera, stamp_s, request=request)


def make_dying_once(marker: Path, options: Any) -> DyingOncePipeline:
    """A function that worker processes can import by its name, bound to a marker by `partial`."""
    return DyingOncePipeline(marker)


class DeadlyPipeline(AnnotationPipeline):
    """Ends its process at every person at `DEADLY` metres."""

    def track(self, image: Any, camera: Any, stamp_s: float, *, request: OutputRequest, context: Any = None) -> Scene:
        """The person, or the end of this process."""
        if image[0, 0, 0] == round(20 * DEADLY):
            os._exit(137)
        return super().track(image, camera, stamp_s, request=request)


def make_deadly(options: Any) -> DeadlyPipeline:
    """A function that worker processes can import by its name."""
    return DeadlyPipeline()


def write_video(path: Path, depths: Sequence[float] = WALK) -> Path:
    """A lossless video of a person at these distances."""
    path.parent.mkdir(parents=True, exist_ok=True)
    height, width = picture(0.0).shape[:2]
    video = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"FFV1"), FPS, (width, height))
    assert video.isOpened(), "this OpenCV does not write FFV1"
    for depth in depths:
        video.write(picture(depth)[..., ::-1])
    video.release()
    return path


def write_photographs(folder: Path, depths: Sequence[float] = WALK) -> Path:
    """PNG files 000.png, 001.png, ..."""
    folder.mkdir(parents=True, exist_ok=True)
    for index, depth in enumerate(depths):
        (folder / f"{index:03d}.png").write_bytes(encoded(depth))
    return folder


def write_tar(path: Path, depths: Sequence[float] = WALK) -> Path:
    """A WebDataset shard of samples s0, s1, ... with a picture and a label."""
    with tarfile.open(path, "w") as tar:
        for index, depth in enumerate(depths):
            add_file(tar, f"s{index}.png", encoded(depth))
            add_file(tar, f"s{index}.json", b"{}")
    return path


def encoded(depth: float) -> bytes:
    """The picture of a person at this distance as PNG."""
    _, data = cv2.imencode(".png", picture(depth)[..., ::-1])
    return data.tobytes()


def distances(folder: Path, source: str) -> list[tuple[int, float]]:
    """Frame and distance of everybody of a source."""
    people = AnnotationFolder(folder).people(source)
    return [
        (int(frame), round(float(z), 3)) for frame, z in zip(people["frame"], people["transl_cam"][:, 2], strict=True)
    ]


def contents(folder: Path) -> dict[str, bytes]:
    """Every file of an annotation folder but the lock and the manifest's own time."""
    files = [path for path in folder.rglob("*") if path.is_file() and path.name != ".lock"]
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in sorted(files)}
