"""Process one image message from its arrival to its results, in the node's worker thread."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from metrichmsr_ros.geometry.camera import Camera
from metrichmsr_ros.pipeline.scene import OutputRequest, Scene, SceneContext
from metrichmsr_ros.ros.diagnostics import Statistics
from metrichmsr_ros.ros.inputs.intake import Intake, ReadyFrame
from metrichmsr_ros.ros.inputs.stamp_gate import FrameDropped, stamp_ns
from metrichmsr_ros.ros.outputs.publishers import Outputs
from metrichmsr_ros.ros.parameters import Settings

OTHER_CLOCK_S = 60.0  # a stamp farther from the node's clock is from another clock


class ScenePipeline(Protocol):
    """The interface of a pipeline for the node; `metrichmsr_ros.pipeline.pipeline.Pipeline` implements it."""

    @property
    def body(self) -> Any:
        """Body model: `name`, `faces`, `joint_names`, `parents`."""

    def track(
        self,
        image: npt.NDArray[np.uint8],
        camera: Camera,
        stamp_s: float,
        *,
        request: OutputRequest,
        context: SceneContext,
    ) -> Scene:
        """Estimate all people in one image of a video."""

    def reset(self) -> None:
        """Forget everybody."""


@dataclass(frozen=True)
class Frame:
    """An image message and its time of arrival on the monotonic clock."""

    message: Any
    arrived_s: float


class FrameProcessor:
    """Converts frames, pairs them with their camera, runs the pipeline and publishes; never raises for a bad frame.

    Args:
        pipeline: image + camera -> Scene.
        outputs: publishers of the results.
        intake: prepares images for the pipeline.
        statistics: counts processed and dropped frames.
        now_ns: the node's clock, nanoseconds.
        settings: parameters; assign the attribute to change them.
    """

    def __init__(
        self,
        pipeline: ScenePipeline,
        outputs: Outputs,
        intake: Intake,
        statistics: Statistics,
        now_ns: Callable[[], int],
        settings: Settings,
    ) -> None:
        self.settings = settings
        self._pipeline, self._outputs, self._intake, self._statistics = pipeline, outputs, intake, statistics
        self._now_ns = now_ns
        self._has_rested = False
        pipeline.reset()

    @property
    def health(self) -> dict[str, str]:
        """State of CameraInfo, floor, depth and fixed frame of the last image, for diagnostics."""
        return {**self._intake.health, **self._outputs.health}

    def rest(self) -> None:
        """Skip an image on purpose: the gap in the stamps is then not a jump of the camera's stamps."""
        self._has_rested = True

    def disable(self) -> None:
        """Skip an image because the user wants none processed: nobody is tracked any more."""
        self.rest()
        self._outputs.rest()

    def __call__(self, frame: Frame) -> None:
        """Process one frame, or count the cause why it was dropped."""
        try:
            self._process(frame)
        except FrameDropped as reason:
            self._statistics.dropped(reason.cause, str(reason))
        except Exception as error:
            # One failed frame must not end the node; the diagnostics report ERROR while frames fail.
            # After Ctrl-C the middleware shuts down before the current frame is finished: not a failure.
            if self._outputs.is_open:
                self._statistics.dropped("failed", f"{type(error).__name__}: {error}")

    def _process(self, frame: Frame) -> None:
        started = time.monotonic()
        if self.settings.lazy and not self._outputs.has_readers():
            self.rest()
            raise FrameDropped("idle", "")
        age = self._age(frame.message.header)
        ready = self._intake.frame(frame.message, int(frame.arrived_s * 1e9), self.settings)
        if ready.starts_anew:
            self._start_anew(ready)
        self._has_rested = False
        request = self._outputs.request()
        scene = self._pipeline.track(ready.image, ready.camera, ready.stamp_s, request=request, context=ready.context)
        processed = time.monotonic()
        self._statistics.depth_estimated(scene.depth)
        people = self._outputs.publish(scene, ready.header, request)
        done = time.monotonic()
        seconds = {
            "wait": started - frame.arrived_s,
            **ready.seconds,
            **{f"pipeline {stage}": value for stage, value in scene.timings.items()},
            "publish": done - processed,
            "latency": done - frame.arrived_s,
        }
        if age is not None:
            seconds["stamp to result"] = age + done - started
        self._statistics.frame_processed(seconds, people, scale_gain(scene))

    def _age(self, header: Any) -> float | None:
        """Seconds from the stamp to now; None if they are from different clocks."""
        age = (self._now_ns() - stamp_ns(header)) / 1e9
        if abs(age) > OTHER_CLOCK_S:
            return None
        if 0 < self.settings.max_age < age:
            raise FrameDropped("too old", f"image is {age:.2f} s old, max_age is {self.settings.max_age} s")
        return age

    def _start_anew(self, ready: ReadyFrame) -> None:
        """Forget everybody; a gap in the stamps after a rest is told to nobody."""
        why = ""
        if ready.frame_before is not None:
            why = f"images are of {ready.header.frame_id!r} after {ready.frame_before!r}, another camera"
        elif ready.jump_s is not None and not self._has_rested:
            why = f"image stamps jumped by {ready.jump_s:+.2f} s"
        self._statistics.starts_anew(why and f"{why}: everybody is forgotten and found anew")
        self._pipeline.reset()
        self._outputs.start_anew()


def scale_gain(scene: Scene) -> dict[str, float]:
    """Effect of the scene context: people by source of scale; mean standard deviation of distance before and after."""
    fixes = [(person.scale_correction, float(np.linalg.norm(person.transl_cam))) for person in scene.people]
    fixed = [(fix, distance) for fix, distance in fixes if fix is not None]
    if not fixed:
        return {}
    counts = Counter(source for fix, _ in fixed for source in fix.sources)
    gain = {f"placed by {source}": float(counts[source]) for source in ("floor", "depth", "memory")}
    gain["distance std m, image alone"] = float(np.mean([f.prior_std * d / f.scale for f, d in fixed]))
    gain["distance std m"] = float(np.mean([f.std * d for f, d in fixed]))
    return gain
