"""Write the node's outputs into a rosbag2, without ROS.

Topics, types and numbers are the node's: `/perception/humans`, `/perception/topology`, `/tf` with `body_<id>`, on
request `/perception/overlay/compressed`, and with a fixed frame `/perception/people_fixed_poses` and, where people_msgs
is installed, `/perception/people_fixed`. Messages carry the image's header and the bag's time of that image.
"""

from __future__ import annotations

from pathlib import Path
from types import TracebackType
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from metrichmsr_ros.people.tracking.fixed_frame import PeopleMotion
from metrichmsr_ros.pipeline.scene import Scene
from metrichmsr_ros.ros.bags.message_types import (
    PEOPLE,
    TOPOLOGY,
    TRANSFORMS,
    has_definition,
    register_own_messages,
)
from metrichmsr_ros.ros.bags.topics import COMPRESSED
from metrichmsr_ros.ros.bags.writer import BagWriter
from metrichmsr_ros.ros.messages import PlainMessage, to_rosbags
from metrichmsr_ros.ros.outputs.fixed_people import fixed_people, fixed_poses
from metrichmsr_ros.ros.outputs.people import (
    Body,
    PeopleOptions,
    bodies_of,
    body_transforms,
    has_place,
    humans,
    topology,
)

NAMESPACE = "/perception"


class OutputBag:
    """A bag of outputs, open for writing; a context manager.

    Args:
        path: folder to create; must not exist.
        body: body model with `name`, `faces`, `joint_names`, `parents`, for the topology message.
        options: of the conversion of people to messages.
    """

    def __init__(self, path: Path, body: Any, options: PeopleOptions) -> None:
        self.path = path
        self._writer = BagWriter(path)
        register_own_messages(self._writer.types)
        self._has_people_msgs = has_definition(self._writer.types, PEOPLE)
        self._body, self._options = body, options
        self._began = False

    def __enter__(self) -> OutputBag:
        """Itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Write the index; the bag is complete even if the replay stopped early."""
        self._writer.close()

    def write(self, scene: Scene, header: Any, log_ns: int, overlay: NDArray[np.uint8] | None = None) -> list[Body]:
        """Add the messages of one processed image.

        Args:
            scene: result of the image. header: of the image, from `rosbags`. log_ns: log time of the image.
            overlay: (H, W, 3) uint8 RGB.

        Returns:
            The people of the messages.
        """
        if not self._began:
            self._begin(log_ns)
        bodies = bodies_of(scene, self._options.id_prefix, self._options.min_confidence)
        self._put(f"{NAMESPACE}/humans", humans(bodies, scene, header, self._body.name, self._options), log_ns)
        if has_place(header) and (seen := body_transforms(bodies, header)):
            self._put("/tf", PlainMessage(TRANSFORMS, {"transforms": seen}), log_ns)
        if overlay is not None:
            self._put_overlay(overlay, header, log_ns)
        return bodies

    def write_fixed(self, motion: PeopleMotion, header: Any, log_ns: int) -> None:
        """Add the messages of people in the fixed frame.

        Args:
            motion: people in the fixed frame. header: of the image, in that frame. log_ns: log time of the image.
        """
        self._put(f"{NAMESPACE}/people_fixed_poses", fixed_poses(motion, header), log_ns)
        if self._has_people_msgs:
            self._put(f"{NAMESPACE}/people_fixed", fixed_people(motion, header), log_ns)

    def _begin(self, log_ns: int) -> None:
        name = f"{NAMESPACE}/topology"
        self._writer.add_topic(name, TOPOLOGY, latched=True)
        self._put(name, topology(self._body), log_ns)
        self._began = True

    def _put_overlay(self, overlay: NDArray[np.uint8], header: Any, log_ns: int) -> None:
        ok, jpeg = cv2.imencode(".jpg", cv2.cvtColor(overlay, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, 85])
        if ok:
            fields = {"header": header, "format": "rgb8; jpeg compressed bgr8", "data": jpeg.reshape(-1)}
            self._put(f"{NAMESPACE}/overlay/compressed", PlainMessage(COMPRESSED, fields), log_ns)

    def _put(self, topic: str, message: PlainMessage, log_ns: int) -> None:
        types = self._writer.types
        self._writer.write(topic, message.type, types.serialize_cdr(to_rosbags(message, types), message.type), log_ns)
