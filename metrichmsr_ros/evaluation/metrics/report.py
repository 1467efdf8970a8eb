"""Detection, position, pose and tracking errors over one sequence with truth."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from rich.table import Table

from metrichmsr_ros.evaluation.metrics.checks import MetricInputError
from metrichmsr_ros.evaluation.metrics.latency import LatencySummary, summarise_latency
from metrichmsr_ros.evaluation.metrics.matching import Estimate, TrueFrame, TruePerson, appearance_distance
from metrichmsr_ros.evaluation.metrics.pose import SMPL24_HIPS, height_error, mpjpe, pa_mpjpe
from metrichmsr_ros.evaluation.metrics.tracking import (
    TrackingErrors,
    TrackingFrame,
    match_people,
    tracking_errors,
)

_ANY_COST = 10.0  # the overlap is the gate; costs are below 2


@dataclass(frozen=True)
class PairErrors:
    """One true person with a matched estimate in one frame.

    Attributes:
        frame: index of the frame. stamp_s: its time. true_id, estimated_id: ids of the true person and the estimate.
        root_error_m: distance of the root joints. root_error_percent: of the true distance from the camera.
        mpjpe_mm, pa_mpjpe_mm: 24 joints, hip-mean pelvis. height_error_mm: NaN when the true height is unknown.
    """

    frame: int
    stamp_s: float
    true_id: str
    estimated_id: str
    root_error_m: float
    root_error_percent: float
    mpjpe_mm: float
    pa_mpjpe_mm: float
    height_error_mm: float


@dataclass(frozen=True)
class SequenceReport:
    """Results over all frames. Errors are over matched people only, so read them together with `recall`.

    Attributes:
        frames: number of images. visible: visible true people, summed over frames. found: how many of those matched.
        false_alarms: estimates without a person. root_*: position of the root joint, m and percent of the distance.
        mpjpe_mm, pa_mpjpe_mm: mean over matched people, 24 joints, hip-mean pelvis.
        height_error_mm: mean; NaN when no true height is known. tracking: MOTA, IDF1, id switches; None without true
            people. latency: None without durations. pairs: all matches.
    """

    frames: int
    visible: int
    found: int
    false_alarms: int
    root_median_m: float
    root_mean_m: float
    root_median_percent: float
    mpjpe_mm: float
    pa_mpjpe_mm: float
    height_error_mm: float
    tracking: TrackingErrors | None
    latency: LatencySummary | None
    pairs: tuple[PairErrors, ...]

    @property
    def recall(self) -> float:
        """Found over visible people, 0..1; NaN when nobody was visible."""
        return self.found / self.visible if self.visible else float("nan")

    def as_dict(self) -> dict[str, Any]:
        """Plain numbers for JSON, without `pairs`."""
        numbers = asdict(self)
        del numbers["pairs"]
        return {**numbers, "recall": self.recall}

    def rows(self) -> list[tuple[str, str]]:
        """Label and formatted value of every line of the printed table."""
        rows = [
            ("frames", str(self.frames)),
            ("people found / visible", f"{self.found} / {self.visible} ({_number(100 * self.recall, 1)} %)"),
            ("false alarms", str(self.false_alarms)),
            ("root position error, median", f"{_number(self.root_median_m, 3)} m"),
            ("root position error, mean", f"{_number(self.root_mean_m, 3)} m"),
            ("root position error, median of distance", f"{_number(self.root_median_percent, 1)} %"),
            ("MPJPE (24 joints, hip pelvis)", f"{_number(self.mpjpe_mm, 1)} mm"),
            ("PA-MPJPE (24 joints)", f"{_number(self.pa_mpjpe_mm, 1)} mm"),
            ("height error, mean", f"{_number(self.height_error_mm, 0)} mm"),
        ]
        if self.tracking:
            rows.append(("id switches", str(self.tracking.switches)))
            rows.append(("MOTA / IDF1", f"{_number(self.tracking.mota, 3)} / {_number(self.tracking.idf1, 3)}"))
        if self.latency:
            rows.append(("latency p50 / p95", f"{1e3 * self.latency.p50:.1f} / {1e3 * self.latency.p95:.1f} ms"))
            rows.append(("frames per second", _number(1.0 / self.latency.mean if self.latency.mean else np.nan, 1)))
        return rows

    def table(self, title: str = "") -> Table:
        """The rows for a terminal."""
        table = Table("measure", "value", title=title or None)
        for label, value in self.rows():
            table.add_row(label, value)
        return table

    def markdown(self) -> str:
        """The rows as a Markdown table."""
        lines = ["| measure | value |", "| --- | ---: |"]
        return "\n".join([*lines, *(f"| {label} | {value} |" for label, value in self.rows())]) + "\n"


def _number(value: float, digits: int) -> str:
    return f"{value:.{digits}f}" if np.isfinite(value) else "-"


def evaluate_sequence(
    truth: Sequence[TrueFrame],
    estimates: Sequence[Sequence[Estimate]],
    latencies_s: Sequence[float] | None = None,
) -> SequenceReport:
    """Compare estimates with the truth of the same frames, in order.

    Args:
        truth: one entry per image.
        estimates: the estimated people of the same images; an empty list for none.
        latencies_s: processing times, s, for the latency rows; need not be one per frame.

    Raises:
        MetricInputError: no frames, or different numbers of frames.
    """
    if len(truth) != len(estimates) or not truth:
        raise MetricInputError(f"{len(truth)} true frames and {len(estimates)} estimated frames; give one for each")
    found: list[tuple[int, TruePerson, Estimate]] = []
    tracking: list[TrackingFrame] = []
    for number, (frame, people) in enumerate(zip(truth, estimates, strict=True)):
        matches, tracking_frame = _match_frame(frame, people)
        found += [(number, person, estimate) for person, estimate in matches if person.visible]
        tracking.append(tracking_frame)
    pairs = _pair_errors(truth, found)
    errors = tracking_errors(tracking, _ANY_COST) if any(frame.truth for frame in tracking) else None
    reports = sum(len(frame.predicted) for frame in tracking)
    roots = np.array([pair.root_error_m for pair in pairs])
    percents = np.array([pair.root_error_percent for pair in pairs])
    return SequenceReport(
        frames=len(truth),
        visible=sum(person.visible for frame in truth for person in frame.people),
        found=len(pairs),
        false_alarms=reports - len(pairs),
        root_median_m=_over_finite(np.median, roots),
        root_mean_m=_over_finite(np.mean, roots),
        root_median_percent=_over_finite(np.median, percents),
        mpjpe_mm=_over_finite(np.mean, np.array([pair.mpjpe_mm for pair in pairs])),
        pa_mpjpe_mm=_over_finite(np.mean, np.array([pair.pa_mpjpe_mm for pair in pairs])),
        height_error_mm=_over_finite(np.mean, np.array([pair.height_error_mm for pair in pairs])),
        tracking=errors,
        latency=summarise_latency(latencies_s) if latencies_s else None,
        pairs=tuple(pairs),
    )


def _over_finite(reduce: Any, values: np.ndarray[Any, Any]) -> float:
    kept = values[np.isfinite(values)]
    return float(reduce(kept)) if kept.size else float("nan")


def _match_frame(
    frame: TrueFrame, people: Sequence[Estimate]
) -> tuple[list[tuple[TruePerson, Estimate]], TrackingFrame]:
    """Matches of a frame, and the frame for the tracking metrics: without hidden people and their estimates."""
    cost = appearance_distance(frame.people, people)
    pairs = match_people(cost, _ANY_COST)
    hidden = {column for row, column in pairs if not frame.people[row].visible}
    rows = [row for row, person in enumerate(frame.people) if person.visible]
    columns = [column for column in range(len(people)) if column not in hidden]
    tracking_frame = TrackingFrame(
        [frame.people[row].id for row in rows], [people[c].id for c in columns], cost[np.ix_(rows, columns)]
    )
    return [(frame.people[row], people[column]) for row, column in pairs], tracking_frame


def _pair_errors(truth: Sequence[TrueFrame], found: list[tuple[int, TruePerson, Estimate]]) -> list[PairErrors]:
    if not found:
        return []
    theirs = np.stack([np.asarray(person.joints_cam, np.float64) for _, person, _ in found])
    ours = np.stack([np.asarray(estimate.joints_cam, np.float64) for _, _, estimate in found])
    distance = np.linalg.norm(ours[:, 0] - theirs[:, 0], axis=-1)
    percent = 100.0 * distance / np.linalg.norm(theirs[:, 0], axis=-1)
    local, aligned = mpjpe(ours, theirs, SMPL24_HIPS), pa_mpjpe(ours, theirs)
    heights = height_error([e.height for _, _, e in found], [p.height for _, p, _ in found])
    return [
        PairErrors(number, truth[number].stamp_s, person.id, estimate.id, *(float(v[i]) for v in columns))
        for columns in [(distance, percent, local, aligned, heights)]
        for i, (number, person, estimate) in enumerate(found)
    ]
