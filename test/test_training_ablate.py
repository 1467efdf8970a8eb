"""Every row of the ablation table is a network that builds, and the table says what was measured."""

from __future__ import annotations

import pytest
from test_hmr_encoders import random_batch

from metrichmsr_ros.hmr.config import ModelConfig, MoEConfig
from metrichmsr_ros.hmr.model import MetricHMR
from metrichmsr_ros.training.ablate import COLUMNS, ROWS, changed, markdown
from metrichmsr_ros.training.config import TrainConfig

BASE = ModelConfig(moe=MoEConfig(width=16, heads=2, patch_layers=1, global_layers=1, global_tokens=2))


@pytest.mark.parametrize("row", ROWS)
def test_every_row_runs(row):
    config = changed(BASE, ROWS[row])
    out = MetricHMR(config)(random_batch(2))
    assert out.transl.shape == (2, 3)
    assert config.moe.width == 16


def test_rows_differ_in_what_they_name():
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
