"""Shards of crops: resumable, equal for any number of processes, and read back in batches of one shape."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from helpers.fetched_networks import skip_without_blazepose

from metrichmsr_ros.data.synthesis.crops.shard_files import (
    CropShardError,
    about_crops,
    batches,
    crop_shards,
    read_crops,
)
from metrichmsr_ros.data.synthesis.crops.shards import CropConfig, plan, synthesize_crops

skip_without_blazepose()

_SMALL = CropConfig(count=48, val_count=16, steps=1)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("crops")
    done = synthesize_crops(out, _SMALL)
    assert done["shards"] == 4
    assert done["people"] == 64
    assert 24 <= done["crops"] <= 3 * 64  # one to three looks at each person
    return out


def test_shards_hold_what_blazepose_saw_and_the_truth(folder):
    crops = read_crops(crop_shards(folder)[0])
    count = about_crops(crop_shards(folder)[0])["crops"]
    assert {len(values) for values in crops.values()} == {count}
    assert crops["s16"].shape == (count, 88, 16, 16)
    assert crops["s16"].dtype == crops["t8"].dtype == np.float16
    np.testing.assert_allclose(crops["transl"], crops["joints"][:, 0])
    seen = np.einsum("nij,nkj->nki", crops["crop_intrinsics"], crops["joints"])
    pixels = seen[..., :2] / seen[..., 2:]
    people, first = np.unique(crops["person"], return_index=True)
    assert count > len(people) >= 8  # some are looked at several times
    assert 0.1 < crops["mirrored"].mean() < 0.6
    np.testing.assert_array_equal(crops["betas"][first][np.searchsorted(people, crops["person"])], crops["betas"])
    gaps = np.linalg.norm(crops["landmarks"][:, [23, 24], :2].mean(1) - pixels[:, [1, 2]].mean(1), axis=1)
    assert np.median(gaps) < 15  # px of 256


def test_an_interrupted_run_makes_only_what_is_missing(folder):
    lost = crop_shards(folder)[1]
    before = lost.read_bytes()
    lost.unlink()
    assert synthesize_crops(folder, _SMALL)["shards"] == 1
    assert lost.read_bytes() == before
    assert synthesize_crops(folder, _SMALL)["shards"] == 0


def test_processes_do_not_change_the_shards(folder, tmp_path):
    synthesize_crops(tmp_path, replace(_SMALL, processes=2, count=16))
    for path in tmp_path.glob("*.safetensors"):
        assert path.read_bytes() == (folder / path.name).read_bytes()


def test_a_folder_of_another_configuration_is_refused(folder):
    with pytest.raises(CropShardError, match="seed 0, not 1"):
        synthesize_crops(folder, replace(_SMALL, seed=1))
    with pytest.raises(CropShardError, match="device cpu, not cuda"):
        synthesize_crops(folder, replace(_SMALL, device="cuda"))


def test_batches_have_one_shape_and_hold_every_crop_at_most_once(folder):
    paths = crop_shards(folder)
    seen = list(batches(paths, 8, np.random.default_rng(0)))
    assert {len(batch["score"]) for batch in seen} == {8}
    keys = np.concatenate([batch["world"].reshape(8, -1) for batch in seen])
    assert len(np.unique(keys, axis=0)) == len(keys)
    again = list(batches(paths, 8, np.random.default_rng(0)))
    assert all(np.array_equal(a["t8"], b["t8"]) for a, b in zip(seen, again, strict=True))
    whole = {key.tobytes(): values for path in paths for key, values in _by_world(read_crops(path))}
    for batch in batches(paths, 8, np.random.default_rng(1), ["world", "transl"]):
        assert set(batch) == {"world", "transl"}
        assert all(np.array_equal(whole[w.tobytes()], t) for w, t in zip(batch["world"], batch["transl"], strict=True))


def _by_world(crops):
    return zip(crops["world"], crops["transl"], strict=True)


def test_maps_can_be_left_out_and_the_heavier_network_be_asked(tmp_path):
    synthesize_crops(tmp_path, replace(_SMALL, count=16, val_count=0, maps=False, heavy=True))
    crops = read_crops(crop_shards(tmp_path)[0])
    gaps = np.linalg.norm(crops["heavy_landmarks"][..., :2] - crops["landmarks"][..., :2], axis=-1)[:, [11, 12, 23, 24]]
    assert 0.1 < np.median(gaps) < 20  # px: another network, the same crop
    assert "s16" not in crops
    with pytest.raises(CropShardError, match="has no s16"):
        read_crops(crop_shards(tmp_path)[0], ["s16"])


def test_what_is_no_shard_is_refused(tmp_path):
    path = tmp_path / "train-00000.safetensors"
    path.write_bytes(b"hello, world")
    with pytest.raises(CropShardError, match="not a shard of crops"):
        read_crops(path)
    with pytest.raises(CropShardError, match="no val-"):
        crop_shards(tmp_path, held_out=True)


def test_runs_end_by_time_or_count(tmp_path):
    with pytest.raises(CropShardError, match="never end"):
        CropConfig(count=0, seconds=0)
    jobs = plan(tmp_path, CropConfig(seconds=10, val_count=0), now=100.0)
    assert {job.begin_before for job in jobs} == {110.0}
    for number in range(50):
        (tmp_path / f"train-{number:05d}.safetensors").touch()
    more = plan(tmp_path, CropConfig(seconds=10, val_count=0), now=100.0)
    assert sum(not job.path.exists() for job in more) == len(jobs)
    assert len(plan(tmp_path, CropConfig(count=641, val_count=0), now=0.0)) == 2
