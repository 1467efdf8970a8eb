"""Looks at people who gesture: the same for a seed, true to the image, and read by the training."""

from __future__ import annotations

import numpy as np
import pytest
from helpers.fetched_networks import skip_without_blazepose, skip_without_heavy_blazepose

from metrichmsr_ros.data.mocap.acts.scripts import SIDES
from metrichmsr_ros.data.synthesis.acts.scenes import FPS, gesturing_people, sides_shown
from metrichmsr_ros.data.synthesis.acts.shards import ActConfig, synthesize_acts
from metrichmsr_ros.data.synthesis.crops.shard_files import CropShardError, read_crops
from metrichmsr_ros.people.gestures.arm_features import NUM_FEATURES
from metrichmsr_ros.training.arms.examples import read_examples

skip_without_blazepose()
skip_without_heavy_blazepose()


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("acts")
    assert synthesize_acts(path, ActConfig(count=1, val_count=1, seed=4)) > 4
    return path


def test_the_same_seed_gives_the_same_looks(folder, tmp_path):
    synthesize_acts(tmp_path, ActConfig(count=1, val_count=0, seed=4))
    first, again = (read_crops(path / "train-00000.safetensors") for path in (folder, tmp_path))
    assert first.keys() == again.keys()
    for name in first:
        np.testing.assert_array_equal(first[name], again[name])
    held_out = read_crops(folder / "val-00000.safetensors")
    assert held_out["joints"].shape != first["joints"].shape or not np.allclose(held_out["joints"], first["joints"])


def test_finished_shards_are_not_made_again(folder):
    assert synthesize_acts(folder, ActConfig(count=1, val_count=1, seed=4)) == 0


def test_shards_of_another_seed_are_not_mixed_in(folder):
    with pytest.raises(CropShardError, match="holds shards of seed 4, not 5"):
        synthesize_acts(folder, ActConfig(count=2, val_count=1, seed=5))


def test_looks_come_in_pairs_that_share_the_truth_and_see_the_person(folder):
    looks = read_crops(folder / "train-00000.safetensors")
    assert len(looks["joints"]) % 2 == 0
    np.testing.assert_array_equal(looks["joints"][::2], looks["joints"][1::2])
    assert not np.array_equal(looks["landmarks"][::2], looks["landmarks"][1::2])
    assert (looks["score"] > 0.3).all()
    shoulders = np.linalg.norm(looks["world"][:, 11] - looks["world"][:, 12], axis=1)
    assert (np.abs(shoulders - 0.33) < 0.15).all()


def test_training_reads_them(folder):
    examples = read_examples(folder)
    assert examples.features.shape[1] == NUM_FEATURES
    assert np.isfinite(examples.features).all()


def test_an_arm_is_shown_where_nothing_is_before_it():
    views, sequence = gesturing_people(np.random.default_rng(11))
    assert set(views) == {"person1", "person2"}
    frame = sequence[0]
    for person in frame.people:
        shown = sides_shown(frame, person)
        assert shown.shape == (len(SIDES),)
        wall = np.full_like(frame.depth, 0.5)  # a wall half a metre before the camera
        assert not sides_shown(type(frame)(**(vars(frame) | {"depth": wall})), person).any()
    assert frame.stamp_s == 0.0
    assert sequence.fps == FPS


@pytest.mark.parametrize("numbers", [{"count": -1}, {"count": 0, "val_count": 0}, {"count": 1, "processes": -1}])
def test_numbers_without_meaning_are_refused(numbers):
    with pytest.raises(CropShardError, match="at least 0"):
        ActConfig(**numbers)
