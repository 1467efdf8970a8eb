"""Every row of the pixel branch's ablation is a branch that trains, and reads what its name says."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch
from helpers.fetched_networks import skip_without_blazepose
from helpers.simulated_crops import landmarks_network, write_people

from metrichmsr_ros.hmr.config import MoEConfig, PixelPositionConfig
from metrichmsr_ros.hmr.network.pixels.branch import PixelPosition
from metrichmsr_ros.training.pixels import ablations
from metrichmsr_ros.training.pixels.ablations import COLUMNS, ROWS, ablate, branch_errors, markdown, row_config
from metrichmsr_ros.training.pixels.config import PixelTrainConfig, load_pixel_config
from metrichmsr_ros.training.pixels.crops import as_tensors, batch_of, held_out
from metrichmsr_ros.training.pixels.train import PixelRun

CONFIG = Path(__file__).parents[3] / "config" / "train"
MOE = MoEConfig(width=16, heads=2, patch_layers=1, global_layers=1, global_tokens=2)


@pytest.fixture(scope="module")
def config(tmp_path_factory, body):
    skip_without_blazepose()
    folder = tmp_path_factory.mktemp("ablation")
    (folder / "crops").mkdir()
    write_people(folder / "crops" / "train-00000.safetensors", body, 12, 0)
    write_people(folder / "crops" / "val-00000.safetensors", body, 8, 9)
    return PixelTrainConfig(
        landmarks=str(landmarks_network(folder)),
        branch=PixelPositionConfig(mixer="human_moe", moe=MOE, width=16, layers=1, heads=2),
        crops=str(folder / "crops"),
        output=str(folder / "out"),
        steps=1,
        batch_size=4,
        trunk_learning_rate=0.0,
    )


@pytest.fixture(scope="module")
def people(config, body):
    (shard,) = held_out(config.crops)
    return batch_of(as_tensors(shard), body)[0]


def branch_of(config, row, body_seed=0):
    torch.manual_seed(body_seed)
    branch = PixelPosition(row_config(config, row, ROWS[row], 0).branch).eval()
    with torch.no_grad():
        branch.position[-1].weight.mul_(20)  # so that inputs matter
    return branch


def moves(branch, people, **changes):
    """Whether the estimate before geometry depends on these inputs."""
    changed = dataclasses.replace(people, **changes)
    before, after = (branch.locate(branch.tokens(batch)).where for batch in (people, changed))
    return not torch.allclose(before, after, atol=1e-4)


@torch.inference_mode()
@pytest.mark.parametrize("row", ROWS)
def test_a_row_reads_what_its_name_says(config, people, row):
    branch, settings = branch_of(config, row), row_config(config, row, ROWS[row], 0).branch
    assert moves(branch, people, decoder_maps=people.decoder_maps + 1.0) == (settings.reads != "landmarks")
    assert moves(branch, people, trunk_maps=2 * people.trunk_maps) == (settings.reads != "landmarks")
    assert moves(branch, people, world=people.world + 0.3) == (settings.reads != "pixels")
    # the same crop of a camera with twice the focal length and image
    twice = torch.diag(torch.tensor([2.0, 2.0, 1.0]))
    camera = {"intrinsics": twice @ people.intrinsics, "crop_intrinsics": twice @ people.crop_intrinsics}
    assert moves(branch, people, **camera) == (settings.conditioning != "none")


def test_the_shipped_configuration_reads():
    config = load_pixel_config(CONFIG / "ablation_pixels.yaml")
    assert config.branch.mixer == "human_moe"
    assert config.branch.moe.width == config.branch.width  # so that the transformer's row is as wide


def test_rows_are_different_branches(config):
    branches = {name: row_config(config, name, changes, 0).branch for name, changes in ROWS.items()}
    assert len(set(branches.values())) == len({row_config(config, n, c, 0).name for n, c in ROWS.items()}) == len(ROWS)
    assert branches["8 routed experts"].moe.routed_experts == 8
    assert branches["8 routed experts"].moe.width == MOE.width


@torch.inference_mode()
def test_errors_are_those_of_a_second_implementation(config, body):
    branch = branch_of(config, "cliff")
    (shard,) = held_out(config.crops)
    batch, truth = batch_of(as_tensors(shard), body)
    found = branch(batch)
    distance, true = found.transl[:, 2].double().numpy(), truth.transl[:, 2].double().numpy()
    errors = branch_errors(branch, [shard], body)
    assert errors["all"] == pytest.approx(100 * np.median(np.abs(distance - true) / true), rel=1e-3)
    assert errors["whole"] == errors["all"]  # all of them are whole
    assert np.isnan(errors["near"])


def test_the_table_has_a_line_for_each_row_and_finished_rows_are_not_trained_again(config, tmp_path, monkeypatch):
    monkeypatch.setattr(ablations, "ROWS", {name: ROWS[name] for name in ("pixels only", "Patch MoE only")})
    first = ablate(config, (0, 1), tmp_path / "page.md", "metrichmsr ablate x.yaml")
    assert (tmp_path / "page.md").read_text() == f"# Ablations of the pixel branch\n\n{first}"
    assert first.startswith("    metrichmsr ablate x.yaml\n")
    assert first.count("| pixels only |") == first.count("| Patch MoE only |") == 1
    monkeypatch.setattr(PixelRun, "step", None)  # training would raise
    assert ablate(config, (0, 1)) in first


def test_cells_hold_mean_and_spread():
    runs = [dict.fromkeys(COLUMNS, 10.0) | {"parameters": 2.0}, dict.fromkeys(COLUMNS, 14.0) | {"parameters": 2.0}]
    table = markdown({"a row": runs}, "a budget", (0, 1))
    assert "| a row | 12.00 ± 2.00 | " in table
    assert table.endswith("| 2.00 |\n")
