"""Scenes that several tests of the synthesis share."""

from __future__ import annotations

import numpy as np
import pytest

from metrichmsr_ros.data.rendering.background import Backgrounds
from metrichmsr_ros.data.synthesis.scene import RenderedScene, SceneMaker


@pytest.fixture(scope="session")
def maker() -> SceneMaker:
    """Of rooms alone, with people of held-out shapes."""
    return SceneMaker(Backgrounds(), held_out=True)


@pytest.fixture(scope="session")
def scenes(maker: SceneMaker) -> list[RenderedScene]:
    """Six scenes."""
    return [maker.make(np.random.default_rng([3, i])) for i in range(6)]
