"""Memory of which way people face: a circular filter per person.

A landmark network that takes a back for a front reflects the person's depth: a body at angle a to the line of sight is
seen at pi - a. In the next image the person seems to have turned round. People turn through the side, so a jump is a
confusion, and a rotation is not.

The state of a person is the angle of the front about the person's vertical, 0 towards the camera, and whether the views
are confused at present. The angle diffuses, confusions begin and end at given rates, and the belief over both is a
histogram (Bayes filter). Which of two contradicting times was the confused one follows from their durations, from views
that dissent, and from the direction in which the person walks.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from metrichmsr_ros.hmr.estimate import HMREstimate, unit
from metrichmsr_ros.hmr.facing import front_of
from metrichmsr_ros.hmr.test_time_augmentation import Views, sums_by_person
from metrichmsr_ros.types import Float32Array, Float64Array, FloatingArray

BINS = 48
_FLOOR = 0.003  # likelihood of any angle whatever the view shows, relative to the best
_AS_WELL = 0.5  # at the side a view and its reflection are the same; neither is refused there


@dataclass(frozen=True)
class FacingMemoryConfig:
    """Assumptions about people and views.

    Attributes:
        turning: diffusion of the angle, rad per root second: half a turn in 0.6 s is 1.5 standard deviations an image
            at 10 Hz.
        confusion_begins, confusion_ends: rates of confusions of all views at once, 1/s.
        spread: error of the angle of a view, rad.
        dissent: share of views that are confused alone.
        vote_s: votes of images closer in time count less, because their errors are the same.
        forward: evidence of a walk for its direction, nats/s. Less than `confusion_ends - confusion_begins`, so that a
            camera that moves does not turn people who stand.
        walking_m_s, walking_sigmas: a walk is faster than this speed, and than this many of its deviations.
        end_on: cosine between the body's axis and the line of sight above which the angle is not defined.
    """

    turning: float = 1.1
    confusion_begins: float = 0.3
    confusion_ends: float = 2.0
    spread: float = 0.35
    dissent: float = 0.2
    vote_s: float = 0.1
    forward: float = 0.5
    walking_m_s: float = 0.4
    walking_sigmas: float = 3.0
    end_on: float = 0.9


@dataclass(frozen=True)
class Walk:
    """A velocity, x, y, z in m/s in the camera frame, and the standard deviation of its length, m/s."""

    velocity: tuple[float, float, float]
    deviation: float

    def rotated(self, rotation: Float32Array) -> Walk:
        """The same walk in another frame, to which `rotation` (3, 3) leads."""
        vx, vy, vz = (rotation @ np.array(self.velocity)).tolist()
        return Walk((vx, vy, vz), self.deviation)


STANDS = Walk((0.0, 0.0, 0.0), 0.0)


class FacingMemory:
    """Beliefs of people by id.

    Args:
        config: assumptions.
    """

    def __init__(self, config: FacingMemoryConfig | None = None) -> None:
        self._config = config or FacingMemoryConfig()
        self._beliefs: dict[str, tuple[float, Float64Array]] = {}

    def contradicts(self, views: Views, ids: Sequence[str], stamp_s: float) -> NDArray[np.bool_]:
        """(N,) bool: views that contradict what is remembered; they are not taken into the memory.

        Args:
            views: of the B people `ids`, N in all. stamp_s: s, of the image.
        """
        seen = _Seen.of(views, self._config)
        return ~_agree(self._predicted(ids, self._elapsed(ids, stamp_s)), seen, views)

    def update(
        self, views: Views, ids: Sequence[str], stamp_s: float, walks: Mapping[str, Walk] | None = None
    ) -> NDArray[np.bool_]:
        """(N,) bool: views that agree with the memory after all were taken into it. Of some people none may agree.

        Args:
            views: of the B people `ids`, N in all.
            stamp_s: s, of the image.
            walks: by id, of people whose velocity is known.
        """
        elapsed, seen = self._elapsed(ids, stamp_s), _Seen.of(views, self._config)
        belief = self._predicted(ids, elapsed) * self._likelihood(seen, views, elapsed)
        belief = belief * self._walk(seen, ids, elapsed, walks or {})
        belief = belief / belief.sum((1, 2), keepdims=True)
        self._beliefs |= {name: (stamp_s, belief[row]) for row, name in enumerate(ids)}
        return _agree(belief, seen, views)

    def doubt(self, estimate: HMREstimate, ids: Sequence[str]) -> Float32Array:
        """(B,) probability that people face more than 90 degrees from where `estimate` has them face.

        Args:
            estimate: of the B people `ids`, who are in the memory.
        """
        up, sight = estimate.rotmats[:, 0, :, 1], unit(estimate.transl)
        towards = unit((up * sight).sum(-1, keepdims=True) * up - sight)
        angle = _angle(front_of(estimate.rotmats), towards, np.cross(up, towards))
        belief = np.stack([self._beliefs[name][1].sum(0) for name in ids])
        behind = np.cos(angle[:, None] - _centres()) < 0
        return (belief * behind).sum(-1).astype(np.float32)

    def forget_all_but(self, ids: Collection[str]) -> None:
        """Drop the beliefs about all people but `ids`."""
        self._beliefs = {name: belief for name, belief in self._beliefs.items() if name in ids}

    def _elapsed(self, ids: Sequence[str], stamp_s: float) -> Float64Array:
        """(B,) s since each person's last image; for new people the time after which votes count in full."""
        last = [self._beliefs[name][0] if name in self._beliefs else stamp_s - self._config.vote_s for name in ids]
        return np.array([max(stamp_s - stamp, 0.0) for stamp in last])

    def _predicted(self, ids: Sequence[str], elapsed: Float64Array) -> Float64Array:
        """(B, 2, K) belief before the image: of the angle if the views are right, and if they are confused."""
        share = self._stationary()
        start = np.repeat(share[:, None], BINS, axis=1) / BINS
        belief = np.stack([self._beliefs[name][1] if name in self._beliefs else start for name in ids])
        turned = _diffused(belief, self._config.turning**2 * elapsed)
        rate = self._config.confusion_begins + self._config.confusion_ends
        stays = np.exp(-rate * elapsed)[:, None, None]
        return stays * turned + (1.0 - stays) * turned.sum(1, keepdims=True) * share[:, None]

    def _stationary(self) -> Float64Array:
        """(2,) shares of time in which views are right and confused."""
        begins, ends = self._config.confusion_begins, self._config.confusion_ends
        return np.array([ends, begins]) / (begins + ends)

    def _likelihood(self, seen: _Seen, views: Views, elapsed: Float64Array) -> FloatingArray:
        """(B, 2, K) of the views of each person, together as much as one."""
        dissent = self._config.dissent
        likely = np.stack([seen.fit, seen.reflected], axis=1)
        mixed = np.log((1.0 - dissent) * likely + dissent * likely[:, ::-1])
        total = sums_by_person(views.weight, views.person, views.people)
        counts = np.minimum(elapsed / self._config.vote_s, 1.0) / total
        share = views.weight * counts[views.person]
        return np.exp(sums_by_person(share[:, None, None] * mixed, views.person, views.people))

    def _walk(self, seen: _Seen, ids: Sequence[str], elapsed: Float64Array, walks: Mapping[str, Walk]) -> Float64Array:
        """(B, 1, K) evidence for the direction of those who walk."""
        known = [walks.get(name, STANDS) for name in ids]
        velocity = np.array([walk.velocity for walk in known])
        noise = np.array([walk.deviation for walk in known])
        speed = np.linalg.norm(velocity, axis=-1)
        is_walking = (speed > self._config.walking_m_s) & (speed > self._config.walking_sigmas * noise)
        nats = np.where(is_walking, self._config.forward * np.minimum(elapsed, 1.0), 0.0)
        angle = _angle(velocity, seen.towards[: len(ids)], seen.side[: len(ids)])  # the first views are the people's
        evidence: Float64Array = np.exp(nats[:, None] * np.cos(_centres() - angle[:, None]))[:, None]
        return evidence


