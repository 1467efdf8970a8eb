"""Every row of the ablation table is a network that can be built, and the table holds the measured values."""

from __future__ import annotations

import importlib
import json

import pytest
from helpers.random_batches import random_batch
from helpers.simulated_people import simulate

from metrichmsr_ros.body.load import load_body
from metrichmsr_ros.hmr.config import ModelConfig, MoEConfig
from metrichmsr_ros.hmr.network.model import MetricHMR
from metrichmsr_ros.training.human.ablations import COLUMNS, ROWS, ablate, changed, markdown
from metrichmsr_ros.training.human.config import TrainConfig

BASE = ModelConfig(moe=MoEConfig(width=16, heads=2, patch_layers=1, global_layers=1, global_tokens=2))


@pytest.mark.parametrize("row", ROWS)
def test_every_row_runs(row):
    config = changed(BASE, ROWS[row])
    out = MetricHMR(config)(random_batch(2))
    assert out.transl.shape == (2, 3)
    assert config.moe.width == 16


def test_rows_differ_in_the_keys_they_name():
    configs = {name: changed(BASE, changes) for name, changes in ROWS.items()}
    assert len(set(configs.values())) == len(ROWS)
    assert configs["image only"].conditioning == "none"
    assert configs["ray map, 32 routed experts"].moe.routed_experts == 32
    assert configs["Patch MoE only"].moe.global_layers == 0


def test_table_holds_mean_and_spread():
    runs = [dict.fromkeys(COLUMNS, 10.0) | {"parameters": 2.0}, dict.fromkeys(COLUMNS, 14.0) | {"parameters": 2.0}]
    table = markdown({"a row": runs}, TrainConfig(steps=7), 100, 20, (0, 1))
    assert "100 landmark sets" in table
    assert "| a row | 12.0 ± 2.0 | 12.0 ± 2.0 | 12.0 ± 2.0 | 12.000 ± 2.000 |" in table


def test_finished_rows_are_not_trained_again(tmp_path, monkeypatch):
    """Also rows that were written before the configuration had some of its keys."""
    module = importlib.import_module("metrichmsr_ros.training.human.ablations")
    body = load_body("open_light")
    people = simulate(body, 8)
    monkeypatch.setattr(module, "load_people", lambda patterns: people)
    monkeypatch.setattr(module, "ROWS", {"image only": ROWS["image only"], "Patch MoE only": ROWS["Patch MoE only"]})
    config = TrainConfig(model=BASE, output=str(tmp_path), batch_size=4, steps=2)
    (tmp_path / "table.md").write_text("# Old\n\n| old |\n\n## What it shows\n\nMuch.\n")
    first = ablate(config, (0, 1), tmp_path / "table.md", "metrichmsr ablate x.yaml")
    assert (tmp_path / "table.md").read_text() == f"# Ablations\n\n{first}\n## What it shows\n\nMuch.\n"
    assert first.startswith("    metrichmsr ablate x.yaml\n")
    assert first.count("| image only |") == 1
    rows = [json.loads(line) for line in (tmp_path / "ablation.jsonl").read_text().splitlines()]
    assert [(row["row"], row["seed"]) for row in rows] == [(name, seed) for seed in (0, 1) for name in module.ROWS]
    older = [row | {"key": json.dumps(without(json.loads(row["key"]), "parallel"))} for row in rows]
    (tmp_path / "ablation.jsonl").write_text("".join(json.dumps(row) + "\n" for row in older))
    monkeypatch.setattr(module, "_train_and_validate", None)  # training would raise
    assert ablate(config, (0, 1), None, "metrichmsr ablate x.yaml") == first


def without(values: dict, name: str) -> dict:
    return {key: value for key, value in values.items() if key != name}
