"""`metrichmsr eval`: evaluates this pipeline, or predictions of other systems, on one benchmark; prints a table."""

from __future__ import annotations

import glob
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.progress import track

from metrichmsr_ros.acceleration.execution import Execution, Precision
from metrichmsr_ros.errors import MetricHMRError
from metrichmsr_ros.io.whole_files import full_disk
from metrichmsr_ros.replay.options import ExitCode, ReplayOptions

DATASETS = ("3dpw", "emdb1", "emdb2", "rich", "prox", "synfocal", "open")


@dataclass(frozen=True)
class EvalOptions:
    """Options of an evaluation.

    Attributes:
        data: ground truth. 3dpw, emdb1, emdb2: the dataset's folder (with `smpl`), or motions in this package's npz
            layout; rich: the same (with `smplx`); prox: the dataset's folder, or a folder of npz depth maps; open: a
            folder with val-*.tar, a shard, or a glob pattern; synfocal: npz layout, or omit it to render the data.
        predictions: NAME=PATH of each system, in the layout of the ground truth; default: this pipeline.
        cameras: emdb2, rich: folder with SEQUENCE.tum, estimated camera poses by frame number; without it systems
            without camera poses get the true ones.
        out: folder for the table as Markdown, CSV and JSON.
        smpl: folder with SMPL_MALE and SMPL_FEMALE (npz or pkl), the body models of 3DPW and EMDB.
        smplx: folder with SMPLX_MALE.npz and SMPLX_FEMALE.npz, the body models of RICH.
        genders: rich: its gender.json, gender by subject; default: gender.json in `data`.
        regressor: J_regressor_h36m.npy, for the 14 joints of 3DPW.
        images: synfocal without `data`: rendered images per lens.
        max_depth: prox: largest depth evaluated, metres; 0 evaluates all.
        depth: prox: source of this pipeline's initial depth: auto, fastdepth, ground, people, hub[:MODEL] or
            map_anything[:MODEL].
        calibrations: prox: calibrations of the depth by the people, one row each; none is the initial depth itself.
        preset: preset name of this pipeline, or path of a .safetensors checkpoint.
        body: body model of this pipeline: open_light, open or smpl:/path/to/your/SMPL file.
        device: of the networks, e.g. cpu, cuda, cuda:1 or tensorrt.
        precision: float32, bf16 or fp16, of presets with a Vision Transformer.
        compile: compile the network in torch first, which takes minutes.
        num_threads: calls of networks at the same time.
    """

    data: Path | None = None
    predictions: tuple[str, ...] = ()
    cameras: Path | None = None
    out: Path | None = None
    smpl: Path | None = None
    smplx: Path | None = None
    genders: Path | None = None
    regressor: Path | None = None
    images: int = 8
    max_depth: float = 0.0
    depth: str = "auto"
    calibrations: tuple[str, ...] = ("none", "scale", "affine", "planes", "auto")
    preset: str = "embedded"
    body: str = "open_light"
    device: str = "cpu"
    precision: Precision = "float32"
    compile: bool = False
    num_threads: int = 2


class EvalError(MetricHMRError, ValueError):
    """Missing or invalid options; the message names the option."""


def eval_command(benchmark: str, options: EvalOptions, console: Console | None = None) -> ExitCode:
    """Evaluate, print the table and write it to `options.out`. Errors are printed, with exit code 2."""
    from metrichmsr_ros.data.formats.labels import LabelError
    from metrichmsr_ros.evaluation.metrics.checks import MetricInputError

    console = console or Console()
    try:
        board = _scoreboard(benchmark, options, console)
        board.show(console)
        if options.out is not None:
            board.write(options.out, benchmark)
            console.print(f"wrote {options.out}/{benchmark}.md, .csv, .json", markup=False, highlight=False)
    except (EvalError, MetricInputError, LabelError, OSError) as error:
        console.print(f"[red]error:[/red] {escape(str(error))}", highlight=False, soft_wrap=True)
        return ExitCode.OUTPUT if full_disk(error, "") else ExitCode.USAGE
    return ExitCode.OK


def _scoreboard(benchmark: str, options: EvalOptions, console: Console) -> Any:
    from metrichmsr_ros.evaluation.benchmarks import run

    if benchmark not in DATASETS:
        raise EvalError(f"unknown benchmark '{benchmark}'; choose from {', '.join(DATASETS)}")
    _check_numbers(options)
    given = _named(options.predictions)
    if given and (benchmark == "open" or (benchmark == "synfocal" and options.data is None)):
        remedy = "give --data with motions in this package's npz layout" if benchmark == "synfocal" else "leave it out"
        raise EvalError(f"--predictions {options.predictions[0]} cannot be used for {benchmark} here; {remedy}")
    if benchmark == "synfocal" and options.data is None:
        with console.status("rendering and estimating"):
            return run.evaluate_focal_sweep({options.preset: _pipeline(options)}, options.images)
    if options.data is None:
        raise EvalError(f"--data is missing; give the path of {benchmark}")
    if not options.data.exists() and not glob.has_magic(str(options.data)):
        raise EvalError(f"--data {options.data}: does not exist; give the path of {benchmark}")
    if benchmark == "open":
        return run.evaluate_open(options.data, {options.preset: options.preset}, options.device)
    if benchmark == "prox":
        return _depth_board(options.data, options, given, console)
    if _is_npz(options.data):
        return run.evaluate(benchmark, options.data, _needed(given, benchmark), options.cameras)
    return _from_dataset(benchmark, options.data, options, given, console)


