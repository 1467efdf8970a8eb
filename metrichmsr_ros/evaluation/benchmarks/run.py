"""`metrichmsr eval`: score predictions of any system on a benchmark, in one table with the paper's rows.

evaluate("emdb2", truth, {"ours": folder, "WHAM": other_folder})          files as in evaluation/benchmarks/motion.py
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
    """Score systems on a benchmark of human motion.

    Args:
        name: 3dpw, emdb1, emdb2, rich or synfocal.
        truth: motions in the layout of evaluation/benchmarks/motion.py.
        predictions: system -> its motions, in the same layout.
        cameras: folder with SEQUENCE.tum, camera poses for predictions without any; None takes the true poses.

    Raises:
        MetricInputError: an unknown benchmark, or files that do not follow the layout.
    """
    if name not in BENCHMARKS:
        raise MetricInputError(f"unknown benchmark '{name}'; choose from {', '.join(BENCHMARKS)}")
    return evaluate_truth(name, list(load_motions(truth)), predictions, cameras)


def evaluate_truth(
    name: str, truth: Sequence[Motion], predictions: Mapping[str, Path], cameras: Path | None = None
) -> Scoreboard:
    """As :func:`evaluate`, with the truth in memory. For data sets that do not fit, see :func:`evaluate_videos`."""
    benchmark = BENCHMARKS[name]
    lines = published_lines(PUBLISHED[name])
    for system, path in predictions.items():
        motions = [with_cameras(motion, cameras) for motion in load_motions(path)]
        lines.append(_line(system, score(benchmark, truth, motions)))
        if name == "synfocal":
            lines += _lines_by_focal(system, truth, motions)
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
        videos: from `video_datasets.read_videos` or `rich.read_rich_videos`; one is in memory at a time.
        pipelines: system -> `Pipeline`.
        regressor: `J_regressor_h36m` (17, V), for 3dpw.
        progress: called with frames done and their total, for each video.
        cameras: as for :func:`evaluate`.

    Raises:
        MetricInputError: a required field is missing, e.g. the 14 joints of a body that the regressor does not fit.
    """
    benchmark = BENCHMARKS[name]
    lines = published_lines(PUBLISHED[name])
    scorers = {system: Scorer(benchmark) for system in pipelines}
    for video in videos:
        for system, pipeline in pipelines.items():
            estimated = predict(video, pipeline, regressor, progress)
            predictions = {motion.person: with_cameras(motion, cameras) for motion in estimated}
            for motion in video.truth:
                scorers[system].add(motion, predictions.get(motion.person))
    lines += [_line(system, scorer.result()) for system, scorer in scorers.items()]
    return Scoreboard(benchmark.title, benchmark.columns, tuple(lines))


def _line(system: str, result: Score, note: str = "") -> Line:
    count = f"{result.missing} of {result.frames} frames not predicted" if result.missing else f"{result.frames} frames"
    shared = "" if result.joints == NUM_JOINTS else f"; the {result.joints} joints SMPL-X shares with SMPL, no PVE"
    return Line(system, result.values, MEASURED, f"{note}{count}{shared}")


def _lines_by_focal(system: str, truth: Sequence[Motion], predictions: Sequence[Motion]) -> list[Line]:
    """A line for each focal length; frame numbers of different focal lengths differ."""
    lines = []
    for focal, motions in by_focal_length(truth).items():
        label = f"{system}, f = {focal:.0f} px"
        try:
            lines.append(_line(label, score(BENCHMARKS["synfocal"], motions, predictions)))
        except MetricInputError:
            lines.append(Line(label, {}, MEASURED, "nobody detected"))
    return lines


def evaluate_focal_sweep(
    pipelines: Mapping[str, Any], images_per_field: int = 8, progress: Callable[[int, int], None] | None = None
) -> Scoreboard:
    """Run pipelines on rendered people at horizontal fields of view of 30 to 110 degrees; a line for each.

    Args:
        pipelines: system -> `Pipeline`.
        images_per_field: images for each field of view.
        progress: called with images done and their total, for each system.
    """
    from metrichmsr_ros.evaluation.benchmarks.synfocal import focal_sweep

    benchmark = BENCHMARKS["synfocal"]
    lines: list[Line] = []
    for system, pipeline in pipelines.items():
        truth, predictions = focal_sweep(pipeline, images_per_field, progress=progress)
        lines += [_line(system, score(benchmark, truth, predictions)), *_lines_by_focal(system, truth, predictions)]
    return Scoreboard(f"{benchmark.title} (rendered here, not the paper's images)", benchmark.columns, tuple(lines))


def evaluate_open(data: Path, systems: Mapping[str, str], device: str = "cpu") -> Scoreboard:
    """Score networks on the held-out people of the open data set.

    Args:
        data: folder with val-*.tar, one tar shard, or a glob pattern of shards.
        systems: name in the table -> preset or path of a .safetensors checkpoint.
        device: torch device.
    """
    from metrichmsr_ros.body.load import load_body
    from metrichmsr_ros.hmr.network.checkpoint import load_model
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
