"""Rendered videos with a known number of people, seen by a camera that moves: the demo's, and others like it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from benchmarks.speed.settings import FOV_X, FPS
from metrichmsr_ros.data.synthesis.walkers import WALKERS, Walker
from metrichmsr_ros.data.synthesis.walking_sequence import WalkingSequence

VGA, HD, FULL_HD = (640, 480), (1280, 720), (1920, 1080)


@dataclass(frozen=True)
class Video:
    """One video.

    Attributes:
        people: number of people in view in every frame.
        size: width, height, px.
        target_ms: largest median time of one frame in process, ms; None: none was set.
        depth: whether the scene's depth is estimated too, as for subscribers of ~/depth/image.
    """

    people: int
    size: tuple[int, int] = VGA
    target_ms: float | None = None
    depth: bool = False

    @property
    def name(self) -> str:
        """Row of the table."""
        return f"{self.size[0]}x{self.size[1]}, {self.people}{' + depth' if self.depth else ' people'}"

    def render(self, seconds: float, path: Path) -> np.ndarray:
        """Images (N, H, W, 3) uint8 RGB of the first `seconds`, at `FPS`, in a new .npy file that is read in parts."""
        video = WalkingSequence(round(_LENGTH_S * FPS), FPS, self.size, FOV_X, _walkers(self.people))
        shape = round(seconds * FPS), self.size[1], self.size[0], 3
        images = np.lib.format.open_memmap(path, "w+", np.uint8, shape)
        for number in range(shape[0]):
            images[number] = video[number].image
        images.flush()
        return images


VIDEOS = (
    Video(0, VGA, 15.0),
    Video(1, VGA, 22.0),
    Video(2, VGA, 33.0),
    Video(10, VGA, 120.0),
    Video(1, HD),
    Video(1, FULL_HD),
    Video(1, VGA, depth=True),
)
_LENGTH_S = 12.0  # of the demo: the speed of its camera depends on it
_NEAR_M, _FAR_M = 5.5, 8.5  # the two rows
_STEP = 0.22  # between neighbours of a row, radians seen from the camera


def _walkers(people: int) -> tuple[Walker, ...]:
    """The demo's people and more like them, who walk on small circles in two rows, none in front of another."""
    return tuple(_in_row(number, people) for number in range(people))


def _in_row(number: int, people: int) -> Walker:
    columns = -(-people // 2)
    row, column = divmod(number, columns)
    away, angle = (_FAR_M, 0.5) if row else (_NEAR_M, 0.0)
    across = away * np.tan(_STEP * (column - (columns - 1) / 2 + angle))
    return replace(
        WALKERS[number % len(WALKERS)],
        id=f"w{number}",
        start=(away, float(across)),
        heading=0.7 * number,
        enters_s=-1,
        radius=0.3,
    )
