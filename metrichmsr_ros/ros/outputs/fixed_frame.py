"""Topics of people in the fixed frame. Each image waits for its own transform, beside the images that follow.

Only a transform at the stamp of the image is used. The image's people are queued until it comes, so the worker is never
held up; they are published in the order of their stamps. What has no transform after `WAIT_S` is reported and left out.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

from geometry_msgs.msg import PoseArray
from sensor_msgs.msg import PointCloud2
from std_msgs.msg import Header
from visualization_msgs.msg import MarkerArray

from metrichmsr_ros.people.tracking.fixed_frame import FixedFrameFilter, PeopleInFrame, PeopleMotion
from metrichmsr_ros.people.tracking.occupancy import Prediction, predict
from metrichmsr_ros.ros.frame_names import bare, in_frame
from metrichmsr_ros.ros.inputs.stamp_gate import stamp_ns
from metrichmsr_ros.ros.messages import PlainMessage, optional_messages, to_rclpy
from metrichmsr_ros.ros.outputs.fixed_messages import fixed_markers, predicted_cloud, predicted_markers
from metrichmsr_ros.ros.outputs.fixed_people import fixed_people, fixed_poses, people_of
from metrichmsr_ros.ros.outputs.markers import ShownMarkers
from metrichmsr_ros.ros.outputs.people import Body
from metrichmsr_ros.ros.tf_tree import TransformError
from metrichmsr_ros.types import Float64Array

WAIT_S = 0.5
MOST_QUEUED = 64  # images

FixedBuild = Callable[[PeopleMotion, Prediction, Header], Any]


class StampedTransforms(Protocol):
    """`ros.tf.TransformListener`."""

    def matrix(self, target: str, source: str, stamp_ns: int) -> Float64Array:
        """(4, 4) from `source` to `target` at a time; raises TransformError without one."""


@dataclass(frozen=True)
class _Waiting:
    people: PeopleInFrame  # in the camera's frame
    header: Header
    since_s: float


class FixedFrameTopics:
    """Filters and publishes people in one fixed frame. Thread-safe.

    Args:
        frame: name of the frame.
        publisher: makes a publisher of a message type and a topic.
        min_probability: gives the current lowest probability of points of `~/predicted`.
        is_open: False once the middleware has been shut down.
    """

    def __init__(
        self,
        frame: str,
        publisher: Callable[[Any, str], Any],
        min_probability: Callable[[], float],
        is_open: Callable[[], bool],
    ) -> None:
        self._frame, self._min_probability, self._is_open = bare(frame), min_probability, is_open
        self._lock = threading.Lock()
        self._filter = FixedFrameFilter()
        self._markers = ShownMarkers()
        self._waiting: deque[_Waiting] = deque()
        self._transforms: StampedTransforms | None = None
        self._problem: Callable[[str, str], None] = lambda cause, text: None
        self._state = "no image yet"
        self._topics: list[tuple[Any, FixedBuild]] = [
            (publisher(PoseArray, "~/people_fixed_poses"), lambda motion, later, header: fixed_poses(motion, header)),
            (
                publisher(MarkerArray, "~/people_fixed_markers"),
                lambda motion, later, header: fixed_markers(motion, header),
            ),
            (publisher(PointCloud2, "~/predicted"), self._cloud),
            (publisher(MarkerArray, "~/predicted_markers"), predicted_markers),
        ]
        if people := optional_messages("people_msgs"):
            topic = publisher(people.People, "~/people_fixed")
            self._topics.append((topic, lambda motion, later, header: fixed_people(motion, header)))

    @property
    def publishers(self) -> list[Any]:
        """The publishers of all topics."""
        return [publisher for publisher, _ in self._topics]

    @property
    def has_readers(self) -> bool:
        """Whether a topic has a subscriber."""
        return any(publisher.get_subscription_count() > 0 for publisher in self.publishers)

    @property
    def health(self) -> dict[str, str]:
        """State of the transform to the fixed frame, for diagnostics."""
        return {"fixed frame": self._state}

    def follow(self, transforms: StampedTransforms | None, problem: Callable[[str, str], None]) -> None:
        """Take transforms from here, and forget everybody; None: no more are published.

        Args:
            transforms: of /tf.
            problem: called with cause and text for each image without a transform.
        """
        with self._lock:
            self._transforms, self._problem = transforms, problem
        self.forget()

    def forget(self) -> None:
        """Forget everybody, e.g. when the stamps jump."""
        with self._lock:
            self._waiting.clear()
            self._filter.reset()

    def rest(self) -> None:
        """Forget everybody and remove their markers, while no images are processed."""
        self.forget()
        with self._lock:
            self._markers.clear()

    def offer(self, bodies: list[Body], header: Header) -> None:
        """Publish the people of one image, now or when its transform comes.

        Args:
            bodies: people in the camera's frame.
            header: of the image.
        """
        if not self.has_readers:
            self._state = "nobody subscribes"
            self.forget()
            return
        if not header.frame_id or stamp_ns(header) == 0:
            what = "frame_id" if not header.frame_id else "stamp"
            self._missing(f"images have no {what}, so no transform can be looked up; set it in the camera driver")
            return
        with self._lock:
            self._waiting.append(_Waiting(people_of(bodies), header, time.monotonic()))
            self._flush()

    def transforms_came(self) -> None:
        """Publish what waited for the transforms that have just come; never raises in the executor's thread."""
        with self._lock:
            try:
                self._flush()
            except Exception as error:
                if self._is_open():
                    self._problem("failed", f"{type(error).__name__}: {error}")

    def _flush(self) -> None:
        missing: list[tuple[_Waiting, TransformError]] = []
        for waiting in list(self._waiting):
            try:
                pose = self._pose(waiting.header)
            except TransformError as error:
                missing.append((waiting, error))
                continue
            # A newer image has its transform: /tf does not go back for the older ones.
            self._give_up(missing, len(missing))
            missing = []
            self._waiting.popleft()
            self._publish(waiting, pose)
        late = sum(time.monotonic() - waiting.since_s >= WAIT_S for waiting, _ in missing)
        self._give_up(missing, max(late, len(missing) - MOST_QUEUED))
        if self._waiting and not late:
            self._state = "waiting for /tf"

    def _pose(self, header: Header) -> Float64Array:
        if self._transforms is None:
            raise TransformError("/tf is not listened to")
        return self._transforms.matrix(self._frame, bare(header.frame_id), stamp_ns(header))

    def _give_up(self, missing: list[tuple[_Waiting, TransformError]], count: int) -> None:
        for waiting, error in missing[:count]:
            self._waiting.popleft()
            self._missing(f"{self._frame} to {waiting.header.frame_id}: {error}; check that its publisher runs")

    def _missing(self, text: str) -> None:
        self._state = "no transform"
        self._problem("no fixed frame", text)

    def _publish(self, waiting: _Waiting, pose: Float64Array) -> None:
        self._state = "of the image's stamp"
        motion = self._filter.update(waiting.people.moved(pose), stamp_ns(waiting.header) / 1e9)
        later = predict(motion, self._filter.acceleration_density)
        header = in_frame(waiting.header, self._frame)
        for publisher, build in self._topics:
            if publisher.get_subscription_count() > 0:
                message = build(motion, later, header)
                publisher.publish(to_rclpy(message) if isinstance(message, PlainMessage) else message)
                self._markers.published(publisher, message)

    def _cloud(self, motion: PeopleMotion, later: Prediction, header: Header) -> PointCloud2:
        return predicted_cloud(motion, later, header, self._min_probability())