def _depth_board(data: Path, options: EvalOptions, given: dict[str, Path], console: Console) -> Any:
    """Depth maps of any system against true ones, or this pipeline against PROX's depth sensor."""
    from metrichmsr_ros.evaluation.benchmarks.depth import evaluate_depth, evaluate_prox
    from metrichmsr_ros.evaluation.metrics.depth import DepthProtocol

    far = DepthProtocol(max_depth=options.max_depth) if options.max_depth else DepthProtocol()
    if _is_npz(data):
        return evaluate_depth(data, _needed(given, "prox"), far)
    if given:
        raise EvalError("--predictions for prox needs --data with depth maps NAME.npz; see docs/how_to/evaluate.md")
    with console.status("estimating") as status:
        return evaluate_prox(
            data,
            _depth_pipelines(options),
            far,
            lambda done, total: status.update(f"estimating {done} of {total} images"),
        )


def _depth_pipelines(options: EvalOptions) -> dict[str, Any]:
    """This pipeline with each calibration, by its name in the table."""
    from metrichmsr_ros.depth.factory import DepthChoice, check_source, source_name
    from metrichmsr_ros.pipeline.pipeline import Pipeline

    check_source(options.depth, without=("topic", "file"))
    source = source_name(options.depth)
    names = {"none": f"{source} alone", "auto": f"{source} + refiner"}
    return {
        names.get(method, f"{source} + {method}"): Pipeline.from_preset(
            options.preset,
            options.device,
            options.body,
            options.num_threads,
            DepthChoice(options.depth, method),
            execution=Execution(options.precision, options.compile),
        )
        for method in options.calibrations
    }


def _from_dataset(benchmark: str, data: Path, options: EvalOptions, given: dict[str, Path], console: Console) -> Any:
    """Ground truth from the dataset's own files; estimates from predictions or from this pipeline."""
    from metrichmsr_ros.evaluation.benchmarks import run
    from metrichmsr_ros.io.npz import read_npy

    regressor = None if options.regressor is None else read_npy(options.regressor)
    videos = _videos(benchmark, data, options, regressor)
    if given:
        truth = [motion for video in track(videos, "reading", console=console) for motion in video.truth]
        return run.evaluate_truth(benchmark, truth, given, options.cameras)
    with console.status("estimating") as status:
        return run.evaluate_videos(
            benchmark,
            videos,
            {options.preset: _pipeline(options)},
            regressor,
            lambda done, total: status.update(f"estimating {done} of {total} frames of this sequence"),
            options.cameras,
        )


def _videos(benchmark: str, data: Path, options: EvalOptions, regressor: Any) -> Any:
    from metrichmsr_ros.evaluation.benchmarks.bodies import read_genders, smpl_by_gender, smplx_by_gender
    from metrichmsr_ros.evaluation.benchmarks.rich import read_rich_videos
    from metrichmsr_ros.evaluation.benchmarks.video_datasets import READABLE, read_videos

    if benchmark == "rich":
        bodies = smplx_by_gender(options.smplx)
        return read_rich_videos(data, bodies, read_genders(options.genders or data / "gender.json"))
    if benchmark in READABLE:
        return read_videos(benchmark, data, smpl_by_gender(options.smpl), regressor)
    raise EvalError(f"{benchmark} needs motions in this package's npz layout; {data} holds none")


def _check_numbers(options: EvalOptions) -> None:
    for name, number in {"images": options.images, "num-threads": options.num_threads}.items():
        if number < 1:
            raise EvalError(f"--{name} {number}: must be at least 1")
    if not options.max_depth >= 0:
        raise EvalError(f"--max-depth {options.max_depth:g}: give metres, or 0 to evaluate all")


def _named(predictions: tuple[str, ...]) -> dict[str, Path]:
    named = {}
    for text in predictions:
        name, equals, path = text.partition("=")
        if not equals or not path or not name:
            raise EvalError(f"--predictions {text}: write NAME=PATH")
        if name in named:
            raise EvalError(f"--predictions {text}: {name} is named twice")
        named[name] = Path(path)
    return named


def _needed(given: dict[str, Path], benchmark: str) -> dict[str, Path]:
    if not given:
        raise EvalError(f"{benchmark} with ground truth in this package's npz layout needs --predictions NAME=PATH")
    return given


def _is_npz(data: Path) -> bool:
    return data.suffix == ".npz" or any(data.glob("*.npz"))


def _pipeline(options: EvalOptions) -> Any:
    from metrichmsr_ros.replay.replay import load_pipeline

    return load_pipeline(
        ReplayOptions(
            preset=options.preset,
            body=options.body,
            device=options.device,
            precision=options.precision,
            compile=options.compile,
            num_threads=options.num_threads,
        )
    )
