"""One image message, from its arrival to its results: what the node's worker thread does."""

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
from metrichmsr_ros.ros.inputs.intake import Intake
from metrichmsr_ros.ros.inputs.stamp_gate import FrameDropped, stamp_ns
from metrichmsr_ros.ros.outputs.publishers import Outputs
from metrichmsr_ros.ros.parameters import Settings

OTHER_CLOCK_S = 60.0  # a stamp further than this from the node's clock was not made by that clock


class ScenePipeline(Protocol):
    """What the node asks of a pipeline; `metrichmsr_ros.pipeline.pipeline.Pipeline` is one."""

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
        """Estimate everybody in one image of a video."""

    def reset(self) -> None:
        """Forget everybody."""


@dataclass(frozen=True)
class Frame:
    """An image message and when it came, on the monotonic clock."""

    message: Any
    arrived_s: float


class FrameProcessor:
    """Carries frames through conversion, pairing, the pipeline and the outputs; never raises for a bad frame.

    Args:
        pipeline: image + camera -> Scene.
        outputs: where results go.
        intake: makes images ready for the pipeline.
        statistics: where frames and their fates are counted.
        now_ns: the node's clock, nanoseconds.
        settings: parameters; replace the attribute to change them.
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
        """What came with the last image: CameraInfo, floor, depth."""
        return self._intake.health

    def rest(self) -> None:
        """An image is left out on purpose: a gap in the stamps that follows is the node's own, not the camera's."""
        self._has_rested = True

    def __call__(self, frame: Frame) -> None:
        """Process one frame, or count why not."""
        try:
            self._process(frame)
        except FrameDropped as reason:
            self._statistics.dropped(reason.cause, str(reason))
        except Exception as error:
            # A robot's node outlives what one frame does to a network; the diagnostic says ERROR while it lasts.
            # After Ctrl-C the middleware is gone before the frame in work is done: that is no failure.
            if self._outputs.is_open:
                self._statistics.dropped("failed", f"{type(error).__name__}: {error}")

    def _process(self, frame: Frame) -> None:
        started = time.monotonic()
        if self.settings.lazy and not self._outputs.has_readers():
            self.rest()
            raise FrameDropped("idle", "")
        age = self._age(frame.message.header)
        ready = self._intake.frame(frame.message, int(frame.arrived_s * 1e9), self.settings)
        if ready.jump_s is not None:
            self._start_anew(ready.jump_s)
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
        """Seconds from the stamp to now, None where the two are of different clocks."""
        age = (self._now_ns() - stamp_ns(header)) / 1e9
        if abs(age) > OTHER_CLOCK_S:
            return None
        if 0 < self.settings.max_age < age:
            raise FrameDropped("too old", f"image is {age:.2f} s old, max_age is {self.settings.max_age} s")
        return age

    def _start_anew(self, jump_s: float) -> None:
        text = f"image stamps jumped by {jump_s:+.2f} s: everybody is forgotten and found anew"
        self._statistics.starts_anew("" if self._has_rested else text)
        self._pipeline.reset()


def scale_gain(scene: Scene) -> dict[str, float]:
    """What the surroundings gave in this image: people by source, mean standard deviation of distance before, after."""
    fixes = [(person.scale_correction, float(np.linalg.norm(person.transl_cam))) for person in scene.people]
    fixed = [(fix, distance) for fix, distance in fixes if fix is not None]
    if not fixed:
        return {}
    counts = Counter(source for fix, _ in fixed for source in fix.sources)
    gain = {f"placed by {source}": float(counts[source]) for source in ("floor", "depth", "memory")}
    gain["distance std m, image alone"] = float(np.mean([f.prior_std * d / f.scale for f, d in fixed]))
    gain["distance std m"] = float(np.mean([f.std * d for f, d in fixed]))
    return gain
