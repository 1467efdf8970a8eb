"""Process each frame of a replay: pipeline, output bag, log, camera pose and the selection of the worst frames."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

import numpy as np

from metrichmsr_ros.evaluation.metrics.report import evaluate_sequence
from metrichmsr_ros.io.texts import json_text
from metrichmsr_ros.pipeline.scene import OutputRequest, Scene
from metrichmsr_ros.replay.bag_source import BagSource
from metrichmsr_ros.replay.disk_reserve import DiskReserve
from metrichmsr_ros.replay.ground_truth import TruthByStamp
from metrichmsr_ros.replay.options import ExitCode, ReplayError, ReplayOptions
from metrichmsr_ros.replay.records import FrameRecord, person_from_estimate
from metrichmsr_ros.replay.world.camera_poses import CameraPoses
from metrichmsr_ros.replay.world.fixed_frame import FixedFramePeople
from metrichmsr_ros.replay.worst_frames import WorstFrames
from metrichmsr_ros.ros.bags.errors import DamagedBagError
from metrichmsr_ros.ros.bags.output_bag import OutputBag
from metrichmsr_ros.ros.frame_names import in_frame
from metrichmsr_ros.ros.inputs.intake import ReadyFrame
from metrichmsr_ros.ros.outputs.people import Body, PeopleOptions
from metrichmsr_ros.ros.tf_tree import TransformError
from metrichmsr_ros.types import Float64Array
from metrichmsr_ros.visual.overlay import draw_overlay

NO_CAMERA_POSE = "no camera pose"  # cause
_MESHES = OutputRequest(vertices=True, depth=False)
FrameProgress = Callable[[int, int], None]  # frames processed, frames in total


@dataclass
class FrameLoop:
    """Processes frames and collects the data of the results.

    Attributes:
        pipeline: a `Pipeline`, or an object with `track`, `reset` and `body`.
        truth: true people by stamp of the image.
        poses: camera poses in the world.
        options: options of the replay.
        fixed: people in the fixed frame; None: not asked for.
        worst: the worst frames so far.
        frames: one record per processed frame, in order.
        cameras: world_from_camera (4, 4) by stamp, for frames with a camera pose.
    """

    pipeline: Any
    truth: TruthByStamp
    poses: CameraPoses
    options: ReplayOptions
    fixed: FixedFramePeople | None = None
    worst: WorstFrames = field(init=False)
    frames: list[FrameRecord] = field(default_factory=list)
    cameras: dict[int, Float64Array] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Start without worst frames."""
        self.worst = WorstFrames(self.options.worst)

    def run(self, source: BagSource, out: Path, total: int, progress: FrameProgress | None) -> ReplayError | None:
        """Process the images of the source.

        Returns:
            The error that ended the replay early (a damaged bag or a full disk), or None.

        Raises:
            OSError: the results so far cannot be written.
            BagError: the bag cannot be read at all.
        """
        self.pipeline.reset()
        with (
            OutputBag(out / "bag", self.pipeline.body, _people_options(self.options)) as sink,
            (out / "frames.jsonl").open("w", encoding="utf-8", buffering=1) as log,
        ):
            try:
                with DiskReserve(out) as reserve:  # freed before bag and log are closed, because closing writes
                    return self._through(source, sink, log, reserve, total, progress)
            except OSError as error:  # from writing; reading raises BagError
                return self._disk_full(out, error.strerror or str(error))
            except DamagedBagError as error:
                return ReplayError(str(error), ExitCode.PARTIAL)

    def _through(
        self,
        source: BagSource,
        sink: OutputBag,
        log: IO[str],
        reserve: DiskReserve,
        total: int,
        progress: FrameProgress | None,
    ) -> ReplayError | None:
        person_frames = 0
        for ready in source:
            if reserve.is_needed(person_frames):
                return self._disk_full(sink.path.parent, "its disk is nearly full")
            scene = self._processed(ready, source)
            if scene is None:
                continue
            self._keep(ready, scene, source, sink, log)
            person_frames += len(scene.people)
            if progress:
                progress(len(self.frames), total)
            if len(self.frames) == self.options.limit:
                break
        return None

    def _processed(self, ready: ReadyFrame, source: BagSource) -> Scene | None:
        """The scene of one image; None if the pipeline raised an exception, which is counted as a dropped image."""
        if ready.starts_anew:
            self.pipeline.reset()
            if self.fixed is not None:
                self.fixed.forget()
        try:
            scene: Scene = self.pipeline.track(
                ready.image, ready.camera, ready.stamp_s, request=_MESHES, context=ready.context
            )
        except Exception as error:  # as in the node: one failed frame does not end the replay
            source.drop("failed", f"{type(error).__name__}: {error}")
            return None
        return scene

    def _keep(self, ready: ReadyFrame, scene: Scene, source: BagSource, sink: OutputBag, log: IO[str]) -> None:
        people = tuple(person_from_estimate(person) for person in scene.people)
        frame = FrameRecord(ready.stamp_ns, people, {**ready.seconds, **scene.timings})
        pose = self._camera_pose(ready, source)
        if pose is not None:
            self.cameras[ready.stamp_ns] = pose
        self.frames.append(frame)
        faces = np.asarray(self.pipeline.body.faces)
        overlay = draw_overlay(scene, faces) if self.options.overlay else None
        score, caption = frame_score(frame, self.truth)
        self.worst.offer(frame.stamp_ns, score, caption, lambda: draw_overlay(scene, faces))
        self._keep_fixed(ready, sink.write(scene, ready.header, ready.arrived_ns, overlay), sink)
        log.write(json_text(_line(frame)) + "\n")

    def _camera_pose(self, ready: ReadyFrame, source: BagSource) -> Float64Array | None:
        """world_from_camera (4, 4); where the user named the poses, an image without one is counted."""
        frame, stamp_ns = ready.header.frame_id, ready.stamp_ns
        if not self.options.world and not self.options.cameras:
            return self.poses.world_from(frame, stamp_ns)
        try:
            return self.poses.matrix(frame, stamp_ns)
        except TransformError as error:
            source.context.problem(NO_CAMERA_POSE, str(error))
            return None

    def _keep_fixed(self, ready: ReadyFrame, bodies: list[Body], sink: OutputBag) -> None:
        if self.fixed is None:
            return
        motion = self.fixed.update(bodies, ready.header)
        if motion is not None:
            sink.write_fixed(motion, in_frame(ready.header, self.fixed.frame), ready.arrived_ns)

    def _disk_full(self, out: Path, why: str) -> ReplayError:
        text = f"cannot write to {out}: {why}. Stopped after {len(self.frames)} frames; free disk space and start again"
        return ReplayError(text, ExitCode.OUTPUT)


