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

from metrichmsr_ros.pipeline.scene import PersonEstimate, Scene
from metrichmsr_ros.ros.bags.message_types import HUMANS, TOPOLOGY, TRANSFORMS, register_own_messages
from metrichmsr_ros.ros.bags.topics import COMPRESSED
from metrichmsr_ros.ros.frames import body_frames, pixel_box, pose_covariance, twist_covariance

NAMESPACE = "/perception"
ORIENTATION_STDDEV = 0.3  # rad; the node's default, because the model estimates none of its own
_FOREVER = QosTime(2147483647, 4294967295)


class OutputBag:
    """A bag that is being written; a context manager.

    Args:
        path: folder to create; must not exist.
        body: body model with `name`, `faces`, `joint_names`, `parents`, for the topology message.
        with_vertices: put the meshes into the humans messages.
    """

    def __init__(self, path: Path, body: Any, with_vertices: bool = False) -> None:
        self.path = path
        self._types = get_typestore(Stores.LATEST)
        register_own_messages(self._types)
        self._writer = Writer(path, version=9, storage_plugin=StoragePlugin.MCAP)
        self._connections: dict[str, Connection] = {}
        self._body, self._with_vertices = body, with_vertices
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

    def write(self, scene: Scene, header: Any, log_ns: int, overlay: NDArray[np.uint8] | None = None) -> Any:
        """Add the messages of one processed image; returns its HumanMeshArray."""
        if not self._began:
            self._put(f"{NAMESPACE}/topology", TOPOLOGY, self._topology(), log_ns)
            self._began = True
        origins, turns = body_frames([p.pose for p in scene.people], [p.joints_cam for p in scene.people])
        rows = list(zip(scene.people, origins, turns, strict=True))
        humans = self._new(HUMANS, header=header, humans=[self._human(*row, header, scene) for row in rows])
        self._put(f"{NAMESPACE}/humans", HUMANS, humans, log_ns)
        seen = [self._transform(*row, header) for row in rows if not row[0].is_occluded]
        if seen:
            self._put("/tf", TRANSFORMS, self._new(TRANSFORMS, transforms=seen), log_ns)
        if overlay is not None:
            ok, jpeg = cv2.imencode(".jpg", cv2.cvtColor(overlay, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, 85])
            if ok:
                image = self._new(COMPRESSED, header=header, format="rgb8; jpeg compressed bgr8", data=jpeg.reshape(-1))
                self._put(f"{NAMESPACE}/overlay/compressed", COMPRESSED, image, log_ns)
        return humans

    def _new(self, kind: str, **fields: Any) -> Any:
        return self._types.types[kind](**fields)

    def _put(self, topic: str, kind: str, message: Any, log_ns: int) -> None:
        if topic not in self._connections:
            latched = topic.endswith("/topology")
            self._connections[topic] = self._writer.add_connection(
                topic, kind, typestore=self._types, offered_qos_profiles=[_quality(latched)]
            )
        self._writer.write(self._connections[topic], log_ns, self._types.serialize_cdr(message, kind))

    def _topology(self) -> Any:
        body = self._body
        return self._new(
            TOPOLOGY,
            body_model=body.name,
            faces=np.asarray(body.faces, np.uint32).reshape(-1),
            joint_names=[str(name) for name in body.joint_names],
            parents=np.asarray(body.parents, np.int32),
        )

    def _vector(self, values: Any) -> Any:
        x, y, z = (float(v) for v in values)
        return self._new("geometry_msgs/msg/Vector3", x=x, y=y, z=z)

    def _quaternion(self, values: Any) -> Any:
        x, y, z, w = (float(v) for v in values)
        return self._new("geometry_msgs/msg/Quaternion", x=x, y=y, z=z, w=w)

    def _transform(self, person: PersonEstimate, origin: Any, turn: Any, header: Any) -> Any:
        place = self._new(
            "geometry_msgs/msg/Transform", translation=self._vector(origin), rotation=self._quaternion(turn)
        )
        return self._new(
            "geometry_msgs/msg/TransformStamped", header=header, child_frame_id=f"body_{person.id}", transform=place
        )

    def _human(self, person: PersonEstimate, origin: Any, turn: Any, header: Any, scene: Scene) -> Any:
        x, y, width, height = pixel_box(person.bbox, scene.camera.width, scene.camera.height)
        point = self._new("geometry_msgs/msg/Point", **dict(zip("xyz", (float(v) for v in origin), strict=True)))
        pose = self._new("geometry_msgs/msg/Pose", position=point, orientation=self._quaternion(turn))
        twist = self._new(
            "geometry_msgs/msg/Twist", linear=self._vector(person.velocity_cam), angular=self._vector((0.0, 0.0, 0.0))
        )
        return self._new(
            "metrichmsr_ros/msg/HumanMesh",
            header=header,
            id=person.id,
            confidence=float(person.confidence),
            is_occluded=bool(person.is_occluded),
            age=int(person.age),
            roi=self._new(
                "sensor_msgs/msg/RegionOfInterest",
                x_offset=x, y_offset=y, width=width, height=height, do_rectify=False,
            ),
            pose=_row(person.pose),
            betas=_row(person.betas),
            translation=self._vector(person.transl_cam),
            body=self._new(
                "geometry_msgs/msg/PoseWithCovariance",
                pose=pose,
                covariance=pose_covariance(person.transl_cov, ORIENTATION_STDDEV),
            ),
            velocity=self._new(
                "geometry_msgs/msg/TwistWithCovariance",
                twist=twist,
                covariance=twist_covariance(person.position_cov6[3:, 3:]),
            ),
            height=float(person.height),
            joints=_row(person.joints_cam),
            vertices=_row(person.vertices_cam) if self._with_vertices else np.zeros(0, np.float32),
            body_model=self._body.name,
        )  # fmt: skip


def _row(values: Any) -> NDArray[np.float32]:
    return np.ascontiguousarray(values, dtype=np.float32).reshape(-1)


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
