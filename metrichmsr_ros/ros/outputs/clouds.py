"""Point clouds by sensor_msgs_py where it is installed, else with the same fields set here.

create_cloud of sensor_msgs_py swaps height and width of an organised cloud and fails on an empty one. So it gets the
points in one row, and empty clouds are built here.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from sensor_msgs.msg import PointCloud2, PointField
from std_msgs.msg import Header

from metrichmsr_ros.geometry.camera import Camera
from metrichmsr_ros.people.tracking.clearing import clearing_points, is_between_sides
from metrichmsr_ros.ros.messages import flat
from metrichmsr_ros.ros.outputs.people import Body
from metrichmsr_ros.types import AnyArray, Float32Array

try:
    from sensor_msgs_py.point_cloud2 import create_cloud
except ImportError:  # not in the PyPI wheels
    create_cloud = None

_XYZ_FIELDS = [PointField(name=n, offset=4 * i, datatype=PointField.FLOAT32, count=1) for i, n in enumerate("xyz")]
_RGB_FIELD = PointField(name="rgb", offset=12, datatype=PointField.FLOAT32, count=1)


def body_points_message(
    bodies: list[Body], header: Header, hidden_in: Camera | None = None, up: AnyArray | None = None
) -> PointCloud2:
    """Surfaces of the visible people as one unorganised cloud x, y, z float32, for obstacle layers.

    Args:
        bodies: people of the image.
        header: of the image.
        hidden_in: camera of the image, to add people who are hidden and predicted inside it; None: nobody.
        up: (3,) against gravity in the camera frame; None: unknown.
    """
    marked = [body.person for body in bodies if not body.person.is_occluded or _is_inside(body, hidden_in, up)]
    meshes = [person.vertices_cam for person in marked]
    points = np.concatenate(meshes) if meshes else np.zeros((0, 3), np.float32)
    return _cloud(points.astype(np.float32, copy=False)[None], header, is_dense=True)


def _is_inside(body: Body, camera: Camera | None, up: AnyArray | None) -> bool:
    """Whether a person is predicted between the sides of the image: beside it, no ray would clear the mark."""
    return camera is not None and is_between_sides(camera, np.asarray(body.origin, np.float64), up)


def clearing_points_message(
    bodies: list[Body], camera: Camera, header: Header, keeps_hidden: bool = True, up: AnyArray | None = None
) -> PointCloud2:
    """Ends of rays along which a costmap forgets people, as one unorganised cloud x, y, z float32.

    Args:
        bodies: people of the image.
        camera: of the image, without distortion.
        header: of the image.
        keeps_hidden: rays end before people who are hidden.
        up: (3,) against gravity in the camera frame; None: unknown.
    """
    hidden = [body.origin for body in bodies if body.person.is_occluded and keeps_hidden]
    points = clearing_points(camera, np.asarray(hidden, np.float64).reshape(-1, 3), up)
    return _cloud(points[None], header, is_dense=True)


def records_message(records: NDArray[np.void], header: Header) -> PointCloud2:
    """One row of points; each field of the records (N,), float32 or uint32, is a field of the cloud."""
    kinds = {np.dtype(np.float32): PointField.FLOAT32, np.dtype(np.uint32): PointField.UINT32}
    offsets = (records.dtype.fields or {}).items()
    fields = [PointField(name=name, offset=place[1], datatype=kinds[place[0]], count=1) for name, place in offsets]
    message = _filled(records, fields, header)
    message.is_dense = True
    return message


def scene_points_message(
    depth: AnyArray, camera: Camera, header: Header, image: AnyArray | None = None, stride: int = 1
) -> PointCloud2:
    """Depth as an organised cloud, x, y, z and optionally rgb, NaN without depth (as from depth_image_proc).

    Args:
        depth: (H, W) float32 metres.
        camera: of the depth, without distortion.
        header: of the message.
        image: (H, W, 3) uint8 RGB to colour the points with.
        stride: take every n-th row and column.
    """
    rows, columns = (np.arange(0, side, stride) for side in depth.shape)
    grid = np.stack(np.meshgrid(columns, rows), axis=-1)
    points = np.empty((len(rows), len(columns), 3 if image is None else 4), np.float32)
    points[..., :3] = camera.back_project(grid, 1.0) * depth[::stride, ::stride, None]
    if image is not None:
        red, green, blue = np.moveaxis(image[::stride, ::stride].astype(np.uint32), -1, 0)
        points[..., 3] = (red << 16 | green << 8 | blue).view(np.float32)  # PCL's packing
    return _cloud(points, header, is_dense=False)


def _cloud(points: Float32Array, header: Header, is_dense: bool) -> PointCloud2:
    """A cloud of points (H, W, 3 or 4) x, y, z and optionally rgb."""
    height, width, count = points.shape
    fields = _XYZ_FIELDS if count == 3 else [*_XYZ_FIELDS, _RGB_FIELD]
    named = np.ascontiguousarray(points).view(np.dtype([(field.name, np.float32) for field in fields]))
    message = _filled(named.reshape(-1), fields, header)
    message.height, message.width, message.row_step = height, width, 4 * count * width
    message.is_dense = is_dense
    return message


def _filled(records: NDArray[np.void], fields: list[PointField], header: Header) -> PointCloud2:
    if create_cloud is not None and records.size:
        made: PointCloud2 = create_cloud(header, fields, records)
        return made
    message = PointCloud2(header=header, fields=fields, point_step=records.itemsize)
    message.data = flat(records.view(np.uint8))
    message.height, message.width, message.row_step = 1, len(records), records.nbytes
    return message