@dataclass(frozen=True)
class _Seen:
    """N views: horizontal axes (N, 3) `towards` the camera and to the `side`; likelihoods (N, K) of each view for each
    true angle, as it is and `reflected`. Likelihoods are even where the angle is not defined.
    """

    towards: FloatingArray
    side: FloatingArray
    fit: FloatingArray
    reflected: FloatingArray

    @classmethod
    def of(cls, views: Views, config: FacingMemoryConfig) -> _Seen:
        up, sight = views.output.rotmats[:, 0, :, 1], views.sight
        along = (up * sight).sum(-1, keepdims=True)
        towards = unit(along * up - sight)
        side = np.cross(up, towards)
        angle = _angle(front_of(views.output.rotmats), towards, side)
        gap = np.stack([angle, math.pi - angle])[..., None] - _centres()
        fits = np.exp((np.cos(gap) - 1.0) / config.spread**2) + _FLOOR
        fits = np.where(np.abs(along) > config.end_on, 1.0, fits)
        return cls(towards, side, fits[0], fits[1])


def _agree(belief: Float64Array, seen: _Seen, views: Views) -> NDArray[np.bool_]:
    """(N,) bool: views that fit the belief (B, 2, K) better as they are than reflected, or about as well."""
    angles = belief.sum(1)[views.person]
    agree: NDArray[np.bool_] = (angles * seen.fit).sum(-1) > _AS_WELL * (angles * seen.reflected).sum(-1)
    return agree


def _diffused(belief: Float64Array, variance: Float64Array) -> Float64Array:
    """(B, 2, K) belief after the angle has walked randomly with `variance` (B,) rad^2: a wrapped normal."""
    waves = np.arange(BINS // 2 + 1)
    damped = np.fft.rfft(belief) * np.exp(-0.5 * variance[:, None, None] * waves**2)
    after: Float64Array = np.maximum(np.fft.irfft(damped, n=BINS), 0.0)
    return after


def _angle(vector: FloatingArray, towards: FloatingArray, side: FloatingArray) -> FloatingArray:
    """(N,) rad of vectors (N, 3) about the vertical: 0 towards the camera."""
    angle: FloatingArray = np.arctan2((vector * side).sum(-1), (vector * towards).sum(-1))
    return angle


def _centres() -> Float64Array:
    """(K,) rad, the angles of the bins."""
    return np.linspace(0.0, 2.0 * math.pi, BINS, endpoint=False)
