"""People in a frame that does not move with the camera: their positions and velocities are filtered there.

A camera that drives gives everybody its own motion. In a frame such as `odom` that motion is taken out of each
measurement before the filter, so that what remains is the person's.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from metrichmsr_ros.people.tracking.kalman import RootFilter, RootFilterConfig
from metrichmsr_ros.types import Float64Array


@dataclass(frozen=True, eq=False)
class PeopleInFrame:
    """N people at one moment in one frame, metres, float64.

    Attributes:
        ids: N ids.
        positions: (N, 3) middle of the hips.
        covariances: (N, 3, 3) of the positions, m^2.
        orientations: (N, 4) of the bodies, x, y, z, w.
        orientation_covariances: (N, 3, 3) of those, rad^2, about the axes of the frame.
        confidences: (N,) 0 to 1.
        is_hidden: (N,) whether the person was not seen; the position is then no measurement.
        shifts: (N, 3) by which people moved since the last image without a motion, as their sizes became known; None:
            nobody did.
    """

    ids: tuple[str, ...]
    positions: Float64Array
    covariances: Float64Array
    orientations: Float64Array
    orientation_covariances: Float64Array
    confidences: Float64Array
    is_hidden: NDArray[np.bool_]
    shifts: Float64Array | None = None

    def moved(self, pose: Float64Array) -> PeopleInFrame:
        """The same people in another frame; `pose` (4, 4) takes points of this frame to that one."""
        turn = pose[:3, :3]
        orientations = self.orientations
        if len(self.ids):
            orientations = (Rotation.from_matrix(turn) * Rotation.from_quat(orientations)).as_quat()
        return replace(
            self,
            positions=self.positions @ turn.T + pose[:3, 3],
            covariances=turn @ self.covariances @ turn.T,
            orientations=orientations,
            orientation_covariances=turn @ self.orientation_covariances @ turn.T,
            shifts=None if self.shifts is None else self.shifts @ turn.T,
        )


@dataclass(frozen=True, eq=False)
class PeopleMotion:
    """N people with filtered motion.

    Attributes:
        people: their ids, filtered positions with covariance, orientations and confidences.
        velocities: (N, 3) m/s.
        covariances: (N, 6, 6) of position and velocity, SI units.
    """

    people: PeopleInFrame
    velocities: Float64Array
    covariances: Float64Array


class FixedFrameFilter:
    """Motion filters of everybody in the fixed frame, on the stamps of the images.

    Args:
        config: assumptions about motion and measurements; None: those of the camera's frame.
    """

    def __init__(self, config: RootFilterConfig | None = None) -> None:
        self._config = config or RootFilterConfig()
        self._filters: dict[str, RootFilter] = {}

    @property
    def acceleration_density(self) -> float:
        """Spectral density of people's acceleration, (m/s^2)^2/Hz."""
        return self._config.acceleration_density

    def reset(self) -> None:
        """Forget everybody."""
        self._filters.clear()

    def update(self, people: PeopleInFrame, stamp_s: float) -> PeopleMotion:
        """Take everybody's measurements of one image, in the fixed frame.

        Hidden people are predicted from their motion in the fixed frame. Who was never seen is left out.

        Args:
            people: in the fixed frame.
            stamp_s: seconds, later than before; an earlier one restarts the filters.

        Raises:
            ValueError: a number is not finite.
        """
        known = [row for row, id in enumerate(people.ids) if id in self._filters or not people.is_hidden[row]]
        self._filters = {id: self._filters.get(id) or RootFilter(self._config) for id in _taken(people.ids, known)}
        states = [self._step(people, row, stamp_s) for row in known]
        places, speeds, covariances = (
            np.array([state[part] for state in states]).reshape(len(known), *shape)
            for part, shape in enumerate([(3,), (3,), (6, 6)])
        )
        found = PeopleInFrame(
            _taken(people.ids, known),
            places,
            covariances[:, :3, :3],
            people.orientations[known],
            people.orientation_covariances[known],
            people.confidences[known],
            people.is_hidden[known],
        )
        return PeopleMotion(found, speeds, covariances)

    def _step(self, people: PeopleInFrame, row: int, stamp_s: float) -> tuple[Float64Array, Float64Array, Float64Array]:
        motion = self._filters[people.ids[row]]
        if people.is_hidden[row]:
            return motion.predict(stamp_s)
        if people.shifts is not None:
            motion.shift(people.shifts[row])
        return motion.update(people.positions[row], people.covariances[row], stamp_s)


def _taken(ids: tuple[str, ...], rows: list[int]) -> tuple[str, ...]:
    return tuple(ids[row] for row in rows)
