"""Shards: what they hold, how many there are, and how a broken run goes on."""

from __future__ import annotations

import io
import tarfile
from dataclasses import replace

import numpy as np
import pytest
from helpers.true_landmarks import SceneReplay, observed

from metrichmsr_ros.data.synthesis import shards as synthetic
from metrichmsr_ros.data.synthesis.contact_sheet import contact_sheet
from metrichmsr_ros.data.synthesis.landmark_rows import read_rows
from metrichmsr_ros.data.synthesis.samples import sample_arrays
from metrichmsr_ros.data.synthesis.shards import ShardJob, SynthesisConfig, plan, synthesize, write_shard
from metrichmsr_ros.data.synthesis.simulated_shards import simulate


def test_sample_arrays_have_the_documented_shapes_and_types(scenes):
    for scene, seen, missed in observed(scenes, np.random.default_rng(0)):
        arrays = sample_arrays(scene, seen, missed, 7)
        count = len(seen)
        shapes = {"crop_landmarks": (39, 3), "pose": (72,), "betas": (10,), "joints_cam": (24, 3), "height": ()}
        for name, shape in shapes.items():
            assert arrays[name].shape == (count, *shape)
        assert arrays["missed_pose"].shape == (len(missed), 72)
        assert arrays["intrinsics"].shape == (3, 3)
        assert arrays["image_size"].tolist() == list(scene.camera.size)


def test_a_plan_counts_its_shards_and_refuses_an_empty_set(tmp_path):
    config = SynthesisConfig(count=25, val_count=5, images_per_shard=10)
    jobs = plan(tmp_path, config)
    assert [(j.path.name, j.images) for j in jobs] == [
        ("val-00000.tar", 5),
        ("train-00000.tar", 10),
        ("train-00001.tar", 10),
        ("train-00002.tar", 5),
    ]
    with pytest.raises(ValueError, match="at least one image"):
        plan(tmp_path, replace(config, count=0, val_count=0))


def test_a_shard_is_whole_or_not_there(tmp_path, scenes):
    job = ShardJob(tmp_path / "val-00000.tar", True, 0, len(scenes), SynthesisConfig())
    broken = SceneReplay(scenes[:2])
    with pytest.raises(RuntimeError, match="out of scenes"):
        write_shard(job, broken, broken)
    assert list(tmp_path.iterdir()) == []
    whole = SceneReplay(scenes)
    counts = write_shard(job, whole, whole)
    assert counts["images"] == len(scenes)
    with tarfile.open(job.path) as tar:
        names = tar.getnames()
        npz = [n for n in names if n.endswith(".npz")]
        people = 0
        for name in npz:
            assert name[:-3] + "jpg" in names
            with np.load(io.BytesIO(tar.extractfile(name).read())) as arrays:
                people += len(arrays["pose"])
    assert people == counts["people"]
    assert contact_sheet([job.path], columns=3, rows=2, side=64).shape == (128, 192, 3)


def test_finished_shards_are_kept_and_told(tmp_path, monkeypatch, capsys):
    made = []

    class Worker:
        def __call__(self, job):
            made.append(job.path.name)
            with tarfile.open(job.path, "w"):
                return {"shards": 1, "images": job.images, "people": 0, "missed": 0}

    monkeypatch.setattr(synthetic, "_Worker", Worker)
    config = SynthesisConfig(count=4, val_count=2, images_per_shard=2, workers=1)
    assert synthesize(tmp_path, config)["images"] == 6
    assert "already" not in capsys.readouterr().err
    (tmp_path / "train-00000.tar").unlink()
    assert synthesize(tmp_path, config)["images"] == 2
    assert f"2 of 3 shards are in {tmp_path} already and stay as they are" in capsys.readouterr().err
    assert made == ["val-00000.tar", "train-00000.tar", "train-00001.tar", "train-00000.tar"]


def test_simulated_shards_read_like_rendered_ones(tmp_path, scenes):
    job = ShardJob(tmp_path / "train-00000.tar", False, 0, len(scenes), SynthesisConfig())
    whole = SceneReplay(scenes)
    people = write_shard(job, whole, whole)["people"]
    assert len(read_rows([job.path])[0]["pose"]) == people
    written = simulate([job.path], tmp_path / "sim", 30, per_shard=20)
    shards = sorted((tmp_path / "sim").iterdir())
    assert [s.name for s in shards] == ["sim-00000.tar", "sim-00001.tar"]
    rows, _ = read_rows(shards)
    assert len(rows["pose"]) == written <= 30
    assert rows["intrinsics"].shape == (written, 3, 3)
    assert not rows["heavy"].any()
    assert simulate([job.path], tmp_path / "sim", 30, per_shard=20) == 0


def test_shards_without_people_are_named(tmp_path):
    with tarfile.open(tmp_path / "a.tar", "w"):
        pass
    for shards in ([], [tmp_path / "a.tar"]):
        with pytest.raises(ValueError, match="hold no people"):
            read_rows(shards)


def test_two_images_through_the_real_networks(tmp_path):
    total = synthesize(tmp_path, SynthesisConfig(count=0, val_count=2, seed=5, workers=1))
    assert (total["shards"], total["images"]) == (1, 2)
    assert total["people"] + total["missed"] > 0
    if total["people"]:
        rows, _ = read_rows([tmp_path / "val-00000.tar"])
        seen = np.einsum("nij,nkj->nki", rows["intrinsics"], rows["landmarks_cam"])
        gap = np.linalg.norm(seen[..., :2] / seen[..., 2:] - rows["pixels"][:, :33], axis=-1)
        size = np.ptp(rows["pixels"][:, :33], axis=1).max(-1)
        assert np.median(gap / size[:, None]) < 0.1
    assert (tmp_path / "contact_sheet.png").exists()
