"""People of several cameras over time: associated, fused, one id a person."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from metrichmsr_ros.fusion.association import associate
from metrichmsr_ros.fusion.config import FusionConfig
from metrichmsr_ros.fusion.disagreement import Disagreements
from metrichmsr_ros.fusion.sighting import CameraSighting
from metrichmsr_ros.fusion.track import FusedMotion, FusedTrack
from metrichmsr_ros.people.stamps import JUMP_BACK_S

HALF_LIFE_S = 0.5  # of the confidence in a person whom no camera sees, as in the tracker of a single camera


@dataclass(frozen=True, eq=False)
class FusedPerson:
    """A person at one time.

    Attributes:
        id: over all cameras.
        age: times that the person was updated or predicted.
        motion: position, velocity and covariance in the fixed frame.
        confidence: probability 0 to 1.
        is_hidden: seen by no camera now: predicted.
        best: the sighting whose pose and shape are best; the last one where hidden.
        cameras: names of the cameras that see the person.
    """

    id: str
    age: int
    motion: FusedMotion
    confidence: float
    is_hidden: bool
    best: CameraSighting
    cameras: tuple[str, ...]


class PeopleFusion:
    """All people. One thread at a time.

    Args:
        config: assumptions.

    Attributes:
        disagreements: offsets between the cameras.
    """

    def __init__(self, config: FusionConfig | None = None) -> None:
        self._config = config or FusionConfig()
        self._tracks: list[FusedTrack] = []
        self._agreed_since: dict[tuple[str, str], float] = {}  # two tracks that may be one person
        self._number = 0
        self._stamp_s: float | None = None
        self.disagreements = Disagreements()

    def reset(self) -> None:
        """Forget everybody. Ids given before are not given again."""
        self._tracks, self._agreed_since, self._stamp_s = [], {}, None

    def step(self, sightings: Sequence[CameraSighting], stamp_s: float) -> list[FusedPerson] | None:
        """Everybody at a time; None if that is not later than the last time.

        Sightings of earlier times, of a camera with more latency, are taken in all the same; the next later step uses
        them, moved to its time. So the times of the results only grow.

        Args:
            sightings: the newest of each camera since the last step; of one camera, all people of one image.
            stamp_s: time to fuse at, s. A time more than `JUMP_BACK_S` before the last one starts anew.
        """
        if self._stamp_s is not None and stamp_s < self._stamp_s - JUMP_BACK_S:
            self.reset()
        seen = [sighting for sighting in sightings if not sighting.is_hidden]
        if self._stamp_s is not None and stamp_s <= self._stamp_s:
            self._take(seen, self._stamp_s)
            return None
        self._stamp_s = stamp_s
        taken = self._take(seen, stamp_s)
        for track in self._tracks:
            track.update(stamp_s)
        self.disagreements.add([(track.id, track.aligned(sighting, stamp_s)) for track, sighting in taken])
        self._merge(stamp_s)
        self._tracks = [t for t in self._tracks if stamp_s - t.seen_s <= self._config.forget_after]
        return [self._person(track, stamp_s) for track in self._tracks]

    def _take(self, sightings: Sequence[CameraSighting], stamp_s: float) -> list[tuple[FusedTrack, CameraSighting]]:
        """Give each sighting to its track, camera by camera; who belongs to none starts a track."""
        taken = []
        for camera in sorted({s.camera for s in sightings}, key=lambda c: _spread(c, sightings)):
            own = [s for s in sightings if s.camera == camera]
            owners = associate(self._tracks, own, stamp_s, self._config)
            known = list(self._tracks)
            for number, sighting in enumerate(own):
                track = known[owners[number]] if number in owners else self._start(sighting, stamp_s)
                for other in self._tracks:
                    if other is not track:
                        other.keys.discard(sighting.key)
                track.take(sighting, stamp_s)
                taken.append((track, sighting))
        return taken

    def _start(self, sighting: CameraSighting, stamp_s: float) -> FusedTrack:
        self._number += 1
        track = FusedTrack(f"p{self._number}", sighting, stamp_s, self._config)
        self._tracks.append(track)
        return track

    def _merge(self, stamp_s: float) -> None:
        """Make one track of two that no camera tells apart and that have been at one place for a while."""
        agreeing = {}
        for older, younger in combinations(self._tracks, 2):
            if self._is_one_person(older, younger, stamp_s):
                since = self._agreed_since.get((older.id, younger.id), stamp_s)
                agreeing[older.id, younger.id] = since
                if stamp_s - since >= self._config.merge_after and older in self._tracks and younger in self._tracks:
                    older.absorb(younger)
                    self._tracks = [track for track in self._tracks if track is not younger]
        self._agreed_since = agreeing

    def _is_one_person(self, one: FusedTrack, other: FusedTrack, stamp_s: float) -> bool:
        held, others = ({s.camera for s in track.held(stamp_s)} for track in (one, other))
        if held & others or not others or not held:
            return False
        gap = one.motion.position - other.motion.position
        spread = one.spread(stamp_s) + other.spread(stamp_s)
        is_near = float(gap @ np.linalg.solve(spread, gap)) <= self._config.gate
        return is_near and abs(one.best.height - other.best.height) <= 3 * self._config.height_std

    def _person(self, track: FusedTrack, stamp_s: float) -> FusedPerson:
        held = track.held(stamp_s)
        confidence = max((s.confidence for s in held), default=track.best.confidence)
        faded = confidence * 0.5 ** ((stamp_s - track.seen_s) / HALF_LIFE_S)
        cameras = tuple(sorted(s.camera for s in held))
        return FusedPerson(track.id, track.age, track.motion, faded, not held, track.best, cameras)


def _spread(camera: str, sightings: Sequence[CameraSighting]) -> float:
    """Smallest volume of uncertainty of a camera's sightings: the surest camera is associated first."""
    return min(float(np.linalg.det(s.covariance)) for s in sightings if s.camera == camera)
