"""People in the fixed frame as messages of rclpy: markers, and the places that they will cover."""

from __future__ import annotations

import re

import numpy as np
from geometry_msgs.msg import Point, Pose, Quaternion, Vector3
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation
from sensor_msgs.msg import PointCloud2
from std_msgs.msg import ColorRGBA, Header
from visualization_msgs.msg import Marker, MarkerArray

from metrichmsr_ros.people.tracking.fixed_frame import PeopleMotion
from metrichmsr_ros.people.tracking.occupancy import BODY_RADIUS_M, Prediction, floor_ellipses, occupancy
from metrichmsr_ros.ros.outputs.clouds import records_message
from metrichmsr_ros.ros.outputs.markers import id_colour
from metrichmsr_ros.types import AnyArray, Float64Array

PREDICTED = np.dtype(
    [(name, np.float32) for name in ("x", "y", "z", "time")] + [("id", np.uint32), ("probability", np.float32)]
)
"""Fields of a point of `~/predicted`."""

_TO_LABEL_M = np.array([0.0, 0.0, 1.0])  # from the hips
_LEAST_AXIS_M = 0.02
_FIRST_ALPHA, _LAST_ALPHA = 0.5, 0.1


def fixed_markers(motion: PeopleMotion, header: Header) -> MarkerArray:
    """Ellipsoids of one standard deviation, arrows to where people will be in a second, and ids."""
    markers = [Marker(header=header, action=Marker.DELETEALL)]
    for row, id in enumerate(motion.people.ids):
        colour = id_colour(id, bool(motion.people.is_hidden[row]))
        place = motion.people.positions[row]
        markers += [
            _ellipsoid(header, row, place, motion.people.covariances[row], colour),
            _arrow(header, row, place, motion.velocities[row], colour),
            _label(header, row, place, id, colour),
        ]
    return MarkerArray(markers=markers)


def _ellipsoid(header: Header, row: int, place: Float64Array, covariance: Float64Array, colour: ColorRGBA) -> Marker:
    variances, axes = np.linalg.eigh(covariance)
    axes[:, 0] *= np.sign(np.linalg.det(axes))
    x, y, z, w = Rotation.from_matrix(axes).as_quat().tolist()
    a, b, c = np.maximum(2 * np.sqrt(np.maximum(variances, 0)), _LEAST_AXIS_M).tolist()
    at = Pose(position=_point(place), orientation=Quaternion(x=x, y=y, z=z, w=w))
    size = Vector3(x=a, y=b, z=c)
    return Marker(header=header, ns="position", id=row, type=Marker.SPHERE, pose=at, scale=size, color=colour)


def _arrow(header: Header, row: int, place: Float64Array, velocity: Float64Array, colour: ColorRGBA) -> Marker:
    size = Vector3(x=0.05, y=0.1, z=0.15)  # diameters of shaft and head, length of the head
    ends = [_point(place), _point(place + velocity)]
    arrow = Marker(header=header, ns="velocity", id=row, type=Marker.ARROW, scale=size, color=colour, points=ends)
    arrow.pose.orientation.w = 1.0
    return arrow


def _label(header: Header, row: int, place: Float64Array, id: str, colour: ColorRGBA) -> Marker:
    label = Marker(header=header, ns="id", id=row, type=Marker.TEXT_VIEW_FACING, text=id, color=colour)
    label.pose.position = _point(place + _TO_LABEL_M)
    label.pose.orientation.w, label.scale.z = 1.0, 0.2
    return label


def predicted_cloud(
    motion: PeopleMotion, prediction: Prediction, header: Header, min_probability: float
) -> PointCloud2:
    """Places that people may cover later, as one cloud with the fields of `PREDICTED`.

    Args:
        motion: N people. prediction: of the same people.
        header: of the image, in the fixed frame.
        min_probability: less probable points are left out.

    Raises:
        ValueError: an id does not end with a number.
    """
    points, covered = occupancy(prediction)
    records = np.empty(covered.shape, PREDICTED)
    for axis, name in enumerate("xyz"):
        records[name] = points[..., axis]
    records["time"] = prediction.offsets_s[:, None, None]
    records["id"] = np.array([id_number(id) for id in motion.people.ids], np.uint32)[None, :, None]
    records["probability"] = covered * motion.people.confidences[None, :, None]
    chosen: NDArray[np.void] = records[records["probability"] >= min_probability]
    return records_message(chosen, header)


def predicted_markers(motion: PeopleMotion, prediction: Prediction, header: Header) -> MarkerArray:
    """Discs of one standard deviation around the body, at each time, fainter later."""
    markers = [Marker(header=header, action=Marker.DELETEALL)]
    stds, axes = floor_ellipses(prediction.covariances)
    alphas = np.linspace(_FIRST_ALPHA, _LAST_ALPHA, len(prediction.offsets_s)).tolist()
    for row, id in enumerate(motion.people.ids):
        for at, alpha in enumerate(alphas):
            disc = _disc(header, prediction.positions[at, row], stds[at, row], axes[at, row])
            disc.id, disc.color = row * len(alphas) + at, id_colour(id, False)
            disc.color.a = alpha
            markers.append(disc)
    return MarkerArray(markers=markers)


def _disc(header: Header, place: AnyArray, stds: AnyArray, axes: AnyArray) -> Marker:
    disc = Marker(header=header, ns="predicted", type=Marker.CYLINDER)
    half = np.arctan2(axes[1, 0], axes[0, 0]) / 2
    disc.pose = Pose(position=_point(place), orientation=Quaternion(z=float(np.sin(half)), w=float(np.cos(half))))
    across, along = (2 * (stds + BODY_RADIUS_M)).tolist()
    disc.scale = Vector3(x=across, y=along, z=0.02)
    return disc


def id_number(id: str) -> int:
    """The number at the end of an id: 12 of `k3fa_p12`.

    Raises:
        ValueError: there is none.
    """
    found = re.search(r"\d{1,9}$", id)
    if found is None:
        raise ValueError(f"the id {id!r} does not end with a number, which the field id of ~/predicted holds")
    return int(found.group())


def _point(place: AnyArray) -> Point:
    x, y, z = place.tolist()
    return Point(x=x, y=y, z=z)
