"""People in the fixed frame as plain messages: People and PoseArray, for the node and for bags."""

from __future__ import annotations

from typing import Any

import numpy as np

from metrichmsr_ros.people.tracking.fixed_frame import PeopleInFrame, PeopleMotion
from metrichmsr_ros.ros.messages import PlainMessage
from metrichmsr_ros.ros.outputs.people import Body
from metrichmsr_ros.ros.outputs.poses import pose
from metrichmsr_ros.ros.outputs.standard import costmap_person
from metrichmsr_ros.types import Float64Array


def people_of(bodies: list[Body]) -> PeopleInFrame:
    """Everybody of one image in the camera's frame, as the filter of the fixed frame takes them."""
    count = len(bodies)
    return PeopleInFrame(
        tuple(body.id for body in bodies),
        np.array([body.origin for body in bodies], np.float64).reshape(count, 3),
        np.array([body.person.transl_cov for body in bodies], np.float64).reshape(count, 3, 3),
        np.array([body.orientation for body in bodies], np.float64).reshape(count, 4),
        np.array([body.person.orientation_cov for body in bodies], np.float64).reshape(count, 3, 3),
        np.array([body.person.confidence for body in bodies], np.float64),
        np.array([body.person.is_occluded for body in bodies], bool),
        np.array([body.person.size_shift for body in bodies], np.float64).reshape(count, 3),
    )


def fixed_people(motion: PeopleMotion, header: Any) -> PlainMessage:
    """people_msgs/People; the tag `covariance` has the 36 numbers of position and velocity, row-major, SI units.

    The tag `orientation_covariance` has 9 numbers, rad^2, about the axes of the fixed frame.
    """
    found = motion.people
    people = [
        costmap_person(
            id,
            found.positions[row],
            motion.velocities[row],
            float(found.confidences[row]),
            {
                "is_occluded": "true" if found.is_hidden[row] else "false",
                "covariance": _written(motion.covariances[row]),
                "orientation_covariance": _written(found.orientation_covariances[row]),
            },
        )
        for row, id in enumerate(found.ids)
    ]
    return PlainMessage("people_msgs/msg/People", {"header": header, "people": people})


def _written(covariance: Float64Array) -> str:
    return " ".join(f"{number:.6g}" for number in covariance.reshape(-1))


def fixed_poses(motion: PeopleMotion, header: Any) -> PlainMessage:
    """PoseArray: filtered positions and orientations of the people seen, without ids."""
    found = motion.people
    rows = np.flatnonzero(~found.is_hidden)
    poses = [pose(found.positions[row], found.orientations[row]) for row in rows]
    return PlainMessage("geometry_msgs/msg/PoseArray", {"header": header, "poses": poses})