def _people_options(options: ReplayOptions) -> PeopleOptions:
    return PeopleOptions(options.id_prefix, options.min_confidence, options.vertices)


def _line(frame: FrameRecord) -> dict[str, Any]:
    people = [
        {
            "id": person.id,
            "position": [round(float(x), 4) for x in person.root],
            "height": round(person.height, 3),
            "confidence": round(person.confidence, 3),
            "occluded": person.occluded,
        }
        for person in frame.people
    ]
    return {"stamp_ns": frame.stamp_ns, "digest": frame.digest[:16], "people": people}


def frame_score(frame: FrameRecord, truth: TruthByStamp) -> tuple[float, str]:
    """Score of a frame, larger is worse, and its description.

    With truth: the sum of the root errors in metres, plus 1 m for every missed person and false alarm. Without truth:
    1 - the lowest confidence; minus infinity without people.
    """
    if frame.stamp_ns in truth:
        report = evaluate_sequence([truth[frame.stamp_ns]], [frame.people])
        missed = report.visible - report.found
        error = sum(pair.root_error_m for pair in report.pairs)
        words = f"{missed} missed, {report.false_alarms} false, total root error {error:.2f} m"
        return error + missed + report.false_alarms, words
    if not frame.people:
        return float("-inf"), ""
    doubt = min(frame.people, key=lambda p: p.confidence)
    return 1.0 - doubt.confidence, f"{doubt.id} with confidence {doubt.confidence:.2f}"
