"""Shards kept in the training device's memory: every look once a pass, resumable, and new shards join."""

from __future__ import annotations

from itertools import islice

import pytest
import torch
from helpers.simulated_crops import write_people

from metrichmsr_ros.data.synthesis.crops.shard_files import CropShardError, crop_shards, read_crops
from metrichmsr_ros.training.pixels.crops import Position
from metrichmsr_ros.training.pixels.resident import ResidentCrops

CPU = torch.device("cpu")


def shard(folder, body, number, count=24):
    write_people(folder / f"train-{number:05d}.safetensors", body, count, number)


def quiet(_):
    pass


@pytest.fixture
def folder(tmp_path, body):
    shard(tmp_path, body, 0)
    shard(tmp_path, body, 1)
    return tmp_path


def test_a_pass_has_every_look_once_as_the_shards_have_it(folder):
    crops = ResidentCrops(folder, CPU, 100, quiet)
    passed = [looks for _, looks in islice(crops.endless(8, 3, Position()), 6)]
    stored = torch.cat([torch.from_numpy(read_crops(path)["betas"]) for path in crop_shards(folder)])
    seen = torch.cat([looks["betas"] for looks in passed])
    assert torch.equal(seen.sum(1).sort().values, stored.sum(1).sort().values)
    assert {looks["s16"].dtype for looks in passed} == {torch.float16}
    first = read_crops(crop_shards(folder)[0])
    everything = {name: torch.cat([looks[name] for looks in passed]) for name in ("betas", "s16", "landmarks")}
    row = int((everything["betas"] - torch.from_numpy(first["betas"][0])).abs().sum(1).argmin())
    for name in ("s16", "landmarks"):
        assert torch.equal(everything[name][row], torch.from_numpy(first[name][0]).to(everything[name].dtype))


def test_a_resumed_stream_goes_on_where_it_stood(folder):
    whole = list(islice(ResidentCrops(folder, CPU, 100, quiet).endless(10, 1, Position()), 9))
    position = whole[4][0]
    rest = list(islice(ResidentCrops(folder, CPU, 100, quiet).endless(10, 1, position), 4))
    for (place, looks), (other, again) in zip(whole[5:], rest, strict=True):
        assert place == other
        assert torch.equal(looks["landmarks"], again["landmarks"])


def test_new_shards_join_at_the_next_pass_up_to_the_capacity(folder, body):
    lines = []
    crops = ResidentCrops(folder, CPU, 60, lines.append)
    stream = crops.endless(24, 0, Position())
    next(stream)
    shard(folder, body, 2)
    assert next(stream)[0] == Position(0, 2)
    assert next(stream)[0] == Position(1, 1)
    assert len(crops) == 60
    assert lines == ["48 looks of 2 shards in memory", "60 looks of 3 shards in memory, as many as fit"]


def test_too_few_looks_and_no_shards_are_named(folder, tmp_path):
    with pytest.raises(ValueError, match="fewer than 64 crops; lower batch_size"):
        next(ResidentCrops(folder, CPU, 100, quiet).endless(64, 0, Position()))
    (tmp_path / "empty").mkdir()
    with pytest.raises(CropShardError, match=r"no train-\*"):
        next(ResidentCrops(tmp_path / "empty", CPU, 100, quiet).endless(1, 0, Position()))
