"""`metrichmsr eval`: score predictions of any system on a benchmark, in one table with the paper's rows.

evaluate("emdb2", truth, {"ours": folder, "WHAM": other_folder})          people: evaluation/benchmarks/motion.py
evaluate_open(folder, {"embedded": "embedded"})                           val-*.tar of the open data set
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from numpy.typing import ArrayLike

from metrichmsr_ros.body.joints import NUM_JOINTS
from metrichmsr_ros.evaluation.benchmarks.motion import Motion, load_motions, with_cameras
from metrichmsr_ros.evaluation.benchmarks.paper_numbers import PUBLISHED
from metrichmsr_ros.evaluation.benchmarks.protocols import BENCHMARKS, Score, Scorer, by_focal_length, score
from metrichmsr_ros.evaluation.benchmarks.table import MEASURED, Line, Scoreboard, published_lines
from metrichmsr_ros.evaluation.benchmarks.video_datasets import Video, predict
from metrichmsr_ros.evaluation.metrics.checks import MetricInputError

_OPEN_COLUMNS = {  # column -> key of `validate`, factor to the unit, unit
    "PA-MPJPE": ("pa_mpjpe", 1.0, "mm"),
    "MPJPE": ("mpjpe", 1.0, "mm"),
    "PVE": ("pve", 1.0, "mm"),
    "Root": ("root", 1.0, "m"),
    "Root (of distance)": ("root_percent", 1.0, "%"),
    "Root (median)": ("root_median_percent", 1.0, "%"),
    "H-MAE": ("height", 1000.0, "mm"),
}


def evaluate(name: str, truth: Path, predictions: Mapping[str, Path], cameras: Path | None = None) -> Scoreboard:
    """Score systems on a benchmark of people.

    Args:
        name: 3dpw, emdb1, emdb2, rich or synfocal.
        truth: motions in the layout of evaluation/benchmarks/motion.py.
        predictions: system -> its motions, same layout.
        cameras: folder with SEQUENCE.tum, the cameras of systems that give none; without it they get the true ones.

    Raises:
        MetricInputError: an unknown benchmark, or files that do not fit.
    """
    if name not in BENCHMARKS:
        raise MetricInputError(f"no benchmark '{name}'; there are {', '.join([*BENCHMARKS, 'prox'])}")
    return evaluate_truth(name, list(load_motions(truth)), predictions, cameras)


def evaluate_truth(
    name: str, truth: Sequence[Motion], predictions: Mapping[str, Path], cameras: Path | None = None
) -> Scoreboard:
    """As :func:`evaluate`, with the truth in memory; a data set too large for that is better read in parts."""
    benchmark = BENCHMARKS[name]
    lines = published_lines(PUBLISHED[name])
    for system, path in predictions.items():
        answers = [with_cameras(motion, cameras) for motion in load_motions(path)]
        lines.append(_line(system, score(benchmark, truth, answers)))
        if name == "synfocal":
            lines += _lines_by_focal(system, truth, answers)
    return Scoreboard(benchmark.title, benchmark.columns, tuple(lines))


def evaluate_videos(
    name: str,
    videos: Iterable[Video],
    pipelines: Mapping[str, Any],
    regressor: ArrayLike | None = None,
    progress: Callable[[int, int], None] | None = None,
    cameras: Path | None = None,
) -> Scoreboard:
    """Run pipelines over the videos of a data set and score them.

    Args:
        name: 3dpw, emdb1, emdb2 or rich.
        videos: from `datasets.read_videos` or `rich_videos.read_rich_videos`; each is let go before the next is read.
        pipelines: system -> `Pipeline`.
        regressor: `J_regressor_h36m` (17, V), for 3dpw.
        progress: told frames done and in all, per video.
        cameras: as for :func:`evaluate`.

    Raises:
        MetricInputError: what the benchmark needs is not there, e.g. 14 joints of a body that no regressor fits.
    """
    benchmark = BENCHMARKS[name]
    lines = published_lines(PUBLISHED[name])
    scorers = {system: Scorer(benchmark) for system in pipelines}
    for video in videos:
        for system, pipeline in pipelines.items():
            found = predict(video, pipeline, regressor, progress)
            answers = {motion.person: with_cameras(motion, cameras) for motion in found}
            for motion in video.truth:
                scorers[system].add(motion, answers.get(motion.person))
    lines += [_line(system, scorer.result()) for system, scorer in scorers.items()]
    return Scoreboard(benchmark.title, benchmark.columns, tuple(lines))


def _line(system: str, result: Score, note: str = "") -> Line:
    gone = f"{result.missing} of {result.frames} frames not predicted" if result.missing else f"{result.frames} frames"
    shared = "" if result.joints == NUM_JOINTS else f"; the {result.joints} joints SMPL-X shares with SMPL, no PVE"
    return Line(system, result.values, MEASURED, f"{note}{gone}{shared}")


def _lines_by_focal(system: str, truth: Sequence[Motion], answers: Sequence[Motion]) -> list[Line]:
    """A line for each focal length; the same person stands in frames of its own under each."""
    lines = []
    for focal, motions in by_focal_length(truth).items():
        label = f"{system}, f = {focal:.0f} px"
        try:
            lines.append(_line(label, score(BENCHMARKS["synfocal"], motions, answers)))
        except MetricInputError:
            lines.append(Line(label, {}, MEASURED, "nobody found"))
    return lines


def evaluate_focal_sweep(
    pipelines: Mapping[str, Any], images_per_field: int = 8, progress: Callable[[int, int], None] | None = None
) -> Scoreboard:
    """Run pipelines over rendered people seen through lenses of 30 to 110 degrees; a line for each lens.

    Args:
        pipelines: system -> `Pipeline`.
        images_per_field: images for each lens.
        progress: told images done and in all, per system.
    """
    from metrichmsr_ros.evaluation.benchmarks.synfocal import focal_sweep

    benchmark = BENCHMARKS["synfocal"]
    lines: list[Line] = []
    for system, pipeline in pipelines.items():
        truth, answers = focal_sweep(pipeline, images_per_field, progress=progress)
        lines += [_line(system, score(benchmark, truth, answers)), *_lines_by_focal(system, truth, answers)]
    return Scoreboard(f"{benchmark.title} (rendered here, not the paper's images)", benchmark.columns, tuple(lines))


def evaluate_open(data: Path, systems: Mapping[str, str], device: str = "cpu") -> Scoreboard:
    """Score networks on people of the open data set that were held out.

    Args:
        data: folder with val-*.tar, or a tar shard, or a pattern of some.
        systems: name in the table -> preset or path of a .safetensors checkpoint.
        device: torch device.
    """
    from metrichmsr_ros.body.load import load_body
    from metrichmsr_ros.hmr.checkpoint import load_model
    from metrichmsr_ros.training.human.landmark_table import load_people
    from metrichmsr_ros.training.human.validation import validate

    people = load_people([str(data / "val-*.tar" if data.is_dir() else data)])
    lines = []
    for system, source in systems.items():
        model = load_model(source, device)
        means = validate(model, people, load_body(model.config.body))
        values = {column: means[key] * factor for column, (key, factor, _) in _OPEN_COLUMNS.items()}
        lines.append(Line(system, values, MEASURED, f"{len(people)} people"))
    units = {column: unit for column, (_, _, unit) in _OPEN_COLUMNS.items()}
    return Scoreboard("Open data set, held-out people, 24 joints, pelvis joint 0", units, tuple(lines))
