"""Images, their calibration and clouds as ROS messages."""

from __future__ import annotations

import array

import numpy as np
from sensor_msgs.msg import CameraInfo, Image, PointCloud2, PointField
from std_msgs.msg import Header

from metrichmsr_ros.geometry.camera import Camera
from metrichmsr_ros.ros.messages import flat
from metrichmsr_ros.ros.outputs.people import Body, seen
from metrichmsr_ros.types import AnyArray


def image_message(image: AnyArray, header: Header, into: Image | None = None) -> Image:
    """(H, W, 3) uint8 -> rgb8, (H, W) float32 -> 32FC1.

    Args:
        image: the picture or the depth.
        header: of the message.
        into: a message to fill again if it is of the same size, once it was published: fresh memory for Full HD depth
            costs as much as everything else that ROS does for a frame.
    """
    height, width = image.shape[:2]
    encoding, step = ("rgb8", 3 * width) if image.ndim == 3 else ("32FC1", 4 * width)
    if into is not None and (into.encoding, into.step, into.height) == (encoding, step, height):
        into.header = header
        np.frombuffer(into.data, np.uint8)[:] = np.ascontiguousarray(image).reshape(-1).view(np.uint8)
        return into
    message = Image(header=header, height=height, width=width, encoding=encoding, step=step)
    message.data = _bytes(image)
    return message


def camera_info_message(camera: Camera, header: Header) -> CameraInfo:
    """CameraInfo of an image without distortion: D = 0, R = 1, P = K."""
    message = CameraInfo(header=header, height=camera.height, width=camera.width, distortion_model="plumb_bob")
    message.d = array.array("d", [0.0] * 5)
    message.k = np.asarray(camera.intrinsics, np.float64).reshape(9)
    message.r = np.eye(3).reshape(9)
    message.p = np.hstack([camera.intrinsics, np.zeros((3, 1))]).reshape(12)
    return message


_XYZ_FIELDS = [PointField(name=n, offset=4 * i, datatype=PointField.FLOAT32, count=1) for i, n in enumerate("xyz")]
_RGB_FIELD = PointField(name="rgb", offset=12, datatype=PointField.FLOAT32, count=1)


def body_points_message(bodies: list[Body], header: Header) -> PointCloud2:
    """Surfaces of those who are seen as one unorganised cloud x, y, z float32, for obstacle layers."""
    meshes = [body.person.vertices_cam for body in seen(bodies)]
    points = np.concatenate(meshes) if meshes else np.zeros((0, 3), np.float32)
    message = PointCloud2(header=header, height=1, width=len(points), point_step=12, row_step=12 * len(points))
    message.fields, message.is_dense, message.is_bigendian = _XYZ_FIELDS, True, False
    message.data = _bytes(points.astype(np.float32, copy=False))
    return message


def scene_points_message(
    depth: AnyArray, camera: Camera, header: Header, image: AnyArray | None = None, stride: int = 1
) -> PointCloud2:
    """Depth as an organised cloud, x, y, z and perhaps rgb, NaN where unknown (as depth_image_proc makes it).

    Args:
        depth: (H, W) float32 metres.
        camera: its undistorted camera.
        header: of the message.
        image: (H, W, 3) uint8 RGB to colour the points with.
        stride: take every n-th row and column.
    """
    rows, columns = (np.arange(0, side, stride) for side in depth.shape)
    grid = np.stack(np.meshgrid(columns, rows), axis=-1)
    count = 3 if image is None else 4
    points = np.empty((len(rows), len(columns), count), np.float32)
    points[..., :3] = camera.back_project(grid, 1.0) * depth[::stride, ::stride, None]
    if image is not None:
        red, green, blue = np.moveaxis(image[::stride, ::stride].astype(np.uint32), -1, 0)
        points[..., 3] = (red << 16 | green << 8 | blue).view(np.float32)  # PCL's packing
    message = PointCloud2(header=header, height=len(rows), width=len(columns), point_step=4 * count)
    message.row_step = message.point_step * message.width
    message.fields = _XYZ_FIELDS if image is None else [*_XYZ_FIELDS, _RGB_FIELD]
    message.is_dense, message.is_bigendian = False, False
    message.data = _bytes(points)
    return message


def _bytes(values: AnyArray) -> array.array[int]:
    return flat(np.ascontiguousarray(values).reshape(-1).view(np.uint8))
