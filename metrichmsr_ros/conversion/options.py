"""What a user can choose about a conversion."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

import tyro

Format = Literal["bvh", "glb", "amass", "bedlam", "coco", "tum", "lerobot"]
FrameName = Literal["camera", "world"]


@dataclass(frozen=True)
class ConvertOptions:
    """Options of `metrichmsr convert`.

    Attributes:
        frame: camera: the camera's optical frame, level as the camera is. world: by the camera poses of the source.
        body: body model of the source: open, open_light or smpl:PATH; needed where the files do not say it, for SMPL
            and to write the smaller mesh of open_light.
        as_body: smpl: refuse shapes that are not SMPL's.
        fps: frames per second; replaces the stamps by number of the frame / fps.
        source: sources of an annotation folder to convert; default: all.
        image_names: name of a frame's picture where the source has none, such as "{source}/{frame:06d}.jpg".
        intrinsics: fx fy cx cy in pixels, where the source has none.
        image_size: width and height in pixels, where the source has none.
        task: text of the task in a LeRobot data set.
    """

    frame: FrameName = "camera"
    body: str | None = None
    as_body: Annotated[Literal["smpl"] | None, tyro.conf.arg(name="as")] = None
    fps: float | None = None
    source: tuple[str, ...] = ()
    image_names: str | None = None
    intrinsics: tuple[float, float, float, float] | None = None
    image_size: tuple[int, int] | None = None
    task: str = "move as the person does"
