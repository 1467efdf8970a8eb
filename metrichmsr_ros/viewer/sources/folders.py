"""Open an annotation folder or a replay's folder, with the pictures of the input that it was made from."""

from __future__ import annotations

import dataclasses
import tarfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from metrichmsr_ros.annotation.depth_tar import depth_path
from metrichmsr_ros.annotation.frames import Cameras, SourceFrame
from metrichmsr_ros.annotation.inputs import InputSource
from metrichmsr_ros.annotation.inputs import find_sources as find_inputs
from metrichmsr_ros.annotation.options import AnnotateOptions, SourceError
from metrichmsr_ros.annotation.tasks import ShardTask, opened
from metrichmsr_ros.body.open_tables import FILES
from metrichmsr_ros.conversion.recording import SourceRecording
from metrichmsr_ros.conversion.sources.annotations import read_annotations
from metrichmsr_ros.conversion.sources.replay import read_replay
from metrichmsr_ros.data.formats.annotations.folder import AnnotationFolder
from metrichmsr_ros.data.formats.tar_samples import tar_samples
from metrichmsr_ros.geometry.camera_options import CameraOptions
from metrichmsr_ros.replay.result import read_metrics
from metrichmsr_ros.types import Float32Array
from metrichmsr_ros.viewer.options import ViewError, ViewOptions
from metrichmsr_ros.viewer.sources.recorded import Beside, recorded_frames
from metrichmsr_ros.viewer.sources.source import ViewSource

_ANY_FOV = 60.0  # degrees; the recording has the camera, so that it need not be estimated again


def annotation_source(path: Path, options: ViewOptions) -> ViewSource:
    """One source of an annotation folder.

    Raises:
        ViewError: it has no such source, or none.
        AnnotationError, ConvertError: a table cannot be read.
    """
    folder = AnnotationFolder(path)
    name, notes = chosen(folder.sources, options.source, path)
    entry = next(entry for entry in folder.manifest.inputs if entry.source == name)
    recording, table = read_annotations(folder, name), folder.frames(name)
    found = _input(Path(entry.path))
    if found is None:
        notes += (f"{entry.path} is not there any more, so that there are no pictures",)
    is_video = entry.kind in ("video", "bag")
    beside = Beside(
        pictures=_pictures(found, _known(folder.manifest.options)),
        depth=_depth(path, entry.shards),
        covariances={key: track["transl_cov"].astype(np.float64) for key, track in folder.tracks(name).items()},
        problems={int(n): str(p) for n, p in zip(table["frame"], table["problem"], strict=True) if p},
    )
    body, more = _body(recording, options)
    return ViewSource(name, recorded_frames(recording, beside, is_video), body, is_video, notes + more)


def replay_source(path: Path, options: ViewOptions) -> ViewSource:
    """The `--out` of a replay, or its `estimates.npz`.

    Raises:
        MetricInputError, ConvertError: a file of it cannot be read.
    """
    recording, notes = read_replay(path), tuple[str, ...]()
    about: Mapping[str, Any] = read_metrics(path) if (path / "metrics.json").is_file() else {}
    found = _input(Path(str(about["bag"]))) if about.get("bag") else None
    if found is None:
        notes = (f"the bag {about.get('bag', '')} is not there, so that there are no pictures",)
    beside = Beside(_pictures(found, _known(about.get("options") or {})), by_stamp=True)
    body, more = _body(recording, options)
    return ViewSource(recording.source, recorded_frames(recording, beside, True), body, True, notes + more)


def chosen(names: tuple[str, ...], wanted: str | None, path: Path) -> tuple[str, tuple[str, ...]]:
    """The source to show, and what the user should know about the choice.

    Raises:
        ViewError: there is no such source, or none.
    """
    listed = ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")
    if not names:
        raise ViewError(f"{path} has nothing to show")
    if wanted is not None and wanted not in names:
        raise ViewError(f"--source {wanted}: {path} does not have it; it has {listed}")
    if wanted is not None or len(names) == 1:
        return wanted or names[0], ()
    return names[0], (f"{path} has {len(names)} sources: {listed}; --source NAME shows another than the first",)


def _body(recording: SourceRecording, options: ViewOptions) -> tuple[str | None, tuple[str, ...]]:
    """The body to draw; betas of the open bodies are the same numbers, and the light one is enough to look at."""
    if options.body:
        return options.body, ()
    if recording.body in FILES:
        return "open_light", ()
    kind = f"the body {recording.body!r}" if recording.body else "a body that its files do not name"
    return None, (f"its people are of {kind}: only joints are drawn; --body open_light or smpl:PATH draws bodies",)


def _input(path: Path) -> InputSource | None:
    """What an annotation or a replay was made from, if it is still there."""
    if not path.exists():
        return None
    found = [source for source in find_inputs([str(path)]) if source.path == path and source.kind != "none"]
    return found[0] if found else None


def _known(options: Mapping[str, Any]) -> AnnotateOptions:
    """The options by which the input is read, from a manifest or from metrics.json."""
    names = ("image", "camera_info", "fov", "image_rectified", "world", "max_pixels")
    values = {name: options[name] for name in names if name in options}
    if options.get("intrinsics"):
        values["intrinsics"] = tuple(options["intrinsics"])
    return dataclasses.replace(AnnotateOptions(), **values)


def _pictures(found: InputSource | None, options: AnnotateOptions) -> Iterator[SourceFrame]:
    """Its frames, up to where it cannot be read on: people are shown without pictures then."""
    if found is None:
        return
    cameras = Cameras(CameraOptions.from_degrees(_ANY_FOV, None))
    try:
        with opened(ShardTask(found), options, cameras) as stream:
            yield from stream
    except SourceError:
        return


def _depth(folder: Path, shards: tuple[str, ...]) -> Iterator[tuple[int, Float32Array]]:
    """(number of the frame, (H, W) m, NaN unknown) of every depth map that the folder has."""
    for path in (depth_path(folder, shard) for shard in shards):
        if not path.is_file() or not tarfile.is_tarfile(path):
            continue
        for sample in tar_samples(path):
            stored = cv2.imdecode(np.frombuffer(sample.read("depth.png"), np.uint8), cv2.IMREAD_UNCHANGED)
            if stored is not None:
                metres = stored.astype(np.float32) / 1000
                yield int(Path(sample.key).name), np.where(metres > 0, metres, np.nan).astype(np.float32)
