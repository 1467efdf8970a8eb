"""The paper's ablation rows for the pixel branch, at one small fixed budget on cached maps.

    metrichmsr ablate config/train/ablation_pixels.yaml --network pixels

Every row is the base configuration with a few keys of `branch` changed. BlazePose's trunk stays frozen where
`trunk_learning_rate` is 0, so that a row costs minutes. The table has the errors of the branch alone; the geometry of
its output knows the camera in every row, also where its tokens do not.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from rich.console import Console

from metrichmsr_ros.body.base import BodyModel
from metrichmsr_ros.body.load import load_body
from metrichmsr_ros.config import build, to_mapping
from metrichmsr_ros.data.rendering.crops.framing import Framing
from metrichmsr_ros.data.synthesis.crops.shard_files import CropArrays
from metrichmsr_ros.hmr.config import PixelPositionConfig
from metrichmsr_ros.hmr.network.checkpoint import load_model
from metrichmsr_ros.hmr.network.pixels.branch import PixelPosition
from metrichmsr_ros.training.ablation_page import cell, with_changes, write_page
from metrichmsr_ros.training.pixels.config import PixelTrainConfig
from metrichmsr_ros.training.pixels.crops import held_out, held_out_batches
from metrichmsr_ros.training.pixels.train import train
from metrichmsr_ros.training.pixels.validation import BATCH

ROWS: dict[str, Mapping[str, Any]] = {
    "pixels and landmarks, ray map, 4 routed experts": {},
    "pixels only": {"reads": "pixels"},
    "landmarks only": {"reads": "landmarks"},
    "without the camera": {"conditioning": "none"},
    "cliff": {"conditioning": "cliff"},
    "0 routed experts": {"moe": {"routed_experts": 0}},
    "2 routed experts": {"moe": {"routed_experts": 2}},
    "8 routed experts": {"moe": {"routed_experts": 8}},
    "Patch MoE only": {"moe": {"patch_layers": 4, "global_layers": 0}},
    "Global MoE only": {"moe": {"patch_layers": 0, "global_layers": 4}},
    "transformer (as shipped)": {"mixer": "transformer"},
}
_NEAR = (Framing.WAIST_UP, Framing.CHEST_UP)
COLUMNS: dict[str, str] = {
    "all": "distance %",
    "whole": "whole %",
    "cut": "feet cut %",
    "near": "waist and chest up %",
    "inside": "inside 1 sigma",
    "height": "height cm",
    "parameters": "parameters M",
}


def ablate(config: PixelTrainConfig, seeds: Sequence[int] = (0, 1), out: Path | None = None, command: str = "") -> str:
    """Trains every row with every seed as `train` does, which resumes; returns the table and writes it to `out`.

    `command` is printed above the table: it reproduces the table. The discussion in `out`, from its first second-level
    heading on, is kept. Raises as `train` does.
    """
    held, console = held_out(Path(config.crops)), Console()
    body = load_body(load_model(config.landmarks, setting="landmarks").config.body)
    results: dict[str, list[dict[str, float]]] = {name: [] for name in ROWS}
    for seed in seeds:
        for name, changes in ROWS.items():
            weights = train(row_config(config, name, changes, seed), report=lambda _: None)
            branch = load_model(weights).pixel_position
            assert branch is not None
            results[name].append(branch_errors(branch, held, body))
            console.print(f"seed {seed}, {name}: distance {results[name][-1]['all']:.2f} %")
    people = sum(len(shard["betas"]) for shard in held)
    budget = f"{config.steps} steps of {config.batch_size} crops; {people} held-out crops of other people"
    table = markdown(results, budget, seeds)
    if command:
        table = f"    {command}\n\n{table}"
    if out is not None:
        write_page(out, "Ablations of the pixel branch", table)
    return table


def row_config(config: PixelTrainConfig, name: str, changes: Mapping[str, Any], seed: int) -> PixelTrainConfig:
    """The configuration of one row: keys of `branch` replaced (nested as in YAML), a name of its own."""
    slug = "".join(letter if letter.isalnum() else "_" for letter in name)
    branch = build(PixelPositionConfig, with_changes(to_mapping(config.branch), changes))
    return dataclasses.replace(config, name=f"{config.name}_{slug}_{seed}", branch=branch, seed=seed)


@torch.inference_mode()
def branch_errors(branch: PixelPosition, held: Sequence[CropArrays], body: BodyModel) -> dict[str, float]:
    """Errors by the names of `COLUMNS`: medians of the absolute errors of the distance in per cent, and so on."""
    rows = []
    for batch, truth in held_out_batches(held, body, BATCH):
        found = branch(batch)
        error = (found.transl[:, 2] / truth.transl[:, 2] - 1).abs()
        inside = (error <= found.log_deviation[:, 2].exp()).float()
        height = (body.height(found.betas) - truth.height).abs()
        rows.append(torch.stack([error, inside, height, truth.framing.float()], dim=1))
    error, inside, height, framing = torch.cat(rows).double().numpy().T
    groups = {
        "all": framing >= 0,
        "whole": framing == Framing.WHOLE,
        "cut": framing == Framing.FEET_CUT,
        "near": np.isin(framing, [int(kind) for kind in _NEAR]),
    }
    medians = {name: 100 * float(np.median(error[chosen])) for name, chosen in groups.items() if chosen.any()}
    size = sum(parameter.numel() for parameter in branch.parameters()) / 1e6
    nan = dict.fromkeys(groups, float("nan"))
    return nan | medians | {"inside": inside.mean(), "height": 100 * height.mean(), "parameters": size}


def markdown(results: Mapping[str, Sequence[Mapping[str, float]]], budget: str, seeds: Sequence[int]) -> str:
    """The table in Markdown; each cell is the mean over seeds ± half the range."""
    lines = [
        f"{budget}; seeds {', '.join(map(str, seeds))}. Cells: mean over seeds ± half the range.",
        "",
        f"| row | {' | '.join(COLUMNS.values())} |",
        "|" + "---|" * (1 + len(COLUMNS)),
    ]
    for name, runs in results.items():
        cells = [cell([run[key] for run in runs], 2) for key in COLUMNS if key != "parameters"]
        lines.append(f"| {name} | {' | '.join(cells)} | {runs[0]['parameters']:.2f} |")
    return "\n".join(lines) + "\n"
