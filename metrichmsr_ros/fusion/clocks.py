"""Whose stamps are believed, where the clocks of several cameras differ."""

from __future__ import annotations

import math
from dataclasses import dataclass

from metrichmsr_ros.people.stamps import JUMP_BACK_S, older_or_newer

LIVE_S = 1.0  # a camera whose last image is older than the newest of all by more is not waited for
QUIET_S = 2.0  # a camera that was not heard of for longer has no vote on the time


@dataclass(frozen=True)
class Ruling:
    """What becomes of an image.

    Attributes:
        step_s: its time after its camera's image before; None: it is the first, or the times begin anew.
        begins_anew: whether what was collected before is of another time.
        left_out: why it is not used, as the kind of problem and a sentence; None: it is used.
    """

    step_s: float | None
    begins_anew: bool = False
    left_out: tuple[str, str] | None = None


class CameraClocks:
    """Follows the stamps of all cameras, without the clock of this computer.

    Images within `LIVE_S` of the newest one that is believed are in time, and so are those that follow their own
    camera's last believed one by at most that. Where another image comes, the cameras vote: those that are as late or
    as early, against those that are in time. The greater number wins; of equal numbers, the newer stamps. A camera that
    another one has not heard of for `QUIET_S` of its own time has no vote. Where late ones win, or a believed camera's
    stamps jump back, as where a bag loops, the times begin anew.
    """

    def __init__(self) -> None:
        self._newest: dict[str, float] = {}  # by camera, believed or not
        self._believed: set[str] = set()
        self._when: dict[str, dict[str, float]] = {}  # the newest stamps of all when a camera was last heard of

    def add(self, camera: str, stamp_s: float) -> Ruling:
        """Rule on the next image of a camera; stamps in s."""
        before = self._newest.get(camera, -math.inf)
        if camera in self._believed and stamp_s < before - JUMP_BACK_S:
            self._newest, self._believed, self._when = {}, {camera}, {}
            self._hear(camera, stamp_s)
            return Ruling(None, begins_anew=True)
        others, follows = self.live() - {camera}, camera in self._believed and stamp_s - before <= LIVE_S
        self._hear(camera, stamp_s)
        newest = max(others, key=self._newest.__getitem__, default=camera)
        behind_s = self._newest[newest] - stamp_s
        is_in_time = abs(behind_s) <= LIVE_S or (follows and behind_s < 0.0)
        alike = set[str]() if is_in_time else self._supporters(camera, stamp_s, others, behind_s)
        if alike and behind_s > 0.0:
            self._believed = alike
            return Ruling(None, begins_anew=True)
        if is_in_time or alike:
            self._believed.add(camera)
            return Ruling(stamp_s - before if math.isfinite(before) else None)
        self._believed.discard(camera)
        return Ruling(None, left_out=_left_out(behind_s, newest))

    def _supporters(self, camera: str, stamp_s: float, others: set[str], behind_s: float) -> set[str]:
        """The cameras of nearly this time, if they win against `others`, which are in time; none if they lose."""
        voting = {one for one in self._newest if not self._is_quiet(one)}
        against = others & voting
        alike = {one for one in voting - against if abs(self._newest[one] - stamp_s) <= LIVE_S} | {camera}
        wins = len(alike) > len(against) or (len(alike) == len(against) and behind_s < 0.0)
        return alike if wins else set()

    def live(self) -> set[str]:
        """The cameras that deliver images in time."""
        newest = max((self._newest[camera] for camera in self._believed), default=0.0)
        return {camera for camera in self._believed if newest - self._newest[camera] <= LIVE_S}

    def _hear(self, camera: str, stamp_s: float) -> None:
        step_s = stamp_s - self._newest.get(camera, math.inf)
        if not 0.0 <= step_s <= QUIET_S:  # a jump says nothing about how long others were silent
            for stamps in self._when.values():
                stamps[camera] = stamp_s
        self._newest[camera] = stamp_s
        self._when[camera] = dict(self._newest)

    def _is_quiet(self, camera: str) -> bool:
        then = self._when[camera]
        return any(stamp_s - then[other] > QUIET_S for other, stamp_s in self._newest.items())


def _left_out(behind_s: float, newest: str) -> tuple[str, str]:
    away = f"its images are {older_or_newer(behind_s)} than those of {newest}"
    if behind_s > 0.0:
        return "too late", f"{away}: synchronise the clocks of both cameras, or lower the latency of this one"
    return "too early", f"{away} and of most cameras: synchronise its clock"
