"""Training of MetricHMR: `metrichmsr train human CONFIG`, or for several processes
`torchrun --nproc-per-node N -m metrichmsr_ros.training.human.train CONFIG`.

Writes checkpoint.pt, metrics.jsonl and `name`.safetensors to `output`/`name`/. An existing checkpoint is resumed.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from metrichmsr_ros.body.base import BodyModel
from metrichmsr_ros.body.load import load_body
from metrichmsr_ros.io.line_files import keep_lines
from metrichmsr_ros.io.texts import json_text
from metrichmsr_ros.io.whole_files import remove_parts
from metrichmsr_ros.training.distributed import Processes, processes
from metrichmsr_ros.training.human.annotated_looks import annotated_people
from metrichmsr_ros.training.human.batches import Batches, LandmarkBatches, MixedLandmarkBatches
from metrichmsr_ros.training.human.best_weights import WeightsFile
from metrichmsr_ros.training.human.config import TrainConfig, TrainingError, load_train_config
from metrichmsr_ros.training.human.image_batches import held_out_images, image_batches, names_of
from metrichmsr_ros.training.human.landmark_table import (
    PeopleTable,
    load_people,
    load_rows,
    shards_of,
    table_of,
    with_simulated,
)
from metrichmsr_ros.training.human.trainer import HumanRun
from metrichmsr_ros.training.human.validation import HeldOut, validate


def train(config: TrainConfig, device: str = "cpu") -> Path:
    """Trains until `config.steps` (or `epochs`), resuming a checkpoint of the same run. Returns the weights' path.

    Raises ShardError or LabelError (data), ConfigError, TrainingError (a loss that is not finite, a checkpoint of
    another run).
    """
    with processes(device) as among:
        console = Console(quiet=not among.is_first)
        body = load_body(config.model.body)
        with console.status("reading data"):
            people, held_out = (
                _landmark_data(config, body) if config.model.image_encoder.reads_landmarks else _image_data(config)
            )
        console.print(f"{len(people)} training people, {len(held_out) if held_out else 0} held out")
        return train_on(config, people, held_out, body, among, console)


def _landmark_data(config: TrainConfig, body: BodyModel) -> tuple[Batches, HeldOut | None]:
    cache = Path(config.output) / "cache"
    held_out = load_people(config.validation, cache) if config.validation else None
    check_apart(shards_of(config.train), shards_of(config.validation), "shard", "validation")
    if not config.images:
        return LandmarkBatches(config, _rendered(config, body, cache)), held_out
    tables, weights = annotated_people(config, body, cache)
    if config.train:
        tables, weights = [*tables, _rendered(config, body, cache)], [*weights, 1.0]
    return MixedLandmarkBatches(config, tables, weights), held_out


def _rendered(config: TrainConfig, body: BodyModel, cache: Path) -> PeopleTable:
    rows, keys = load_rows(config.train, cache)
    if config.simulated:
        rows, keys = with_simulated(rows, keys, config.simulated, config.seed, body)
    return table_of(rows, keys)


def _image_data(config: TrainConfig) -> tuple[Batches, HeldOut | None]:
    batches, held_out = image_batches(config), held_out_images(config) if config.validation_images else None
    if held_out is not None:
        check_apart(names_of(batches.mixture), names_of(held_out.mixture), "person", "validation_images")
    return batches, held_out


def check_apart(trained: Iterable[str], held_out: Iterable[str], what: str, key: str) -> None:
    """Refuse data that are trained on and validated on: such errors say nothing about other people.

    Args:
        trained, held_out: names of the data.
        what: what they are of, for the message. key: of the training YAML that names the second.

    Raises:
        TrainingError: a name is in both.
    """
    shared = set(trained) & set(held_out)
    if shared:
        raise TrainingError(
            f"{key}: {len(shared)} of them are trained on too, such as the {what} {min(shared)}; validate on others, "
            "for example another `split`"
        )


def train_on(
    config: TrainConfig,
    people: Batches,
    held_out: HeldOut | None,
    body: BodyModel,
    among: Processes,
    console: Console,
) -> Path:
    """`train` on people that are already in memory."""
    folder = Path(config.output) / config.name
    folder.mkdir(parents=True, exist_ok=True)
    run = HumanRun(config, people, body, among)
    checkpoint = folder / "checkpoint.pt"
    if checkpoint.exists():
        run.resume(checkpoint)
        console.print(f"resumed {checkpoint} at step {run.step_count}")
    remove_parts(folder)
    weights_file = WeightsFile(folder / f"{config.name}.safetensors", config, len(people))
    metrics: dict[str, float] = {}
    with _scalars(folder, among, run.step_count) as log, _progress(console) as progress:
        task = progress.add_task("train", total=run.total_steps, completed=run.step_count, losses="")
        while run.step_count < run.total_steps:
            losses = run.step()
            at_end = run.step_count == run.total_steps
            if run.step_count % config.log_every == 0 or at_end:
                log(run.step_count, "loss", losses)
                progress.update(task, completed=run.step_count, losses=_brief(losses))
            if held_out is not None and (at_end or run.step_count % config.validate_every == 0):
                model = run.averaged_model()
                if among.is_first:
                    metrics = validate(model, held_out, run.body)
                    log(run.step_count, "held out", metrics)
                    progress.console.print(f"step {run.step_count}: {describe(metrics)}", highlight=False)
                    if config.keep_best:
                        weights_file.offer(run.step_count, model, metrics)
            if at_end or run.step_count % config.checkpoint_every == 0:
                run.save(checkpoint)
    model = run.averaged_model()
    if among.is_first:
        if config.keep_best and not weights_file.path.is_file():
            console.print("keep_best: no validation had finite numbers; the weights are those of the last step")
        if not weights_file.path.is_file() or not config.keep_best:
            if held_out is not None and not metrics:  # the run was killed after its last step
                metrics = validate(model, held_out, run.body)
            weights_file.write(run.step_count, model, metrics)
        console.print(f"wrote {weights_file.path}")
    among.barrier()
    return weights_file.path


def describe(metrics: dict[str, float]) -> str:
    """The metrics of `validate` in one line."""
    relative = f"{metrics['root_percent']:.2f} %, median {metrics['root_median_percent']:.2f} %"
    return (
        f"PA-MPJPE {metrics['pa_mpjpe']:.1f} mm, MPJPE {metrics['mpjpe']:.1f} mm, PVE {metrics['pve']:.1f} mm, "
        f"root {metrics['root']:.3f} m ({relative}), "
        f"height {metrics['height'] * 100:.1f} cm, 2D {metrics['reprojection_percent']:.2f} %, "
        f"1-sigma coverage {metrics['coverage']:.2f}"
    )


def _brief(losses: dict[str, float]) -> str:
    j3d, position = losses["joints_3d"] * 1000, losses["position"] * 100
    return f"loss {losses['total']:.3f}  J3D {j3d:.0f} mm  position {position:.1f} %"


def _progress(console: Console) -> Progress:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TextColumn("{task.fields[losses]}"))
    return Progress(*columns, TimeElapsedColumn(), TimeRemainingColumn(), console=console)


@contextmanager
def _scalars(folder: Path, among: Processes, begun: int) -> Iterator[Any]:
    """A function (step, group, numbers) that appends to metrics.jsonl and, if it is installed, to TensorBoard.

    What a killed run wrote of steps after `begun`, which are made again, is removed.
    """
    if not among.is_first:
        yield lambda step, group, numbers: None
        return
    board: Any = None
    with suppress(ImportError):
        from torch.utils.tensorboard import SummaryWriter

        board = SummaryWriter(str(folder), purge_step=begun + 1)
    keep_lines(folder / "metrics.jsonl", lambda line: json.loads(line)["step"] <= begun)
    with (folder / "metrics.jsonl").open("a") as file:

        def log(step: int, group: str, numbers: dict[str, float]) -> None:
            file.write(json_text({"step": step, "group": group} | numbers) + "\n")
            file.flush()
            if board is not None:
                for name, value in numbers.items():
                    board.add_scalar(f"{group}/{name}", value, step)

        yield log
    if board:
        board.close()


if __name__ == "__main__":
    train(load_train_config(sys.argv[1]), *sys.argv[2:3])
