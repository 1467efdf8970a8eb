"""Held-out people with truth: the looks that the shards hold, or whoever is found when the pictures are searched."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from rich.progress import track
from scipy.optimize import linear_sum_assignment

from benchmarks.baseline import JOINTS
from metrichmsr_ros.body.base import BodyModel
from metrichmsr_ros.data.formats.tar_samples import tar_samples
from metrichmsr_ros.evaluation.metrics.matching import MIN_OVERLAP
from metrichmsr_ros.geometry.boxes import box_iou
from metrichmsr_ros.hmr.model import HMROutput, MetricHMR
from metrichmsr_ros.hmr.test_time_augmentation import ViewRoles, estimate_from_views
from metrichmsr_ros.image_io import decode_image
from metrichmsr_ros.people.blazepose.networks import BlazePose, LandmarkSet, Roi
from metrichmsr_ros.people.detection.search import find_people
from metrichmsr_ros.people.detection.test_time_views import View2D, further_views, views_of
from metrichmsr_ros.pipeline.views import heavy_blazepose
from metrichmsr_ros.training.human.calibrate_bias import standing
from metrichmsr_ros.training.human.landmark_table import table_of
from metrichmsr_ros.types import Float64Array

Arrays = dict[str, np.ndarray]
Mask = NDArray[np.bool_]
LOOK = ("crop_landmarks", "visibility", "presence", "world", "crop_matrix", "pixels")
TRUTH = ("pose", "betas", "transl", "joints_cam", "visible_fraction")
IMAGE = ("intrinsics", "image_size")


class People:
    """N people: what networks read of them, truth, and what the bands are cut by.

    Args:
        rows: arrays (N, ...): `LOOK`, `TRUTH` and `IMAGE`; of S further looks `more_person` (S,), whom of the N they
            show, `more_mirrored` and `more_heavy` (S,), and `more_*` (S, ...) for `LOOK`.
        body: for heights.
    """

    def __init__(self, rows: Arrays, body: BodyModel) -> None:
        names = tuple(str(row) for row in range(len(rows["pose"])))
        first = {name: rows[name] for name in (*LOOK, *TRUTH, *IMAGE)} | {"heavy": np.zeros(len(names), bool)}
        self.table = table_of(first, names)
        whom = rows["more_person"]
        seen = {name: rows[f"more_{name}"] for name in (*LOOK, "heavy")}
        seen |= {name: rows[name][whom] for name in (*TRUTH, *IMAGE)}
        self._more = table_of(seen, tuple(names[row] for row in whom)).inputs
        self._roles = ViewRoles(rows["more_person"].tolist(), rows["more_mirrored"].tolist())
        self.intrinsics = rows["intrinsics"]
        self.joints = rows["joints_cam"][:, JOINTS]
        self.visible = rows["visible_fraction"]
        self.standing = standing(self.table.truth.joints_cam).numpy()
        self.height = body.height(self.table.truth.betas).double().numpy()
        self.distance = np.linalg.norm(rows["transl"], axis=1)
        long_side = rows["image_size"].max(1)
        self.fov = np.degrees(2 * np.arctan(long_side / 2 / rows["intrinsics"][:, 0, 0]))
        self.pixels = 1.7 * rows["intrinsics"][:, 1, 1] / np.maximum(rows["transl"][:, 2], 0.1)

    def __len__(self) -> int:
        """Number of people."""
        return len(self.height)

    @property
    def truth(self) -> tuple[Float64Array, Float64Array, Float64Array]:
        """Joints, heights and K, as `accuracy.errors` takes them."""
        return self.joints, self.height, self.intrinsics

    @torch.inference_mode()
    def estimate(self, model: MetricHMR) -> HMROutput:
        """What `model` makes of all their looks."""
        return estimate_from_views(model, self.table.inputs, self._more, self._roles)

    def bands(self) -> Iterator[tuple[str, Mask]]:
        """Named parts of the people. Fields of view are compared at equal size in pixels (1.70 m are 150-350 px)."""
        equal = (self.pixels > 150) & (self.pixels < 350) & (self.visible > 0.8)
        yield "everybody", np.ones(len(self), bool)
        yield "80 % or more of the near side in view", self.visible >= 0.8
        yield "50-80 % in view", (self.visible >= 0.5) & (self.visible < 0.8)
        yield "less than half in view", self.visible < 0.5
        yield "stand or walk, 80 % or more in view", self.standing & (self.visible >= 0.8)
        for near, far in ((0, 2), (2, 4), (4, 8), (8, 16)):
            yield f"{near}-{far} m away", (self.distance >= near) & (self.distance < far)
        for low, high in ((25, 50), (50, 70), (70, 90), (90, 120)):
            yield f"field of view {low}-{high} deg, equal pixels", equal & (self.fov >= low) & (self.fov < high)
        for short, tall in ((0.8, 1.4), (1.4, 1.6), (1.6, 1.75), (1.75, 2.3)):
            yield f"{short:.2f}-{tall:.2f} m tall", (self.height >= short) & (self.height < tall)


def stored_looks(shards: Sequence[Path], body: BodyModel, workers: int, cache: Path | None) -> People:
    """Every landmark set that the shards hold, and further looks at each as the product takes at single images."""
    return People(_in_processes(_look_again, shards, workers, cache), body)


@dataclass(frozen=True)
class Found:
    """What a search of pictures came to."""

    people: People
    pictures: int
    there: int
    clear: int  # of `there`: 80 % or more of the near side in view
    clear_found: int
    false: int  # answers that lie on nobody, or on somebody answered already


def search_pictures(shards: Sequence[Path], body: BodyModel, workers: int, cache: Path | None) -> Found:
    """Search every picture as the pipeline searches a single image, and match who is found with who is there."""
    joined = _in_processes(_search, shards, workers, cache)
    pictures, there, clear, false = joined.pop("counts").sum(0).tolist()
    people = People(joined, body)
    return Found(people, pictures, there, clear, int((people.visible >= 0.8).sum()), false)


def _in_processes(work: Callable[[Path], Arrays], shards: Sequence[Path], workers: int, cache: Path | None) -> Arrays:
    """`work` on every shard, stacked."""
    jobs = [(work, shard, cache) for shard in shards]
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        parts = list(track(pool.map(_cached, jobs), "looking at pictures", total=len(jobs)))
    people = np.cumsum([0] + [len(part["pose"]) for part in parts])
    for part, before in zip(parts, people, strict=False):
        part["more_person"] = part["more_person"] + before
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def _cached(job: tuple[Callable[[Path], Arrays], Path, Path | None]) -> Arrays:
    """What `work` makes of a shard, kept in the folder `cache`; it does not depend on the weights."""
    work, shard, cache = job
    if cache is None:
        return work(shard)
    kept = cache / f"{work.__name__.strip('_')}-{shard.parent.name}-{shard.stem}.npz"
    if not kept.exists():
        kept.parent.mkdir(parents=True, exist_ok=True)
        np.savez(kept, **work(shard))  # type: ignore[arg-type]
    with np.load(kept) as arrays:
        return dict(arrays)


def _look_again(shard: Path) -> Arrays:
    """Rows of the stored looks of one shard, with further looks at each; the others in the picture are painted over.

    Further looks that a shard holds itself are made anew, as they follow the first.
    """
    rows, networks = _Rows(), _networks()
    for image, sample in _pictures(shard):
        first = np.flatnonzero(sample["way"] != "again").tolist()
        looks = {number: _stored(sample, number) for number in first}
        person = sample["person"]
        for number, look in looks.items():
            others = [other for row, other in looks.items() if person[row] != person[number]]
            rows.add(look, views_of(image, look, others, *networks), sample, number, sample)
    return rows.arrays()


def _networks() -> tuple[BlazePose, BlazePose | None]:
    return BlazePose(num_threads=1), heavy_blazepose(num_threads=1)


def _stored(sample: Arrays, number: int) -> LandmarkSet:
    """One landmark set of a sample."""
    roi = Roi.from_matrix(sample["crop_matrix"][number])
    return LandmarkSet(roi=roi, score=float(sample["score"][number]), **{name: sample[name][number] for name in LOOK})


def _search(shard: Path) -> Arrays:
    """Rows of the people found in one shard; `counts` (1, 4): pictures, people there, those in clear view, false."""
    rows, networks, counts = _Rows(), _networks(), np.zeros((1, 4), int)
    for image, sample in _pictures(shard):
        truth = _people_there(sample)
        found = find_people(image, networks[0])
        more = further_views(image, found, *networks)
        pairs = _matched(found, truth["joints_cam"], sample["intrinsics"])
        counts += [1, len(truth["pose"]), int((truth["visible_fraction"] >= 0.8).sum()), len(found) - len(pairs)]
        for mine, other in pairs:
            rows.add(found[mine], more[mine], truth, other, sample)
    return rows.arrays() | {"counts": counts}


def _pictures(shard: Path) -> Iterator[tuple[np.ndarray, Arrays]]:
    """RGB images and their samples."""
    for sample in tar_samples(shard):
        if "jpg" in sample.files:
            yield decode_image(sample.read("jpg"), upright=False), sample.arrays()


def _people_there(sample: Arrays) -> Arrays:
    """`TRUTH` of everybody in the picture, once each: a sample lists people by look, and the missed apart."""
    _, first = np.unique(sample["person"], return_index=True)
    return {name: np.concatenate([sample[name][first], sample[f"missed_{name}"]]) for name in TRUTH}


def _matched(found: list[LandmarkSet], joints: np.ndarray, intrinsics: np.ndarray) -> list[tuple[int, int]]:
    """Pairs (found, true) whose boxes overlap, by the sum of overlaps; each at most once."""
    if not found or not len(joints):
        return []
    seen = joints @ intrinsics.T
    pixels = seen[..., :2] / np.maximum(seen[..., 2:], 0.1)
    boxes = np.stack([np.concatenate([look.pixels[:33].min(0), look.pixels[:33].max(0)]) for look in found])
    overlap = box_iou(boxes.astype(np.float64), np.concatenate([pixels.min(1), pixels.max(1)], axis=-1))
    pairs = zip(*linear_sum_assignment(-overlap), strict=True)
    return [(int(mine), int(other)) for mine, other in pairs if overlap[mine, other] >= MIN_OVERLAP]


class _Rows:
    """Collects people and the further looks at them, as `People` takes them."""

    def __init__(self) -> None:
        self._people: list[Arrays] = []
        self._more: list[Arrays] = []

    def add(self, look: LandmarkSet, more: Sequence[View2D], truth: Arrays, other: int, sample: Arrays) -> None:
        """One person: the first look and further ones, the row of `truth`, and the image's `sample`."""
        labels = {name: truth[name][other] for name in TRUTH} | {name: sample[name] for name in IMAGE}
        for further in more:
            about = {"person": len(self._people), "mirrored": further.mirrored}
            row = about | {name: getattr(further.landmarks, name) for name in (*LOOK, "heavy")}
            self._more.append({f"more_{name}": np.asarray(value) for name, value in row.items()})
        self._people.append({name: np.asarray(getattr(look, name), np.float64) for name in LOOK} | labels)

    def arrays(self) -> Arrays:
        """All of them, stacked."""
        return {name: np.stack([row[name] for row in rows]) for rows in (self._people, self._more) for name in rows[0]}
