"""The people of the walking sequence: their bodies, outfits and paths. World: x forward, y left, z up."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from metrichmsr_ros.data.mocap.acts.scripts import ArmScript
from metrichmsr_ros.data.rendering.clothing import PlainOutfit, Rgb

SKINS: tuple[Rgb, ...] = ((234, 192, 164), (205, 160, 126), (150, 104, 76), (92, 62, 46))


@dataclass(frozen=True)
class Walker:
    """A person who walks on a circle (`radius` > 0) around `start`, else straight from `start` along `heading`.

    Attributes:
        id: name in the ground truth.
        betas: the first of the body's 10 shape numbers; the others are 0.
        outfit: colours of clothes, skin and hair.
        start: x, y on the floor, m.
        heading: direction in the world, radians; on a circle: angle at which the walk begins.
        enters_s: time at which the walk begins, s.
        radius: of the circle, m.
        pace: ratio of the speed to that of the recorded walk.
        arms: what the arms do; None: they swing as in the recorded walk.
    """

    id: str
    betas: tuple[float, ...]
    outfit: PlainOutfit
    start: tuple[float, float]
    heading: float
    enters_s: float
    radius: float = 0.0
    pace: float = 1.0
    arms: ArmScript | None = None

    @property
    def all_betas(self) -> list[float]:
        """All 10 shape numbers."""
        return [*self.betas, *[0.0] * (10 - len(self.betas))]

    def place_after(self, length: float) -> tuple[tuple[float, float], float]:
        """Place x, y on the floor (m) and heading (radians) after `length` metres of the path."""
        x, y = self.start
        if self.radius > 0:
            angle = self.heading + length / self.radius
            return (x + self.radius * np.cos(angle), y + self.radius * np.sin(angle)), angle + np.pi / 2
        return (x + length * np.cos(self.heading), y + length * np.sin(self.heading)), self.heading


WALKERS = (
    Walker(
        id="anna",
        betas=(0.3, 0.2, 0.1),
        outfit=PlainOutfit(shirt=(196, 62, 58), trousers=(52, 66, 104), skin=(222, 176, 146), hair=(66, 44, 30)),
        start=(4.6, 0.0),
        heading=0.4,
        enters_s=-1,
        radius=2.0,
    ),
    Walker(
        id="ben",
        betas=(1.1, -0.4),
        outfit=PlainOutfit(shirt=(74, 122, 88), trousers=(96, 84, 70), skin=(138, 92, 66), hair=(28, 22, 20)),
        start=(6.6, 5.0),
        heading=-np.pi / 2,
        enters_s=2.0,
        pace=1.2,
    ),
)
"""The two people of the demo."""


def random_walker(rng: np.random.Generator, id: str, start: tuple[float, float], enters_s: float) -> Walker:
    """A random person who walks straight on or on a circle from `start` (m), from a moment (s) on."""
    is_round = rng.random() < 0.5
    return Walker(
        id=id,
        betas=tuple(rng.normal(0.0, 1.0, 10).tolist()),
        outfit=_outfit(rng),
        start=start,
        heading=float(rng.uniform(-np.pi, np.pi)),
        enters_s=enters_s,
        radius=float(rng.uniform(0.6, 1.2)) if is_round else 0.0,
        pace=float(rng.uniform(0.7, 1.2)),
    )


def _outfit(rng: np.random.Generator) -> PlainOutfit:
    def colour() -> Rgb:
        red, green, blue = rng.integers(20, 236, 3).tolist()
        return red, green, blue

    skin = SKINS[int(rng.integers(len(SKINS)))]
    return PlainOutfit(colour(), colour(), skin, colour(), colour())
