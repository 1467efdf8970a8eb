"""The fusion node: people of 2 to 8 perception nodes in; each person once, in a fixed frame, out.

    ros2 run metrichmsr_ros fusion --ros-args -p cameras:=left,right -p fixed_frame:=odom

A lifecycle node that configures and activates itself unless `autostart` is false.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from functools import partial
from typing import Any

from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from rclpy.clock import Clock, ClockType
from rclpy.lifecycle import LifecycleState, TransitionCallbackReturn
from rclpy.parameter import Parameter
from std_msgs.msg import Header

from metrichmsr_ros.fusion.config import FusionConfig
from metrichmsr_ros.fusion.frame_sets import FrameSet, FrameSets
from metrichmsr_ros.fusion.people_fusion import PeopleFusion
from metrichmsr_ros.fusion.sighting import SightingError
from metrichmsr_ros.msg import HumanMeshArray
from metrichmsr_ros.ros.diagnostics import status_message, tell_of_silence
from metrichmsr_ros.ros.frame_names import bare
from metrichmsr_ros.ros.fusion.health import CameraHealth, extrinsics_status
from metrichmsr_ros.ros.fusion.outputs import FusionOutputs
from metrichmsr_ros.ros.fusion.parameters import FUSION_PARAMETERS, FusionSettings
from metrichmsr_ros.ros.fusion.people import sightings_of
from metrichmsr_ros.ros.fusion.waiting import PlacedFrame, TransformQueue
from metrichmsr_ros.ros.graph_hints import elsewhere, misspelt
from metrichmsr_ros.ros.inputs.stamp_gate import stamp_ns
from metrichmsr_ros.ros.inputs.subscription import Input
from metrichmsr_ros.ros.lifecycle.managed_node import ManagedNode
from metrichmsr_ros.ros.lifecycle.program import run_program
from metrichmsr_ros.ros.outputs.session_tag import session_tag
from metrichmsr_ros.ros.parameter_declaration import declare_parameters, read_values
from metrichmsr_ros.ros.tf import TransformBroadcaster, TransformListener

QUEUED_MESSAGES = 10
POLL_S = 0.02  # how often waiting messages look for their transforms
_HUMANS = ("metrichmsr_ros/msg/HumanMeshArray",)


class FusionNode(ManagedNode):
    """Lifecycle node around one `PeopleFusion`.

    Args:
        name: node name.
        node_options: further arguments of rclpy's Node (context, namespace, parameter_overrides, ...).

    Raises:
        ParameterError: a parameter has a value that it cannot have.
    """

    def __init__(self, name: str = "fusion", **node_options: Any) -> None:
        super().__init__(name, **node_options)
        declare_parameters(self, FUSION_PARAMETERS)
        self._settings = FusionSettings(**read_values(self, FUSION_PARAMETERS))
        self._cameras = self._settings.camera_names
        for text in misspelt(self._parameter_overrides, self._parameters, {}):
            self.get_logger().warning(text)
        self._fusion = PeopleFusion()
        self._health = CameraHealth(self._cameras, self.get_logger().warning)
        self._sets: FrameSets[PlacedFrame] = FrameSets(self._health.problem)
        self._queue: TransformQueue | None = None
        self._transforms: TransformListener | None = None
        self._outputs: FusionOutputs | None = None
        self._inputs: dict[str, Input] = {}
        self._people = 0
        self._lock = threading.RLock()  # an executor may run several inputs and a timer at once
        self._broadcaster = TransformBroadcaster(self) if self._settings.publish_tf else None
        self._diagnostics = self.create_publisher(DiagnosticArray, "/diagnostics", 10)
        steady = Clock(clock_type=ClockType.STEADY_TIME)  # simulated time may stand still, waiting and reports may not
        self._ticks = [
            self.create_timer(1.0, self._report, clock=steady),
            self.create_timer(POLL_S, self._work, clock=steady),
        ]
        if self._settings.autostart:
            self.start_by_itself(steady)

    # transitions ---------------------------------------------------------------------------------------------------

    def on_configure(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Create the publishers; forget everybody."""
        settings = self._settings
        config = FusionConfig(tolerance=settings.extrinsics_stddev, forget_after=settings.forget_after)
        prefix = settings.id_prefix + (session_tag() if settings.unique_ids else "")
        with self._lock:
            self._fusion = PeopleFusion(config)
            self._outputs = FusionOutputs(self, self._broadcaster, prefix, settings.min_confidence)
        return super().on_configure(state)

    def on_activate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Enable the publishers and subscribe."""
        with self._lock:
            result = super().on_activate(state)
            self._health = CameraHealth(self._cameras, self.get_logger().warning)
            self._sets = FrameSets(self._health.problem)
            self._transforms = TransformListener(self)
            self._queue = TransformQueue(
                self._transforms, self._settings.fixed_frame, self._settings.tf_timeout, self._no_transform
            )
            self._inputs = {camera: self._input(camera) for camera in self._cameras}
        self.get_logger().info(f"active: {', '.join(map(self._topic, self._cameras))} in {self._settings.fixed_frame}")
        return result

    def _input(self, camera: str) -> Input:
        callback = partial(self._on_humans, camera)
        return Input(self, HumanMeshArray, self._topic(camera), callback, QUEUED_MESSAGES, "auto")

    def stop(self) -> None:
        """Unsubscribe."""
        with self._lock:
            for source in self._inputs.values():
                source.close()
            self._inputs, self._queue, self._people = {}, None, 0
            if self._transforms is not None:
                self._transforms.close()
            self._transforms = None

    def release(self) -> None:
        """Take the topics back."""
        with self._lock:
            if self._outputs is not None:
                self._outputs.destroy()
            self._outputs = None

    # work ----------------------------------------------------------------------------------------------------------

    def _topic(self, camera: str) -> str:
        return f"/{camera}/{self._settings.humans_topic.strip('/')}"

    def _on_humans(self, camera: str, message: HumanMeshArray) -> None:
        with self._lock:
            self._health.received(camera)
            if self._queue is not None:
                self._queue.add(camera, message)
                self._work()

    def _no_transform(self, camera: str, text: str) -> None:
        self._health.problem(camera, "no transform", text)

    def _work(self) -> None:
        """Fuse what has its transforms."""
        with self._lock:
            for frame in self._queue.ready() if self._queue is not None else ():
                for complete in self._sets.add(frame.camera, stamp_ns(frame.message.header) * 1e-9, frame):
                    self._fuse(complete)

    def _fuse(self, frames: FrameSet[PlacedFrame]) -> None:
        sightings = [
            sighting
            for camera, frame in frames.frames.items()
            for sighting in sightings_of(frame, partial(self._health.problem, camera, "unusable person"))
        ]
        try:
            people = self._fusion.step(sightings, frames.stamp_s)
        except SightingError as error:  # numbers at the edge of what can be computed with
            self._health.problem(min(frames.frames), "unusable person", f"{error}; everybody is forgotten")
            self._fusion.reset()
            return
        if people is None:  # of a camera with more latency; the next set has what it saw
            return
        newest = max(frames.frames.values(), key=lambda frame: stamp_ns(frame.message.header))
        header = Header(stamp=newest.message.header.stamp, frame_id=bare(self._settings.fixed_frame))
        if self._outputs is not None:
            self._people = self._outputs.publish(people, header)

    # health --------------------------------------------------------------------------------------------------------

    def _hint(self, camera: str) -> str:
        source = self._inputs.get(camera)
        mismatch = source.mismatch if source is not None else ""
        return mismatch or elsewhere(self, self._topic(camera), self._topic(camera), _HUMANS)

    def _report(self) -> None:
        name = self.get_fully_qualified_name().lstrip("/")
        message = DiagnosticArray()
        message.header.stamp = self.get_clock().now().to_msg()
        values = {"state": self.state, "people": str(self._people), "fixed frame": self._settings.fixed_frame}
        message.status = [
            status_message(f"{name}: output", DiagnosticStatus.OK, f"{self.state}, {self._people} people", values),
            *self._health.camera_statuses(name, self.state == "active", self._hint),
            extrinsics_status(name, self._fusion.disagreements.offsets()),
        ]
        tell_of_silence(self, message.status)
        self._diagnostics.publish(message)


def make_fusion_node(parameter_overrides: Mapping[str, Any] | None = None, **node_options: Any) -> FusionNode:
    """A fusion node to add to an executor of your own. Its ids begin at p1 unless `unique_ids` is set.

    Args:
        parameter_overrides: values by parameter name.
        node_options: further arguments of the node, e.g. `context`, `namespace`, `name`.

    Raises:
        ParameterError: a parameter has a value that it cannot have.
    """
    values = {"unique_ids": False, **(parameter_overrides or {})}
    overrides = [Parameter(name, value=value) for name, value in values.items()]
    return FusionNode(parameter_overrides=overrides, **node_options)


def main(args: list[str] | None = None) -> None:
    """Run one node until SIGINT or SIGTERM."""
    run_program("fusion", lambda signals: FusionNode(), args)


if __name__ == "__main__":
    main()
