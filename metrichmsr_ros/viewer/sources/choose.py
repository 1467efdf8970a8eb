"""Find out what a path holds, and open it as a source of the viewer."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from metrichmsr_ros.annotation.annotator import PipelineMaker, check_depth, load_pipeline
from metrichmsr_ros.annotation.frames import Cameras
from metrichmsr_ros.annotation.inputs import InputSource
from metrichmsr_ros.annotation.inputs import find_sources as find_inputs
from metrichmsr_ros.annotation.tasks import ShardTask, opened
from metrichmsr_ros.conversion.sources.replay import ESTIMATES
from metrichmsr_ros.data.formats.annotations.manifest import NAME as MANIFEST
from metrichmsr_ros.depth.factory import check_calibration
from metrichmsr_ros.geometry.camera_options import CameraOptions
from metrichmsr_ros.viewer.options import ViewError, ViewOptions
from metrichmsr_ros.viewer.sources.estimated import estimated_frames
from metrichmsr_ros.viewer.sources.folders import annotation_source, chosen, replay_source
from metrichmsr_ros.viewer.sources.live import PREFIX, live_source
from metrichmsr_ros.viewer.sources.people_bags import has_images, people_source, people_topics
from metrichmsr_ros.viewer.sources.source import ViewSource


def open_source(path: Path | str, options: ViewOptions, make: PipelineMaker = load_pipeline) -> ViewSource:
    """What is at a path, by its kind.

    Args:
        path: a photograph, a video, a folder of them, a bag, an annotation folder, the `--out` of a replay, or
            `topic:NAME` of a live topic.
        options: what to show of it.
        make: loads the pipeline for what has no estimates yet; it is called with the first frame.

    Raises:
        ViewError: there is nothing at the path that can be shown.
        AnnotateError, DepthError: the depth is that of a file or topic, or of an unknown source.
        MetricHMRError: of another kind: what is there cannot be read; the message says why.
    """
    if options.frames < 1:
        raise ViewError(f"--frames {options.frames}: at least 1 is needed")
    if options.max_pixels < 1:
        raise ViewError(f"--max-pixels {options.max_pixels}: at least 1 is needed")
    check_calibration(options.calibration)
    check_depth(options.depth)
    if str(path).startswith(PREFIX):
        return live_source(str(path).removeprefix(PREFIX), options)
    path = Path(path)
    if not path.exists():
        raise ViewError(f"{path} does not exist; check the path, or write {PREFIX}/NAME for a live topic")
    if (path / MANIFEST).is_file():
        return annotation_source(path, options)
    if (path / ESTIMATES).is_file() or path.suffix == ".npz":
        return replay_source(path, options)
    found = find_inputs([str(path)])
    usable = {source.name: source for source in found if source.kind != "none"}
    if not usable:
        raise ViewError(f"{path}: {found[0].cause}; annotation folders and folders of replays can be shown too")
    name, notes = chosen(tuple(usable), options.source, path)
    source = _of_input(usable[name], options, make)
    return replace(source, notes=notes + source.notes)


def _of_input(source: InputSource, options: ViewOptions, make: PipelineMaker) -> ViewSource:
    if source.kind == "bag":
        topics = people_topics(source.path)
        if options.people or (topics and not has_images(source.path, options)):
            return people_source(source.path, topics, options)
    given = options.of_input
    cameras = Cameras(CameraOptions.from_degrees(options.fov, options.intrinsics))
    stream = opened(ShardTask(source), given, cameras)
    frames = estimated_frames(stream, lambda: make(given), options.depth is not None, source.name)
    return ViewSource(source.name, frames, given.body, source.kind in ("video", "bag"))
