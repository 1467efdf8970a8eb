"""The follow node: people of a perception or fusion node in; the frame, goal and status of one of them out.

    ros2 run metrichmsr_ros follow --ros-args -r humans:=/perception/humans -p fixed_frame:=odom

A lifecycle node that configures and activates itself unless `autostart` is false.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from typing import Any

from diagnostic_msgs.msg import DiagnosticArray
from rclpy.clock import Clock, ClockType
from rclpy.lifecycle import LifecycleState, TransitionCallbackReturn
from rclpy.parameter import Parameter
from std_msgs.msg import Header, String
from std_srvs.srv import Trigger

from metrichmsr_ros.msg import HumanMeshArray
from metrichmsr_ros.people.following.goal import Viewpoint
from metrichmsr_ros.people.following.target import FollowStatus
from metrichmsr_ros.ros.diagnostics import tell_of_silence
from metrichmsr_ros.ros.following.chooser import Chooser
from metrichmsr_ros.ros.following.health import SILENT_AFTER_S, FollowHealth
from metrichmsr_ros.ros.following.outputs import FollowOutputs
from metrichmsr_ros.ros.following.parameters import FOLLOW_PARAMETERS, FollowSettings
from metrichmsr_ros.ros.following.people import candidates_of
from metrichmsr_ros.ros.frame_names import bare
from metrichmsr_ros.ros.fusion.waiting import PlacedFrame, TransformQueue
from metrichmsr_ros.ros.graph_hints import elsewhere, misspelt
from metrichmsr_ros.ros.inputs.stamp_gate import stamp_ns
from metrichmsr_ros.ros.inputs.subscription import Input
from metrichmsr_ros.ros.lifecycle.managed_node import ManagedNode
from metrichmsr_ros.ros.lifecycle.program import run_program
from metrichmsr_ros.ros.parameter_declaration import declare_parameters, read_values
from metrichmsr_ros.ros.tf import WARN_EVERY_S, TransformBroadcaster, TransformListener

QUEUED_MESSAGES = 10
POLL_S = 0.02  # how often waiting messages look for their transforms
_HUMANS = ("metrichmsr_ros/msg/HumanMeshArray",)


class FollowNode(ManagedNode):
    """Lifecycle node around one `FollowedPerson`.

    Args:
        name: node name.
        node_options: further arguments of rclpy's Node (context, namespace, parameter_overrides, ...).

    Raises:
        ParameterError: a parameter has a value that it cannot have.
    """

    def __init__(self, name: str = "follow", **node_options: Any) -> None:
        super().__init__(name, **node_options)
        declare_parameters(self, FOLLOW_PARAMETERS)
        self._settings = FollowSettings(**read_values(self, FOLLOW_PARAMETERS))
        for text in misspelt(self._parameter_overrides, self._parameters, {}):
            self.get_logger().warning(text)
        self._chooser = Chooser(self._settings)
        self._queue: TransformQueue | None = None
        self._transforms: TransformListener | None = None
        self._outputs: FollowOutputs | None = None
        self._input: Input | None = None
        self._health = FollowHealth(self._warn)
        self._lock = threading.RLock()
        self._broadcaster = TransformBroadcaster(self)
        self._diagnostics = self.create_publisher(DiagnosticArray, "/diagnostics", 10)
        self._doors = [
            self.create_subscription(String, "~/select", self._on_select, 10),
            self.create_service(Trigger, "~/follow_nearest", self._on_follow_nearest),
            self.create_service(Trigger, "~/stop", self._on_stop),
        ]
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
        with self._lock:
            self._chooser = Chooser(settings)
            self._outputs = FollowOutputs(self, self._broadcaster, settings.person_frame, settings.distance)
        return super().on_configure(state)

    def on_activate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Enable the publishers and subscribe."""
        settings = self._settings
        with self._lock:
            result = super().on_activate(state)
            self._transforms = TransformListener(self)
            self._queue = TransformQueue(
                self._transforms, settings.fixed_frame, settings.tf_timeout, self._no_transform, settings.robot_frame
            )
            self._input = Input(self, HumanMeshArray, "humans", self._on_humans, QUEUED_MESSAGES, "auto")
            self._health.received()
            if self._outputs is not None:
                self._outputs.forget_status()
                self._outputs.tell(self._status)
        self.get_logger().info(f"active: {self._topic} in {settings.fixed_frame}")
        return result

    def on_deactivate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Say that nobody is followed, then disable the publishers."""
        with self._lock:
            self.stop()
            if self._outputs is not None:
                self._outputs.tell(FollowStatus.IDLE.value)
        return super().on_deactivate(state)

    def stop(self) -> None:
        """Unsubscribe, and follow nobody; the next start chooses anew."""
        with self._lock:
            if self._input is not None:
                self._input.close()
            if self._transforms is not None:
                self._transforms.close()
            if self._queue is not None:
                self._chooser = Chooser(self._settings)
            self._input = self._queue = self._transforms = None

    def release(self) -> None:
        """Take the topics back."""
        with self._lock:
            if self._outputs is not None:
                self._outputs.destroy()
            self._outputs = None

    # work ----------------------------------------------------------------------------------------------------------

    @property
    def _topic(self) -> str:
        return str(self.resolve_topic_name("humans"))

    @property
    def _status(self) -> str:
        """The status in a word; somebody of whom no news comes is lost."""
        status = self._chooser.status
        silent = self._health.silent_s > max(self._settings.predict_for, SILENT_AFTER_S)
        is_held = status in (FollowStatus.FOLLOWING.value, FollowStatus.PREDICTED.value)
        return FollowStatus.LOST.value if silent and is_held else status

    @property
    def _is_current(self) -> bool:
        """Whether the last image is of now; else those who were there may have left."""
        return self._health.silent_s <= SILENT_AFTER_S

    def _on_humans(self, message: HumanMeshArray) -> None:
        with self._lock:
            if self._queue is not None:
                self._queue.add("", message)
                self._work()

    def _no_transform(self, camera: str, text: str) -> None:
        self._health.problem(f"no transform: {text}")

    def _warn(self, text: str) -> None:
        self.get_logger().warning(text, throttle_duration_sec=WARN_EVERY_S)

    def _work(self) -> None:
        """Take the people whose transforms have come, and tell of changes."""
        with self._lock:
            for frame in self._queue.ready() if self._queue is not None else ():
                self._take(frame)
            if self._outputs is not None and self._queue is not None:
                self._outputs.tell(self._status)

    def _take(self, frame: PlacedFrame) -> None:
        self._health.received()
        header = Header(stamp=frame.message.header.stamp, frame_id=bare(self._settings.fixed_frame))
        people = candidates_of(frame.message, frame.pose, self._health.problem)
        view = self._view(frame)
        state = self._chooser.step(people, view, stamp_ns(header) * 1e-9)
        if self._outputs is not None and state is not None:
            self._outputs.publish(state, header, view)

    def _view(self, frame: PlacedFrame) -> Viewpoint | None:
        """Where the robot is at the image's stamp; where the camera is if the robot's frame is not in /tf."""
        if frame.robot is not None:
            return Viewpoint.of_robot(frame.robot)
        if frame.robot_problem:
            self._health.problem(f"no place of the robot in time, so no goal: {frame.robot_problem}")
            return None
        if bare(frame.message.header.frame_id) != bare(self._settings.fixed_frame):
            return Viewpoint.of_camera(frame.pose)
        robot = self._settings.robot_frame
        self._health.problem(f"no place of the robot, so no goal: {robot} is not in /tf; set robot_frame")
        return None

    # requests ------------------------------------------------------------------------------------------------------

    def _on_select(self, message: String) -> None:
        with self._lock:
            self._chooser.select(message.data.strip(), self._is_current)
            self.get_logger().info(f"asked to follow {message.data.strip()!r}")

    def _on_follow_nearest(self, request: Trigger.Request, response: Trigger.Response) -> Trigger.Response:
        with self._lock:
            id = self._chooser.follow_nearest() if self._is_current else ""
        near = f"{self._settings.choose_distance:g} m and {self._settings.choose_angle:g} rad"
        response.success = bool(id)
        response.message = f"following {id}" if id else f"nobody is seen in front of the robot, within {near}"
        return response

    def _on_stop(self, request: Trigger.Request, response: Trigger.Response) -> Trigger.Response:
        with self._lock:
            self._chooser.stop()
        response.success, response.message = True, "following nobody"
        return response

    # health --------------------------------------------------------------------------------------------------------

    def _report(self) -> None:
        name = self.get_fully_qualified_name().lstrip("/")
        message = DiagnosticArray()
        message.header.stamp = self.get_clock().now().to_msg()
        person = self._chooser.state
        message.status = [self._health.report(name, self.state, self._status, person, self._hint)]
        tell_of_silence(self, message.status)
        self._diagnostics.publish(message)

    def _hint(self) -> str:
        mismatch = self._input.mismatch if self._input is not None else ""
        return mismatch or elsewhere(self, self._topic, "humans", _HUMANS)


def make_follow_node(parameter_overrides: Mapping[str, Any] | None = None, **node_options: Any) -> FollowNode:
    """A follow node to add to an executor of your own.

    Args:
        parameter_overrides: values by parameter name.
        node_options: further arguments of the node, e.g. `context`, `namespace`, `name`.

    Raises:
        ParameterError: a parameter has a value that it cannot have.
    """
    overrides = [Parameter(name, value=value) for name, value in (parameter_overrides or {}).items()]
    return FollowNode(parameter_overrides=overrides, **node_options)


def main(args: list[str] | None = None) -> None:
    """Run one node until SIGINT or SIGTERM."""
    run_program("follow", lambda signals: FollowNode(), args)


if __name__ == "__main__":
    main()
