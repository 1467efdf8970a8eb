"""Weighted mixing: shares, coverage, exact resume and exact split over processes."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from metrichmsr_ros.data.mixing import MixSampler, Mixture

LENGTHS = (7, 100, 31)


class Numbers(torch.utils.data.Dataset[int]):
    def __init__(self, start: int, count: int) -> None:
        self.start, self.count = start, count

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, index: int) -> int:
        if not 0 <= index < self.count:
            raise IndexError(index)
        return self.start + index


def test_a_mixture_is_its_parts_in_a_row() -> None:
    mixture = Mixture([Numbers(0, 7), Numbers(1000, 100), Numbers(5000, 31)])
    assert len(mixture) == 138
    assert [mixture[i] for i in (0, 6, 7, 106, 107, 137)] == [0, 6, 1000, 1099, 5000, 5030]


def test_draws_follow_the_weights() -> None:
    draws = np.array(list(MixSampler(LENGTHS, (1.0, 1.0, 2.0), count=20_000)))
    shares = [np.mean((draws >= low) & (draws < high)) for low, high in ((0, 7), (7, 107), (107, 138))]
    assert shares == pytest.approx([0.25, 0.25, 0.5], abs=0.015)


def test_a_part_of_weight_zero_is_left_out() -> None:
    assert all(7 <= draw < 107 for draw in MixSampler(LENGTHS, (0, 1, 0), count=300))


def test_every_sample_is_drawn_once_before_any_twice() -> None:
    draws = list(MixSampler((50,), (1.0,), count=150, seed=4))
    passes = [draws[i : i + 50] for i in (0, 50, 100)]
    assert all(sorted(one) == list(range(50)) for one in passes)
    assert passes[0] != passes[1]


@settings(deadline=None, max_examples=25)
@given(st.integers(0, 1000), st.integers(0, 200), st.integers(1, 4))
def test_resuming_and_splitting_change_nothing(seed: int, start: int, world_size: int) -> None:
    weights = (0.2, 0.5, 0.3)
    whole = list(MixSampler(LENGTHS, weights, count=start + 60, seed=seed))
    assert list(MixSampler(LENGTHS, weights, count=60, seed=seed, start=start)) == whole[start:]
    ranks = [
        list(MixSampler(LENGTHS, weights, 60 // world_size, seed, start, rank, world_size))
        for rank in range(world_size)
    ]
    woven = [draw for together in zip(*ranks, strict=True) for draw in together]
    assert woven == whole[start : start + len(woven)]


def test_seeds_differ() -> None:
    first, second = (list(MixSampler(LENGTHS, (1, 1, 1), count=50, seed=seed)) for seed in (0, 1))
    assert first != second


@pytest.mark.parametrize("weights", [(1, 1), (1, -1, 1), (1, np.nan, 1), (0, 0, 0)])
def test_impossible_weights_are_refused(weights: tuple[float, ...]) -> None:
    with pytest.raises(ValueError, match="mixture"):
        MixSampler(LENGTHS, weights, count=1)


def test_empty_parts_are_refused() -> None:
    with pytest.raises(ValueError, match=r"lengths are \[3, 0\]"):
        Mixture([Numbers(0, 3), Numbers(0, 0)])
