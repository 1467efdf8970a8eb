"""Write what the node would have published into a rosbag2, without a ROS.

Topics, types and numbers are the node's: `/perception/humans`, `/perception/topology`, `/tf` with `body_<id>`, and
where asked for `/perception/overlay/compressed`. Messages carry the image's header and the bag's time of that image.
"""

from __future__ import annotations

from pathlib import Path
from types import TracebackType
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from rosbags.interfaces import Connection, Qos, QosDurability, QosHistory, QosLiveliness, QosReliability, QosTime
from rosbags.rosbag2 import StoragePlugin, Writer
from rosbags.typesys import Stores, get_typestore

from metrichmsr_ros.pipeline.scene import Scene
from metrichmsr_ros.ros.bags.message_types import TRANSFORMS, register_own_messages
from metrichmsr_ros.ros.bags.topics import COMPRESSED
from metrichmsr_ros.ros.messages import PlainMessage, to_rosbags
from metrichmsr_ros.ros.outputs.people import PeopleOptions, bodies_of, body_transforms, humans, topology

NAMESPACE = "/perception"
_FOREVER = QosTime(2147483647, 4294967295)


class OutputBag:
    """A bag that is being written; a context manager.

    Args:
        path: folder to create; must not exist.
        body: body model with `name`, `faces`, `joint_names`, `parents`, for the topology message.
        options: how people are put into messages.
    """

    def __init__(self, path: Path, body: Any, options: PeopleOptions) -> None:
        self.path = path
        self._types = get_typestore(Stores.LATEST)
        register_own_messages(self._types)
        self._writer = Writer(path, version=9, storage_plugin=StoragePlugin.MCAP)
        self._connections: dict[str, Connection] = {}
        self._body, self._options = body, options
        self._began = False

    def __enter__(self) -> OutputBag:
        """Create the folder."""
        self._writer.open()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Write the index; the bag is whole also when the replay stopped early."""
        self._writer.close()

    def write(self, scene: Scene, header: Any, log_ns: int, overlay: NDArray[np.uint8] | None = None) -> None:
        """Add the messages of one processed image.

        Args:
            scene: result of the image. header: of the image, of `rosbags`. log_ns: when the image was recorded.
            overlay: (H, W, 3) uint8 RGB.
        """
        if not self._began:
            self._put(f"{NAMESPACE}/topology", topology(self._body), log_ns)
            self._began = True
        bodies = bodies_of(scene, self._options.id_prefix, self._options.min_confidence)
        self._put(f"{NAMESPACE}/humans", humans(bodies, scene, header, self._body.name, self._options), log_ns)
        if seen := body_transforms(bodies, header):
            self._put("/tf", PlainMessage(TRANSFORMS, {"transforms": seen}), log_ns)
        if overlay is not None:
            self._put_overlay(overlay, header, log_ns)

    def _put_overlay(self, overlay: NDArray[np.uint8], header: Any, log_ns: int) -> None:
        ok, jpeg = cv2.imencode(".jpg", cv2.cvtColor(overlay, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, 85])
        if ok:
            fields = {"header": header, "format": "rgb8; jpeg compressed bgr8", "data": jpeg.reshape(-1)}
            self._put(f"{NAMESPACE}/overlay/compressed", PlainMessage(COMPRESSED, fields), log_ns)

    def _put(self, topic: str, message: PlainMessage, log_ns: int) -> None:
        if topic not in self._connections:
            latched = topic.endswith("/topology")
            self._connections[topic] = self._writer.add_connection(
                topic, message.type, typestore=self._types, offered_qos_profiles=[_quality(latched)]
            )
        cdr = self._types.serialize_cdr(to_rosbags(message, self._types), message.type)
        self._writer.write(self._connections[topic], log_ns, cdr)


def _quality(latched: bool) -> Qos:
    return Qos(
        QosHistory.KEEP_LAST,
        1 if latched else 10,
        QosReliability.RELIABLE,
        QosDurability.TRANSIENT_LOCAL if latched else QosDurability.VOLATILE,
        _FOREVER,
        _FOREVER,
        QosLiveliness.AUTOMATIC,
        _FOREVER,
        False,
    )
