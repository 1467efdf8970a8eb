"""Fit the numbers of metrichmsr_ros/pipeline/uncertainty/fitted.py.

    PYTHONPATH=. python scripts/fit_joint_covariance.py --photographs DIR [--scenes 400] [--walks 8] [--seed 100]

People of rendered scenes (`SceneMaker`: bodies, poses and photographs that no network was trained on), in single images
with all views and in the first image of a video, and of random walkers in videos (`benchmarks.random_walkers`, seeds 0
and up, not those of the benchmarks). Scenes and walks count the same. Deviations are those of the most likely Student
distribution with 4 degrees of freedom; then the base of each kind is scaled so that 68.3 % lie inside one deviation.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

import numpy as np
from rich.progress import track
from scipy.optimize import minimize
from scipy.spatial.transform import Rotation

from benchmarks.joint_visibility import joints_in_view
from benchmarks.random_walkers import random_walkers
from metrichmsr_ros.assets import asset_path
from metrichmsr_ros.body.load import load_body_engine
from metrichmsr_ros.data.rendering.background import load_backgrounds
from metrichmsr_ros.data.synthesis.scene import SceneMaker
from metrichmsr_ros.geometry.rotations import rotation_matrices
from metrichmsr_ros.io.whole_files import whole_file
from metrichmsr_ros.pipeline.pipeline import Pipeline
from metrichmsr_ros.pipeline.scene import OutputRequest, PersonEstimate, Scene
from metrichmsr_ros.pipeline.uncertainty.evidence import Evidence
from metrichmsr_ros.pipeline.uncertainty.fitted import FITTED, JOINT_KINDS, Fitted
from metrichmsr_ros.pipeline.uncertainty.joints import KIND, joint_covariances
from metrichmsr_ros.pipeline.uncertainty.orientation import body_axes, orientation_covariances
from metrichmsr_ros.pipeline.uncertainty.pose import PoseUncertainty, uncertainty_from
from metrichmsr_ros.types import AnyArray, Float64Array

FREEDOM = 4.0
INSIDE = {1: 1.0, 2: 2.296, 3: 3.527}
"""68.3 % of chi-squared distributions, by degrees of freedom."""
NEAR = 0.3  # m across and of the logarithm of the distance, within which an estimate belongs to a person
WALK_FRAMES, FPS = 60, 10.0
_STEP = 1e-3  # of finite differences; covariances are float32
_LEAN = OutputRequest(vertices=False, depth=False)


@dataclass(frozen=True, eq=False)
class TruePerson:
    """Camera frame: joints (24, 3) m, and pose (72,)."""

    joints: AnyArray
    pose: AnyArray


@dataclass(frozen=True, eq=False)
class People:
    """N people: evidence, the errors of joints (N, 24, 3) m and of orientations (N, 3) rad, and what is seen.

    Attributes:
        evidence: about the estimates.
        joint_error, turn_error: estimates against truth, camera frame.
        inside, visible: (N, 24) bool, of the true joints.
        weight: (N,).
    """

    evidence: Evidence
    joint_error: Float64Array
    turn_error: Float64Array
    inside: AnyArray
    visible: AnyArray
    weight: Float64Array


class Collector:
    """Keeps the evidence about people whose truth is known; writes it to a file after each step, if there is one."""

    def __init__(self, save: Path | None) -> None:
        self._rows: list[dict[str, Any]] = []
        self._save = save
        self._last: Evidence | None = None
        self.pipeline = Pipeline.from_preset("embedded", num_threads=1)
        self.pipeline.uncertainty = self._note

    def _note(self, evidence: Evidence) -> PoseUncertainty:
        self._last = evidence
        return uncertainty_from(evidence)

    def add(self, scene: Scene, people: Sequence[TruePerson], depth: AnyArray, is_walk: bool) -> None:
        """Everybody seen in an image who belongs to one of its true `people`; `depth` (H, W) m, of the image."""
        seen = [person for person in scene.people if not person.is_occluded]
        for true in people:
            near = [person for person in seen if _gap(person, true.joints) < NEAR]
            if not near:
                continue
            person = min(near, key=lambda one: _gap(one, true.joints))
            inside, visible = joints_in_view(true.joints, depth, scene.camera)
            turn = Rotation.from_rotvec(person.pose[:3]) * Rotation.from_rotvec(true.pose[:3]).inv()
            self._rows.append(
                self._evidence_of(person)
                | {
                    "joint_error": relative(person.joints_cam) - relative(true.joints),
                    "turn_error": turn.as_rotvec(),
                    "inside": inside,
                    "visible": visible,
                    "is_walk": is_walk,
                }
            )

    def arrays(self) -> dict[str, AnyArray]:
        """Everything so far, by name; not before there is anybody."""
        arrays = {name: np.array([row[name] for row in self._rows]) for name in self._rows[0]}
        if self._save:
            with whole_file(self._save) as part, part.open("wb") as stream:
                np.savez(stream, **arrays)
        return arrays

    def _evidence_of(self, person: PersonEstimate) -> dict[str, Any]:
        assert self._last is not None
        gaps = np.abs(self._last.relative - relative(person.joints_cam)).max(axis=(1, 2))
        row = int(gaps.argmin())
        return {field.name: getattr(self._last, field.name)[row] for field in fields(Evidence)}


def relative(joints: AnyArray) -> AnyArray:
    """(24, 3) m from the middle of the hips."""
    return np.asarray(joints - joints[[1, 2]].mean(axis=0))


def _gap(person: PersonEstimate, joints: AnyArray) -> float:
    """How far an estimate is from a true person, across and by the logarithm of the distance."""
    found, true = person.joints_cam[0], joints[0]
    far, near = float(np.linalg.norm(found)), float(np.linalg.norm(true))
    angle = float(np.arccos(np.clip(found @ true / (far * near), -1.0, 1.0)))
    return angle * near + 0.3 * abs(float(np.log(far / near)))


def collect_scenes(collector: Collector, photographs: Path, count: int, seed: int) -> None:
    """Held-out scenes, each as a single image and as the first image of a video."""
    maker = SceneMaker(load_backgrounds(photographs, held_out=True), held_out=True)
    rng, pipeline = np.random.default_rng(seed), collector.pipeline
    for _ in track(range(count), "scenes"):
        scene = maker.make(rng)
        people = [TruePerson(person.joints, person.pose) for person in scene.people]
        collector.add(pipeline.estimate(scene.image, scene.camera, request=_LEAN), people, scene.depth, False)
        pipeline.reset()
        collector.add(pipeline.track(scene.image, scene.camera, 0.0, request=_LEAN), people, scene.depth, False)
        collector.arrays()


def collect_walks(collector: Collector, count: int) -> None:
    """Random walkers in videos."""
    for seed in track(range(count), "walks"):
        collector.pipeline.reset()
        for frame in random_walkers(WALK_FRAMES, FPS, seed):
            scene = collector.pipeline.track(frame.image, frame.camera, frame.stamp_s, request=_LEAN)
            people = [TruePerson(person.joints_cam, person.pose) for person in frame.people]
            collector.add(scene, people, frame.depth, True)
        collector.arrays()


def people_of(rows: Mapping[str, AnyArray]) -> People:
    """The people of collected arrays; scenes and walks have the same total weight."""
    is_walk = rows["is_walk"]
    weight = np.where(is_walk, 1 / max(is_walk.sum(), 1), 1 / max((~is_walk).sum(), 1))
    evidence = Evidence(**{field.name: rows[field.name] for field in fields(Evidence)})
    return People(evidence, *(rows[name] for name in ("joint_error", "turn_error", "inside", "visible")), weight)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--photographs", type=Path, help="photographs without people; needed for scenes")
    parser.add_argument("--scenes", type=int, default=400)
    parser.add_argument("--walks", type=int, default=8)
    parser.add_argument("--seed", type=int, default=100)
    parser.add_argument("--save", type=Path, help="npz file for what is collected, written after every scene and walk")
    parser.add_argument("--load", type=Path, nargs="+", help="files of --save to fit, instead of collecting")
    options = parser.parse_args()
    if options.load:
        parts = [dict(np.load(path)) for path in options.load]
    else:
        collector = Collector(options.save)
        collect_walks(collector, options.walks)
        if options.scenes:
            collect_scenes(collector, options.photographs, options.scenes, options.seed)
        parts = [collector.arrays()]
    rows = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    people = people_of(rows)
    print(f"{len(people.weight)} people, of whom {int(rows['is_walk'].sum())} walk")
    fitted = fit_moves(fit_seen(people, fit_orientation(people, fit_joints(people, FITTED))))
    print("FITTED = Fitted(")
    for field in fields(Fitted):
        print(f"    {field.name}={_printed(getattr(fitted, field.name))},")
    print(")")


def _printed(value: Any) -> Any:
    return tuple(_printed(part) for part in value) if isinstance(value, tuple) else round(float(value), 3)


def fit_joints(people: People, start: Fitted) -> Fitted:
    """`joint_base`, `joint_growth`, `swing` and `size`."""
    kinds, influences = len(JOINT_KINDS), len(start.joint_growth)
    ends = np.cumsum([2 * kinds, 2 * influences, 2])

    def unpacked(values: Float64Array) -> Fitted:
        base, growth, swing, size = np.split(values, ends)
        return replace(
            start, joint_base=_rows(base, 2), joint_growth=_rows(growth, 2), swing=tuple(swing), size=size[0]
        )

    def cost(values: Float64Array) -> float:
        covariances = joint_covariances(people.evidence, unpacked(values)).astype(np.float64)
        return _student(people.joint_error, covariances, people.weight[:, None])

    first = np.concatenate([np.ravel(start.joint_base), np.ravel(start.joint_growth), start.swing, [start.size]])
    bounds = [(-7.0, 0.0)] * ends[0] + [(0.0, 4.0)] * (ends[1] - ends[0]) + [(0.0, 3.0)] * 3
    fitted = unpacked(minimize(cost, first, bounds=bounds, options={"maxiter": 60, "eps": _STEP}).x)
    for _ in range(12):
        fitted = _joints_scaled(people, fitted)
    return fitted


def _joints_scaled(people: People, fitted: Fitted) -> Fitted:
    """A step towards 68.3 % inside one deviation, along and across, of every kind."""
    covariances = joint_covariances(people.evidence, fitted).astype(np.float64)
    along, across = split_distances(people.evidence, people.joint_error, covariances)
    base = np.array(fitted.joint_base)
    for kind in range(len(JOINT_KINDS)):
        for column, (square, freedom) in enumerate(((along, 1), (across, 2))):
            chosen = square[:, kind == KIND]
            weight = np.repeat(people.weight, chosen.shape[1])
            base[kind, column] += 0.4 * np.log(_quantile(chosen.ravel(), weight) / INSIDE[freedom])
    return replace(fitted, joint_base=_rows(np.maximum(base, -7.0).ravel(), 2))


def split_distances(
    evidence: Evidence, error: Float64Array, covariances: Float64Array
) -> tuple[Float64Array, Float64Array]:
    """(N, 24) squared Mahalanobis distances along and across the line of sight, of the marginal covariances."""
    sight = evidence.sight.astype(np.float64)
    side = np.cross(sight, [0.0, 1.0, 0.0])
    side /= np.linalg.norm(side, axis=-1, keepdims=True)
    axes = np.stack([sight, side, np.cross(sight, side)], axis=1)[:, None]  # rows
    turned, local = axes @ covariances @ axes.swapaxes(-1, -2), (axes @ error[..., None])[..., 0]
    along = local[..., 0] ** 2 / turned[..., 0, 0]
    across = _mahalanobis(local[..., 1:], turned[..., 1:, 1:])
    return along, across


def fit_orientation(people: People, start: Fitted) -> Fitted:
    """`orientation_base`, `orientation_growth` and `turned`."""
    influences = len(start.orientation_growth)
    ends = [3, 3 + 3 * influences]

    def unpacked(values: Float64Array) -> Fitted:
        base, growth, turned = np.split(values, ends)
        return replace(start, orientation_base=tuple(base), orientation_growth=_rows(growth, 3), turned=tuple(turned))

    def cost(values: Float64Array) -> float:
        covariances = orientation_covariances(people.evidence, unpacked(values)).astype(np.float64)
        return _student(people.turn_error, covariances, people.weight)

    first = np.concatenate([start.orientation_base, np.ravel(start.orientation_growth), start.turned])
    bounds = [(-5.0, 0.0)] * 3 + [(0.0, 4.0)] * (3 * influences) + [(0.0, 3.0)] * 3
    fitted = unpacked(minimize(cost, first, bounds=bounds, options={"maxiter": 100, "eps": _STEP}).x)
    for _ in range(12):
        fitted = _orientation_scaled(people, fitted)
    return fitted


def _orientation_scaled(people: People, fitted: Fitted) -> Fitted:
    axes = body_axes(people.evidence).astype(np.float64).swapaxes(1, 2)
    covariances = axes @ orientation_covariances(people.evidence, fitted) @ axes.swapaxes(1, 2)
    local = (axes @ people.turn_error[..., None])[..., 0]
    squares = local**2 / np.diagonal(covariances, axis1=1, axis2=2)
    step = [0.4 * np.log(_quantile(squares[:, axis], people.weight)) for axis in range(3)]
    return replace(fitted, orientation_base=tuple(np.array(fitted.orientation_base) + step))


def fit_seen(people: People, start: Fitted) -> Fitted:
    """`seen_base` and `seen_by_landmarks`, of joints inside the image."""
    visibility = np.clip(people.evidence.visibility, 1e-3, 1 - 1e-3)
    odds, kinds = np.log(visibility / (1 - visibility)), len(JOINT_KINDS)
    weight = people.inside * people.weight[:, None]

    def cost(values: Float64Array) -> float:
        stated = values[:kinds][KIND] + values[kinds] * odds
        loss = weight * (np.logaddexp(0, stated) - people.visible * stated)
        return float(loss.sum() / weight.sum() + 1e-3 * (values[:kinds] ** 2).mean())

    first = np.append(start.seen_base, start.seen_by_landmarks)
    found = minimize(cost, first, bounds=[(-6.0, 6.0)] * kinds + [(0.0, 3.0)]).x
    return replace(start, seen_base=tuple(found[:kinds]), seen_by_landmarks=float(found[kinds]))


def fit_moves(start: Fitted) -> Fitted:
    """`moves`, of the recorded walk: the root mean square of differences between any two of its moments."""
    cycle = np.load(asset_path("walk_cycle.npz"))["pose"].astype(np.float32)
    cycle[:, :3] = 0
    body = load_body_engine("open_light")
    nothing = np.zeros((len(cycle), 10), np.float32)
    joints = body.joints(nothing, rotation_matrices(cycle), nothing[:, :3])
    relative = joints - joints[:, [1, 2]].mean(axis=1, keepdims=True)
    variances = 2 * relative.var(axis=0)
    kinds = [variances[kind == KIND].mean(axis=0) for kind in range(len(JOINT_KINDS))]
    return replace(start, moves=_rows(np.sqrt(np.ravel(kinds)), 3))


def _student(error: Float64Array, covariances: Float64Array, weight: Float64Array) -> float:
    """Weighted mean of the negative log-likelihood of Student's distribution with `FREEDOM`."""
    size = error.shape[-1]
    square = _mahalanobis(error, covariances)
    loss = 0.5 * np.linalg.slogdet(covariances)[1] + (FREEDOM + size) / 2 * np.log1p(square / FREEDOM)
    return float((weight * loss).sum() / (weight * np.ones_like(loss)).sum())


def _mahalanobis(error: Float64Array, covariances: Float64Array) -> Float64Array:
    return (error * np.linalg.solve(covariances, error[..., None])[..., 0]).sum(-1)


def _quantile(values: Float64Array, weight: Float64Array, share: float = 0.683) -> float:
    order = np.argsort(values)
    total = np.cumsum(weight[order])
    return float(values[order][np.searchsorted(total, share * total[-1])])


def _rows(values: Float64Array, width: int) -> Any:
    return tuple(tuple(float(value) for value in row) for row in np.reshape(values, (-1, width)))


if __name__ == "__main__":
    main()
