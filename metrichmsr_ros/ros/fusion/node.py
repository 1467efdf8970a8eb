"""The fusion node: people of 2 to 8 perception nodes in; each person once, in a fixed frame, out.

    ros2 run metrichmsr_ros fusion --ros-args -p cameras:=left,right -p fixed_frame:=odom

A lifecycle node that configures and activates itself unless `autostart` is false.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Mapping
from functools import partial
from typing import Any

import rclpy
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from rclpy.clock import Clock, ClockType
from rclpy.exceptions import ParameterException
from rclpy.executors import ExternalShutdownException, SingleThreadedExecutor
from rclpy.lifecycle import LifecycleNode, LifecycleState, TransitionCallbackReturn
from rclpy.parameter import Parameter
from std_msgs.msg import Header

from metrichmsr_ros.fusion.config import FusionConfig
from metrichmsr_ros.fusion.frame_sets import FrameSet, FrameSets
from metrichmsr_ros.fusion.people_fusion import PeopleFusion
from metrichmsr_ros.msg import HumanMeshArray
from metrichmsr_ros.ros.diagnostics import status_message
from metrichmsr_ros.ros.frame_names import bare
from metrichmsr_ros.ros.fusion.health import CameraHealth, extrinsics_status
from metrichmsr_ros.ros.fusion.outputs import FusionOutputs
from metrichmsr_ros.ros.fusion.parameters import FUSION_PARAMETERS, FusionSettings
from metrichmsr_ros.ros.fusion.people import sightings_of
from metrichmsr_ros.ros.fusion.waiting import PlacedFrame, TransformQueue
from metrichmsr_ros.ros.graph_hints import elsewhere, misspelt
from metrichmsr_ros.ros.inputs.stamp_gate import stamp_ns
from metrichmsr_ros.ros.inputs.subscription import Input
from metrichmsr_ros.ros.outputs.session_tag import session_tag
from metrichmsr_ros.ros.parameter_declaration import declare_parameters, read_values
from metrichmsr_ros.ros.process import interrupt_once, start_rclpy
from metrichmsr_ros.ros.tf import TransformBroadcaster, TransformListener

QUEUED_MESSAGES = 10
POLL_S = 0.02  # how often waiting messages look for their transforms
_SUCCESS, _FAILURE = TransitionCallbackReturn.SUCCESS, TransitionCallbackReturn.FAILURE
_HUMANS = ("metrichmsr_ros/msg/HumanMeshArray",)


class FusionNode(LifecycleNode):
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
        self._sets: FrameSets[PlacedFrame] = FrameSets()
        self._queue: TransformQueue | None = None
        self._transforms: TransformListener | None = None
        self._outputs: FusionOutputs | None = None
        self._inputs: dict[str, Input] = {}
        self._people = 0
        self._lock = threading.RLock()  # an executor may run several inputs and a timer at once
        self._health = CameraHealth(self._cameras, self.get_logger().warning)
        self._broadcaster = TransformBroadcaster(self) if self._settings.publish_tf else None
        self._diagnostics = self.create_publisher(DiagnosticArray, "/diagnostics", 10)
        steady = Clock(clock_type=ClockType.STEADY_TIME)  # simulated time may stand still, waiting and reports may not
        self._timers = [
            self.create_timer(1.0, self._report, clock=steady),
            self.create_timer(POLL_S, self._work, clock=steady),
        ]
        if self._settings.autostart:
            self._start_timer = self.create_timer(0.0, self._autostart, clock=steady)

    @property
    def state(self) -> str:
        """Lifecycle state: unconfigured, inactive, active or finalized."""
        return str(self._state_machine.current_state[1])

    # transitions ---------------------------------------------------------------------------------------------------

    def _autostart(self) -> None:
        self._start_timer.cancel()
        if self.state == "unconfigured":
            self.trigger_configure()
        if self.state == "inactive" and self.context.ok():
            self.trigger_activate()

    def on_configure(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Create the publishers; forget everybody."""
        settings = self._settings
        self._fusion = PeopleFusion(
            FusionConfig(tolerance=settings.extrinsics_stddev, forget_after=settings.forget_after)
        )
        prefix = settings.id_prefix + (session_tag() if settings.unique_ids else "")
        self._outputs = FusionOutputs(self, self._broadcaster, prefix, settings.min_confidence)
        return super().on_configure(state)

    def on_activate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Enable the publishers and subscribe."""
        result = super().on_activate(state)
        self._sets = FrameSets()
        self._health = CameraHealth(self._cameras, self.get_logger().warning)
        self._transforms = TransformListener(self)
        self._queue = TransformQueue(
            self._transforms, self._settings.fixed_frame, self._settings.tf_timeout, self._no_transform
        )
        self._inputs = {
            camera: Input(
                self, HumanMeshArray, self._topic(camera), partial(self._on_humans, camera), QUEUED_MESSAGES, "auto"
            )
            for camera in self._cameras
        }
        self.get_logger().info(f"active: {', '.join(map(self._topic, self._cameras))} in {self._settings.fixed_frame}")
        return result

    def on_deactivate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Unsubscribe and disable the publishers."""
        self._stop()
        return super().on_deactivate(state)

    def on_cleanup(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Take the topics back."""
        self._release()
        return _SUCCESS

    def on_shutdown(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Stop and release from any state."""
        self._release()
        return _SUCCESS

    def on_error(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Release everything; the node can be configured again."""
        self.get_logger().error("a transition failed: releasing everything")
        self._release()
        return _SUCCESS

    def destroy_node(self) -> None:
        """Release, then destroy as usual."""
        self._release()
        super().destroy_node()

    def _stop(self) -> None:
        for source in self._inputs.values():
            source.close()
        self._inputs, self._queue = {}, None
        if self._transforms is not None:
            self._transforms.close()
        self._transforms = None

    def _release(self) -> None:
        self._stop()
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
        people = self._fusion.step(sightings, frames.stamp_s)
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


def _run() -> None:
    try:
        node = FusionNode()
    except (ParameterException, ValueError) as error:  # names the parameter, its value and what is allowed
        sys.exit(f"fusion: {error}")
    try:
        executor = SingleThreadedExecutor()
        executor.add_node(node)
        executor.spin()
    finally:
        node.destroy_node()


def main(args: list[str] | None = None) -> None:
    """Run one node until SIGINT or SIGTERM."""
    signals = interrupt_once()
    try:
        with signals.raising(False):
            start_rclpy("fusion", args)
            _run()
    except (KeyboardInterrupt, ExternalShutdownException):
        pass  # how a node ends
    except Exception:
        if not signals.came:
            raise
        # rclpy was shut down under what was at work
    finally:
        rclpy.try_shutdown()
        signals.close()


if __name__ == "__main__":
    main()
