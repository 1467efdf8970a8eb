"""What a robot does with a costmap: starts it, tells it where the camera is, sends clouds, and reads its grids."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np
import rclpy
from builtin_interfaces.msg import Time
from geometry_msgs.msg import TransformStamped
from lifecycle_msgs.msg import Transition
from lifecycle_msgs.srv import ChangeState
from nav_msgs.msg import OccupancyGrid
from numpy.typing import NDArray
from rclpy.context import Context
from rclpy.executors import SingleThreadedExecutor
from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy
from scipy.spatial.transform import Rotation
from sensor_msgs.msg import PointCloud2
from std_msgs.msg import Header
from tf2_msgs.msg import TFMessage

from benchmarks.robot.nav2.clouds import CloudMessages
from benchmarks.robot.nav2.process import NAME, NAMESPACE
from benchmarks.robot.obstacle_layer import LayerConfig
from metrichmsr_ros.types import Float64Array

LAYER = "people_layer"
FIXED, BASE, CAMERA = "odom", "base_link", "camera_optical"
DEADLINE_S = 60.0
_LETHAL = 100  # of an OccupancyGrid
_RELIABLE = QoSProfile(depth=5, reliability=ReliabilityPolicy.RELIABLE)  # as the perception node's
_LATCHED = QoSProfile(depth=1, reliability=ReliabilityPolicy.RELIABLE, durability=DurabilityPolicy.TRANSIENT_LOCAL)


class CostmapClient:
    """Talks with one costmap of one ROS domain.

    Args:
        domain: ROS domain.
        config: the window in which grids are given, whatever window the costmap has.
        is_running: whether the costmap's program has not ended.

    Attributes:
        on_grid: called with each grid of the people's layer: marked cells (X, Y), and its stamp, s of the ROS clock.
        last: marked cells (X, Y) of the newest grid; None before the first. Cells beside the costmap's window are not.
        frame: of the clouds.
    """

    def __init__(self, domain: int, config: LayerConfig, is_running: Callable[[], bool]) -> None:
        self._config, self._is_running = config, is_running
        self.context = Context()
        rclpy.init(context=self.context, domain_id=domain)
        self.node = rclpy.create_node("costmap_client", context=self.context)
        self._executor = SingleThreadedExecutor(context=self.context)
        self._executor.add_node(self.node)
        self._tf = self.node.create_publisher(TFMessage, "/tf", QoSProfile(depth=100))
        self._bodies = self.node.create_publisher(PointCloud2, "/perception/body_points", _RELIABLE)
        self._clearing = self.node.create_publisher(PointCloud2, "/perception/clearing_points", _RELIABLE)
        self._state = self.node.create_client(ChangeState, f"{NAMESPACE}/{NAME}/change_state")
        self.node.create_subscription(OccupancyGrid, f"{NAMESPACE}/{LAYER}", self._take, _LATCHED)
        self.on_grid: Callable[[NDArray[np.bool_], float], None] = lambda marked, stamp_s: None
        self.last: NDArray[np.bool_] | None = None

    def close(self) -> None:
        """Leave the domain."""
        self.node.destroy_node()
        self._executor.shutdown()
        rclpy.shutdown(context=self.context)

    def activate(self, T_world_cam: Float64Array) -> None:
        """Configure and activate the costmap; the camera is at this pose (4, 4).

        Raises:
            RuntimeError: the costmap refuses, or does not subscribe to the clouds.
        """
        self.until(self._state.service_is_ready, "the costmap's node")
        self._change(Transition.TRANSITION_CONFIGURE, lambda: None)
        self._change(Transition.TRANSITION_ACTIVATE, lambda: self.send_pose(T_world_cam, self.now()))
        self.until(self._is_heard, "subscriptions to both clouds")

    def send_pose(self, T_world_cam: Float64Array, stamp: Time) -> None:
        """Publish where the robot is, below the camera, and the camera on it: a pose (4, 4)."""
        robot = np.eye(4)
        forward = T_world_cam[:2, 2]
        robot[:3, :3] = Rotation.from_euler("z", np.arctan2(forward[1], forward[0])).as_matrix()
        robot[:2, 3] = T_world_cam[:2, 3]
        on_robot = np.linalg.inv(robot) @ T_world_cam
        pairs = (_transform(FIXED, BASE, robot, stamp), _transform(BASE, CAMERA, on_robot, stamp))
        self._tf.publish(TFMessage(transforms=pairs))

    def send(self, clouds: CloudMessages, bodies_first: bool = False) -> None:
        """Publish the clouds of one image; as the node does, the clearing one first."""
        pairs = ((self._clearing, clouds.clearing), (self._bodies, clouds.bodies))
        for publisher, message in reversed(pairs) if bodies_first else pairs:
            publisher.publish(message)

    def header(self, stamp: Time) -> Header:
        """Of a cloud in the camera's frame."""
        return Header(stamp=stamp, frame_id=CAMERA)

    def now(self) -> Time:
        """The ROS clock, as a stamp."""
        stamp: Time = self.node.get_clock().now().to_msg()
        return stamp

    def until(self, condition: Callable[[], Any], what: str) -> None:
        """Handle what comes until `condition` holds.

        Raises:
            RuntimeError: it does not hold within `DEADLINE_S`, or the costmap's program ends.
        """
        deadline = time.monotonic() + DEADLINE_S
        while not condition():
            if not self._is_running():
                raise RuntimeError(f"the costmap ended before {what}")
            if time.monotonic() > deadline:
                raise RuntimeError(f"waited {DEADLINE_S:.0f} s for {what}")
            self._executor.spin_once(timeout_sec=0.02)

    def until_time(self, monotonic_s: float) -> None:
        """Handle what comes until this time of `time.monotonic`."""
        while (left := monotonic_s - time.monotonic()) > 0:
            self._executor.spin_once(timeout_sec=left)

    def _change(self, transition: int, meanwhile: Callable[[], None]) -> None:
        """Ask for a transition and wait for its end, with `meanwhile` called all the time."""
        request = ChangeState.Request(transition=Transition(id=transition))
        answer = self._state.call_async(request)

        def is_done() -> bool:
            meanwhile()
            return bool(answer.done())

        self.until(is_done, f"transition {transition}")
        if not answer.result().success:
            raise RuntimeError(f"the costmap refuses transition {transition}; its output says why")

    def _is_heard(self) -> bool:
        return self._bodies.get_subscription_count() > 0 and self._clearing.get_subscription_count() > 0

    def _take(self, message: OccupancyGrid) -> None:
        info, config = message.info, self._config
        costs = np.frombuffer(bytes(message.data), np.int8).reshape(info.height, info.width)
        corner = np.array([info.origin.position.x, info.origin.position.y])
        rolled = np.round((corner - config.origin) / config.resolution).astype(np.int64)  # by whole cells
        cells = np.argwhere(costs.T == _LETHAL) + rolled
        self.last = np.zeros(config.shape, bool)
        self.last[tuple(cells[config.inside(cells)].T)] = True
        self.on_grid(self.last, seconds_of(message.header.stamp))


def seconds_of(stamp: Time) -> float:
    """A stamp in seconds."""
    return float(stamp.sec + stamp.nanosec * 1e-9)


def _transform(parent: str, child: str, pose: Float64Array, stamp: Time) -> TransformStamped:
    found = TransformStamped(header=Header(stamp=stamp, frame_id=parent), child_frame_id=child)
    place, turn = found.transform.translation, found.transform.rotation
    place.x, place.y, place.z = pose[:3, 3].tolist()
    turn.x, turn.y, turn.z, turn.w = Rotation.from_matrix(pose[:3, :3]).as_quat().tolist()
    return found
