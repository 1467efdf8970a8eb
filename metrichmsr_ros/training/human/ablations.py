"""The paper's ablation rows at one small fixed budget: every row is the base configuration with a few keys changed.

    metrichmsr ablate config/train/ablation.yaml

The table is written as Markdown with the command, the data, the budget and the seeds. Two seeds show how large a
difference between rows can be by chance.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from rich.console import Console

from metrichmsr_ros.body.base import BodyModel
from metrichmsr_ros.body.load import load_body
from metrichmsr_ros.config import build, to_mapping
from metrichmsr_ros.hmr.config import ModelConfig
from metrichmsr_ros.io.line_files import append_line, whole_lines
from metrichmsr_ros.training.ablation_page import cell, with_changes, write_page
from metrichmsr_ros.training.distributed import Processes
from metrichmsr_ros.training.human.batches import LandmarkBatches
from metrichmsr_ros.training.human.config import TrainConfig, differing_keys
from metrichmsr_ros.training.human.landmark_table import PeopleTable, load_people
from metrichmsr_ros.training.human.trainer import HumanRun
from metrichmsr_ros.training.human.validation import validate

PAPER = {"head": {"translation": "direct", "orientation_frame": "camera"}}
ROWS: dict[str, Mapping[str, Any]] = {
    "image only": PAPER | {"conditioning": "none", "moe": {"routed_experts": 0}},
    "cliff": PAPER | {"conditioning": "cliff", "moe": {"routed_experts": 0}},
    "ray map, 0 routed experts": PAPER | {"moe": {"routed_experts": 0}},
    "ray map, 2 routed experts": PAPER | {"moe": {"routed_experts": 2}},
    "ray map, 4 routed experts (paper)": PAPER,
    "ray map, 8 routed experts": PAPER | {"moe": {"routed_experts": 8}},
    "ray map, 32 routed experts": PAPER | {"moe": {"routed_experts": 32}},
    "Patch MoE only": PAPER | {"moe": {"patch_layers": 4, "global_layers": 0}},
    "Global MoE only": PAPER | {"moe": {"patch_layers": 0, "global_layers": 4}},
    "crop_ray translation, camera frame": {"head": {"translation": "crop_ray", "orientation_frame": "camera"}},
    "crop_ray translation, crop frame (embedded)": {"head": {"translation": "crop_ray", "orientation_frame": "crop"}},
}
COLUMNS = ("pa_mpjpe", "mpjpe", "pve", "root", "root_percent", "height")
HEADER = "| row | PA-MPJPE mm | MPJPE mm | PVE mm | root m | root % | height m | parameters M |"


def ablate(config: TrainConfig, seeds: tuple[int, ...] = (0, 1), out: Path | None = None, command: str = "") -> str:
    """Trains every row with every seed on the data and steps of `config`; returns the table and writes it to `out`.

    Rows that are already in `output`/ablation.jsonl with this configuration are not trained again. `command` is printed
    above the table: it reproduces the table. The discussion in `out`, from its first second-level heading on, is kept.
    """
    people, held_out = load_people(config.train), load_people(config.validation)
    body = load_body(config.model.body)
    done = Path(config.output) / "ablation.jsonl"
    done.parent.mkdir(parents=True, exist_ok=True)
    console = Console()
    results: dict[str, list[dict[str, float]]] = {name: [] for name in ROWS}
    for seed in seeds:
        for name, changes in ROWS.items():
            run = dataclasses.replace(config, model=changed(config.model, changes), seed=seed)
            key = json.dumps(to_mapping(run), sort_keys=True)
            metrics = _earlier_result(done, run)
            if metrics is None:
                metrics = _train_and_validate(run, people, held_out, body)
                append_line(done, json.dumps({"key": key, "row": name, "seed": seed, "metrics": metrics}))
            results[name].append(metrics)
            console.print(f"seed {seed}, {name}: MPJPE {metrics['mpjpe']:.1f} mm, root {metrics['root']:.3f} m")
    table = markdown(results, config, len(people), len(held_out), seeds)
    if command:
        table = f"    {command}\n\n{table}"
    if out is not None:
        write_page(out, "Ablations", table)
    return table


def changed(model: ModelConfig, changes: Mapping[str, Any]) -> ModelConfig:
    """`model` with the keys of `changes` (nested as in YAML) replaced."""
    return build(ModelConfig, with_changes(to_mapping(model), changes))


def _train_and_validate(
    config: TrainConfig, people: PeopleTable, held_out: PeopleTable, body: BodyModel
) -> dict[str, float]:
    run = HumanRun(config, LandmarkBatches(config, people), body, Processes(0, 1, torch.device("cpu")))
    for _ in range(run.total_steps):
        run.step()
    model = run.averaged_model()
    return validate(model, held_out, body) | {"parameters": sum(p.numel() for p in model.parameters()) / 1e6}


def _earlier_result(path: Path, run: TrainConfig) -> dict[str, float] | None:
    """The metrics of an equal configuration in `path`; keys that the file does not have count as their defaults."""
    rows = [json.loads(line) for line in whole_lines(path)]
    return next((row["metrics"] for row in rows if not differing_keys(run, json.loads(row["key"]))), None)


def markdown(
    results: Mapping[str, list[dict[str, float]]],
    config: TrainConfig,
    people: int,
    held_out: int,
    seeds: tuple[int, ...],
) -> str:
    """The table in Markdown; each cell is the mean over seeds ± half the range."""
    lines = [
        f"{people} landmark sets for training, {held_out} held out (other motions and shapes); {config.steps} steps "
        f"of {config.batch_size}; seeds {', '.join(map(str, seeds))}. Cells: mean over seeds ± half the range.",
        "",
        HEADER,
        "|" + "---|" * 8,
    ]
    for name, runs in results.items():
        cells = [cell([run[column] for run in runs], 1 if column in COLUMNS[:3] else 3) for column in COLUMNS]
        lines.append(f"| {name} | {' | '.join(cells)} | {runs[0]['parameters']:.2f} |")
    return "\n".join(lines) + "\n"
