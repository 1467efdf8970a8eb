"""Annotate one shard: read its frames, estimate the people, write it whole."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from traceback import extract_tb
from typing import Any

import metrichmsr_ros
from metrichmsr_ros.annotation.depth_tar import DepthTar
from metrichmsr_ros.annotation.frames import Cameras, FrameStream, SourceFrame
from metrichmsr_ros.annotation.options import AnnotateError, AnnotateOptions, SourceError
from metrichmsr_ros.annotation.outcome import ShardOutcome
from metrichmsr_ros.annotation.people_rows import IdNames, row_of, row_without_estimates
from metrichmsr_ros.annotation.tasks import ShardTask, opened
from metrichmsr_ros.data.formats.annotations.rows import FrameRow
from metrichmsr_ros.data.formats.annotations.shard_writer import ShardWriter
from metrichmsr_ros.geometry.camera import CameraError
from metrichmsr_ros.geometry.camera_options import CameraOptions
from metrichmsr_ros.io.whole_files import DiskFullError
from metrichmsr_ros.pipeline.scene import OutputRequest, Scene
from metrichmsr_ros.runtime.read_ahead import read_ahead
from metrichmsr_ros.types import Float32Array

PipelineMaker = Callable[[AnnotateOptions], Any]
TellFrames = Callable[[tuple[int, int | None]], None]  # frames done, frames in total


def load_pipeline(options: AnnotateOptions) -> Any:
    """The pipeline of the options."""
    # imports the networks' runtime, which planning does not need
    from metrichmsr_ros.acceleration.execution import Execution
    from metrichmsr_ros.depth.factory import DepthChoice
    from metrichmsr_ros.pipeline.pipeline import Pipeline

    return Pipeline.from_preset(
        options.preset,
        options.device,
        options.body,
        max(1, options.num_threads),
        DepthChoice(options.depth, options.calibration, options.device) if options.depth else DepthChoice(),
        options.test_time_augmentation,
        Execution(options.precision, options.compile),
    )


def check_depth(depth: str | None) -> None:
    """Refuse a source of depth that does not exist, or that frames of inputs do not have.

    Raises:
        AnnotateError: it is a file or a topic.
        DepthError: it is unknown.
    """
    from metrichmsr_ros.depth.factory import check_source  # imports the networks' runtime

    kind = (depth or "").partition(":")[0]
    if kind == "file":
        raise AnnotateError(f"--depth {depth}: one file is not the depth of every frame; use auto or a network")
    if kind == "topic":
        raise AnnotateError(f"--depth {depth}: topics of depth are not read here; use auto, or `metrichmsr replay`")
    if depth is not None:
        check_source(depth, without=("topic", "file"))


class Annotator:
    """Writes shards one after the other with one pipeline, which it loads for the first of them.

    Args:
        options: of the run.
        folder: the annotation folder.
        make: loads the pipeline: a `Pipeline`, or an object with `track`, `estimate`, `reset` and `body`.
    """

    def __init__(self, options: AnnotateOptions, folder: Path, make: PipelineMaker = load_pipeline) -> None:
        self._options, self._folder, self._make = options, folder, make
        self._pipeline: Any = None
        self._cameras = Cameras(CameraOptions.from_degrees(options.fov, options.intrinsics))
        self._request = OutputRequest(vertices=False, depth=bool(options.depth))

    def __call__(self, task: ShardTask, tell: TellFrames) -> ShardOutcome:
        """Write one shard. Raises no error: the outcome has the cause of a failure."""
        try:
            self._pipeline = self._pipeline or self._make(self._options)
        except Exception as error:  # missing networks, checkpoint or device; each message has the remedy
            return ShardOutcome("failed", f"cannot load the model: {error}", is_fatal=True)
        try:
            with opened(task, self._options, self._cameras) as stream:
                return self._written(task, stream, tell)
        except (SourceError, CameraError) as error:
            return ShardOutcome("failed", str(error))
        except DiskFullError as error:
            return ShardOutcome("failed", str(error), is_fatal=True, full_disk=error)
        except OSError as error:  # readers turn theirs into SourceError
            text = f"cannot write to {self._folder}: {error.strerror or error}; free space or choose another --out"
            return ShardOutcome("failed", text, is_fatal=True)
        except Exception as error:
            place = extract_tb(error.__traceback__)[-1]
            text = f"{type(error).__name__} in {Path(place.filename).name}, line {place.lineno}: {error}"
            return ShardOutcome("failed", text)

    def _written(self, task: ShardTask, stream: FrameStream, tell: TellFrames) -> ShardOutcome:
        frames = people = 0
        problems, first = Counter[str](), dict[str, str]()
        weights = str(getattr(getattr(self._pipeline, "engine", None), "weights_sha256", ""))
        about = {"fingerprint": task.fingerprint, "weights_sha256": weights}
        with ExitStack() as stack:
            writer = stack.enter_context(self._writer(task, about))
            depth = stack.enter_context(DepthTar(self._folder, task.shard)) if self._options.depth else None
            for row, metres in self._rows(task, stream):
                writer.write(row)
                if depth is not None and metres is not None:
                    depth.add(row.frame, metres)
                frames, people = frames + 1, people + len(row.people)
                if row.problem:
                    problems[row.problem] += 1
                    first.setdefault(row.problem, row.image or f"frame {row.frame}")
                tell((frames, stream.total))
            cause = "; ".join(filter(None, (stream.damage, _listed(problems, first, frames))))
            if problems.total() == frames:
                raise SourceError(cause or "it has no frames")
            writer.tell("problem", cause)
        return ShardOutcome("damaged" if cause else "done", cause, frames, people, self._pipeline.body.name, weights)

    def _writer(self, task: ShardTask, about: dict[str, str]) -> ShardWriter:
        body, version = self._pipeline.body.name, metrichmsr_ros.__version__
        return ShardWriter(self._folder, task.shard, task.source.name, body, version, about)

    def _rows(self, task: ShardTask, stream: FrameStream) -> Iterator[tuple[FrameRow, Float32Array | None]]:
        """The row of every frame, and the depth of its scene."""
        self._pipeline.reset()
        tracked = IdNames(task.id_prefix)
        for frame in read_ahead(stream):
            named = tracked if stream.is_video else IdNames(f"f{frame.index}-")
            try:
                scene = self._scene(frame, stream.is_video)
            except SourceError as error:
                yield row_without_estimates(frame, str(error)), None
                continue
            yield row_of(frame, scene, named, self._options.min_confidence), scene.depth.metres

    def _scene(self, frame: SourceFrame, is_video: bool) -> Scene:
        if frame.image is None:
            raise SourceError(frame.problem or "no image")
        if frame.jumped:
            self._pipeline.reset()
        request, context = self._request, frame.context
        try:
            if not is_video:
                return self._pipeline.estimate(frame.image, frame.camera, request=request, context=context)
            stamp_s = frame.stamp_ns / 1e9
            return self._pipeline.track(frame.image, frame.camera, stamp_s, request=request, context=context)
        except Exception as error:  # as in the node: one failed frame does not end the others
            raise SourceError(f"{type(error).__name__}: {error}") from error


def _listed(problems: Counter[str], first: Mapping[str, str], frames: int) -> str:
    """The problems in one text: the most frequent, the first frame that has it, and how many frames have one."""
    if not problems:
        return ""
    ((text, _),) = problems.most_common(1)
    return f"{problems.total()} of {frames} frames have no estimates, first {first[text]}: {text}"
