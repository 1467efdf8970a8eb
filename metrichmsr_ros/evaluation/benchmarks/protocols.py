"""The metrics of each benchmark: from pairs of true and predicted motions to the numbers of its table.

Errors are collected over all frames of all sequences and then averaged, as is usual in the literature.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from metrichmsr_ros.evaluation.benchmarks.motion import Motion
from metrichmsr_ros.evaluation.metrics.checks import MetricInputError, finite_frames, mean_error
from metrichmsr_ros.evaluation.metrics.pose import (
    H36M14_HIPS,
    H36M14_ROOT,
    SMPL24_HIPS,
    JointProtocol,
    height_error,
    mpjpe,
    pa_mpjpe,
    pve,
    relative_depth_error,
    root_position,
)
from metrichmsr_ros.evaluation.metrics.world import acceleration_error, erve, jitter, rte, w_mpjpe, wa_mpjpe
from metrichmsr_ros.evaluation.trajectories import to_world
from metrichmsr_ros.types import Float64Array

Errors = dict[str, Float64Array]
Measure = Callable[[Motion, Motion], Errors]
"""(truth, prediction on the same frames) -> errors per frame; nothing for a prediction that is too short."""
_LEAST_OF_WORLD = 4  # predicted frames of a person, for the third difference


@dataclass(frozen=True)
class Benchmark:
    """One benchmark.

    Attributes:
        title: heading of the table. columns: metric -> unit, in the order of the table. measure: errors of one motion.
    """

    title: str
    columns: dict[str, str]
    measure: Measure


def _local(source: str, protocols: dict[str, JointProtocol], truth: Motion, ours: Motion) -> Errors:
    first = next(iter(protocols.values()))
    errors: Errors = {"PA-MPJPE": pa_mpjpe(ours[source], truth[source], first.joints)}
    errors |= {name: mpjpe(ours[source], truth[source], protocol) for name, protocol in protocols.items()}
    if "vertices" in truth and "vertices" in ours:
        roots = root_position(ours[source], first), root_position(truth[source], first)
        errors["PVE"] = pve(ours["vertices"], truth["vertices"], *roots)
    if "height" in truth and "height" in ours:
        errors["H-MAE"] = height_error(ours["height"], truth["height"])
    return errors


def _threedpw(truth: Motion, ours: Motion) -> Errors:
    return _local("h36m", {"MPJPE": H36M14_HIPS, "MPJPE (H36M root)": H36M14_ROOT}, truth, ours)


def _emdb1(truth: Motion, ours: Motion) -> Errors:
    errors = _local("joints", {"MPJPE": SMPL24_HIPS}, truth, ours)
    mine, theirs = (m["joints"] - root_position(m["joints"], SMPL24_HIPS)[:, None] for m in (ours, truth))
    if len(truth.frames) >= 5:
        errors["Accel"] = acceleration_error(mine, theirs, trim=1)
    return errors


def _world(truth: Motion, ours: Motion) -> Errors:
    """Trajectories are aligned over the predicted frames; differences over time are not taken across missing ones."""
    poses = truth["world_from_camera"]
    our_poses = ours["world_from_camera"] if "world_from_camera" in ours else poses  # noqa: SIM401  not a dict
    theirs = to_world(truth["joints"], poses)
    mine = to_world(ours["joints"][:, : theirs.shape[1]], our_poses)  # SMPL-X's truth has SMPL's first 22
    seen = finite_frames(theirs, mine)
    if seen.sum() < _LEAST_OF_WORLD:
        return {}
    errors: Errors = {
        "WA-MPJPE": wa_mpjpe(mine, theirs),
        "W-MPJPE": w_mpjpe(mine, theirs),
        "RTE": rte(mine[seen, 0], theirs[seen, 0]),
        "Jitter": jitter(mine),
        "Accel": acceleration_error(mine, theirs),
    }
    if seen.sum() > 100:
        errors["WA-MPJPE (TRAM tail)"] = wa_mpjpe(mine, theirs, tail="merge")
        errors["W-MPJPE (TRAM tail)"] = w_mpjpe(mine, theirs, tail="merge")
    if "orient" in truth and "orient" in ours:
        turns = [p[:, :3, :3] @ m["orient"] for p, m in ((our_poses, ours), (poses, truth))]
        errors["ERVE"] = erve(turns[0], mine[:, 0], turns[1], theirs[:, 0])
    return errors


def _metric_scale(truth: Motion, ours: Motion) -> Errors:
    roots = ours["joints"][:, 0], truth["joints"][:, 0]
    errors: Errors = {
        "RDE": relative_depth_error(roots[0][:, 2], roots[1][:, 2]),
        "Root": np.linalg.norm(roots[0] - roots[1], axis=-1),
        "PA-MPJPE": pa_mpjpe(ours["joints"], truth["joints"]),
        "MPJPE": mpjpe(ours["joints"], truth["joints"]),
    }
    if "height" in truth and "height" in ours:
        errors["H-MAE"] = height_error(ours["height"], truth["height"])
    return errors


_FOR_WORLD = f", and predict at least {_LEAST_OF_WORLD} frames of a person"
_WORLD_COLUMNS = {
    "WA-MPJPE": "mm", "W-MPJPE": "mm", "RTE": "%", "ERVE": "mm/frame", "Jitter": "10 m/s3", "Accel": "m/s2",
    "WA-MPJPE (TRAM tail)": "mm", "W-MPJPE (TRAM tail)": "mm",
}  # fmt: skip

BENCHMARKS: dict[str, Benchmark] = {
    "3dpw": Benchmark(
        "3DPW test, local pose",
        {"PA-MPJPE": "mm", "MPJPE": "mm", "PVE": "mm", "MPJPE (H36M root)": "mm", "H-MAE": "mm"},
        _threedpw,
    ),
    "emdb1": Benchmark(
        "EMDB-1, local pose",
        {"PA-MPJPE": "mm", "MPJPE": "mm", "PVE": "mm", "Accel": "m/s2", "H-MAE": "mm"},
        _emdb1,
    ),
    "emdb2": Benchmark("EMDB-2, motion in the world", _WORLD_COLUMNS, _world),
    "rich": Benchmark("RICH, motion in the world, static camera", _WORLD_COLUMNS, _world),
    "synfocal": Benchmark(
        "SynFocal, metric scale over focal lengths",
        {"RDE": "1", "H-MAE": "mm", "Root": "m", "PA-MPJPE": "mm", "MPJPE": "mm"},
        _metric_scale,
    ),
}


@dataclass(frozen=True)
class Score:
    """The result of one system.

    Attributes:
        values: metric -> mean. frames: valid true person-frames. missing: how many of those were not predicted.
        joints: number of joints of the truth: SMPL's 24, or the 22 that SMPL-X shares with it.
    """

    values: dict[str, float]
    frames: int
    missing: int
    joints: int


class Scorer:
    """Collects errors motion by motion, so that a data set need not fit in memory."""

    def __init__(self, benchmark: Benchmark) -> None:
        self._benchmark = benchmark
        self._collected: dict[str, list[Float64Array]] = {}
        self._frames = self._missing = self._joints = 0

    def add(self, truth: Motion, prediction: Motion | None) -> None:
        """Score one person in one sequence; predictions for frames without truth are ignored.

        Raises:
            MetricInputError: a field that the benchmark needs is missing.
        """
        counted = truth.select(_valid(truth))
        if not len(counted.frames):
            return
        self._frames += len(counted.frames)
        self._joints = counted["joints"].shape[1]
        if prediction is None:
            self._missing += len(counted.frames)
            return
        ours = prediction.at(counted.frames)
        measured = self._benchmark.measure(counted, ours)
        self._missing += int((~finite_frames(ours["joints"])).sum()) if measured else len(counted.frames)
        for name, errors in measured.items():
            self._collected.setdefault(name, []).append(errors)

    def result(self) -> Score:
        """Means over all frames; a metric without any finite value is left out.

        Raises:
            MetricInputError: the truth has no valid frames, or none of them is predicted.
        """
        title, frames = self._benchmark.title, self._frames
        if not frames:
            raise MetricInputError(f"{title}: the truth has no valid frames")
        if self._missing == frames:
            raise MetricInputError(
                f"{title}: none of {frames} true frames is predicted; use the truth's names of sequences and people"
                f"{_FOR_WORLD if self._benchmark.measure is _world else ''}"
            )
        joined = {name: np.concatenate(errors) for name, errors in self._collected.items()}
        values = {name: mean_error(errors, name) for name, errors in joined.items() if np.isfinite(errors).any()}
        return Score(values, frames, self._missing, self._joints)


def score(benchmark: Benchmark, truth: Iterable[Motion], predictions: Iterable[Motion]) -> Score:
    """Score predictions against the truth; raises what :class:`Scorer` raises."""
    given = {(motion.sequence, motion.person): motion for motion in predictions}
    scorer = Scorer(benchmark)
    for motion in truth:
        scorer.add(motion, given.get((motion.sequence, motion.person)))
    return scorer.result()


def _valid(motion: Motion) -> NDArray[np.bool_]:
    finite = finite_frames(np.asarray(motion["joints"], np.float64))
    return finite & motion["valid"].astype(bool) if "valid" in motion else finite


def by_focal_length(motions: Iterable[Motion]) -> dict[float, list[Motion]]:
    """The motions split by the focal length of their images, px."""
    groups: dict[float, list[Motion]] = {}
    for motion in motions:
        for focal in np.unique(motion["focal"]):
            groups.setdefault(float(focal), []).append(motion.select(motion["focal"] == focal))
    return dict(sorted(groups.items()))
