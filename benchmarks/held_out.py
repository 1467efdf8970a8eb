"""Held-out people with truth: with the landmarks stored in shards, or with those detected in the shards' images."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
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
from metrichmsr_ros.hmr.engine import HMREngine
from metrichmsr_ros.hmr.estimate import HMREstimate
from metrichmsr_ros.hmr.network.batch import CropBatch
from metrichmsr_ros.hmr.pixel_fusion import with_pixels
from metrichmsr_ros.hmr.test_time_augmentation import ViewRoles, estimate_from_views
from metrichmsr_ros.io.images import decode_image
from metrichmsr_ros.people.blazepose.networks import BlazePose, LandmarkSet, Roi
from metrichmsr_ros.people.detection.person_detector import PersonDetector
from metrichmsr_ros.people.detection.search import find_people
from metrichmsr_ros.people.detection.test_time_views import View2D, further_views, views_of
from metrichmsr_ros.pipeline.views import heavier
from metrichmsr_ros.training.human.calibrate_bias import standing
from metrichmsr_ros.training.human.landmark_table import table_of
from metrichmsr_ros.types import Float64Array

Arrays = dict[str, np.ndarray]
Mask = NDArray[np.bool_]
VIEW = ("crop_landmarks", "visibility", "presence", "world", "crop_matrix", "pixels")
TRUTH = ("pose", "betas", "transl", "joints_cam", "visible_fraction")
IMAGE = ("intrinsics", "image_size")
MAPS = {"s16": "trunk_maps", "t8": "decoder_maps"}
"""Maps of the full landmark network's trunk, and their names in a `CropBatch`."""


class People:
    """N people: the networks' inputs, the truth, and the attributes that define the bands.

    Args:
        rows: arrays (N, ...): `VIEW`, `TRUTH` and `IMAGE`; of S further views `more_person` (S,), the row of the person
            they show, `more_mirrored`, `more_wide` and `more_heavy` (S,), and `more_*` (S, ...) for `VIEW`; optionally
            `MAPS`.
        body: computes heights from betas.
    """

    def __init__(self, rows: Arrays, body: BodyModel) -> None:
        names = tuple(str(row) for row in range(len(rows["pose"])))
        first = {name: rows[name] for name in (*VIEW, *TRUTH, *IMAGE)} | {"heavy": np.zeros(len(names), bool)}
        self.table = table_of(first, names)
        self._inputs = _with_maps(self.table.inputs, rows, "")
        person = rows["more_person"]
        further = {name: rows[f"more_{name}"] for name in (*VIEW, "heavy")}
        further |= {name: rows[name][person] for name in (*TRUTH, *IMAGE)}
        inputs = table_of(further, tuple(names[row] for row in person)).inputs
        self._further = _with_maps(inputs, rows, "more_")
        self._roles = ViewRoles(*(rows[f"more_{name}"].tolist() for name in ("person", "mirrored", "wide")))
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

    def estimate(self, engine: HMREngine) -> HMREstimate:
        """Estimates of all people, averaged over their views."""
        inputs, further = self._inputs.inputs(), self._further.inputs()
        estimate = estimate_from_views(engine, inputs, further, self._roles)
        return with_pixels(engine, estimate, inputs, further, self._roles)

    def bands(self) -> Iterator[tuple[str, Mask]]:
        """Names and masks (N,) of groups. Fields of view are compared at similar size in pixels (1.70 m: 150-350)."""
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


def stored_views(shards: Sequence[Path], body: BodyModel, workers: int, cache: Path | None) -> People:
    """All landmark sets stored in the shards, with further views of each as the pipeline takes in single images."""
    return People(_in_processes(_with_further_views, shards, workers, cache), body)


@dataclass(frozen=True)
class SearchResult:
    """The detected people and the counts of a search."""

    people: People
    images: int
    true_people: int
    clear: int  # true people with 80 % or more of the near side in view
    clear_found: int
    false: int  # detections without a person, and second detections of a person


def search_images(shards: Sequence[Path], body: BodyModel, workers: int, cache: Path | None) -> SearchResult:
    """Detect people in every image as the pipeline does in a single image, and match them to the true people."""
    joined = _in_processes(_search, shards, workers, cache)
    images, true_people, clear, false = joined.pop("counts").sum(0).tolist()
    people = People(joined, body)
    return SearchResult(people, images, true_people, clear, int((people.visible >= 0.8).sum()), false)


def _in_processes(work: Callable[[Path], Arrays], shards: Sequence[Path], workers: int, cache: Path | None) -> Arrays:
    """The arrays of `work` on every shard, concatenated."""
    jobs = [(work, shard, cache) for shard in shards]
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        parts = list(track(pool.map(_cached, jobs), "running BlazePose", total=len(jobs)))
    people = np.cumsum([0] + [len(part["pose"]) for part in parts])
    for part, before in zip(parts, people, strict=False):
        part["more_person"] = part["more_person"] + before
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def _cached(job: tuple[Callable[[Path], Arrays], Path, Path | None]) -> Arrays:
    """The arrays of `work` for a shard, stored in the folder `cache`; they do not depend on the weights."""
    work, shard, cache = job
    if cache is None:
        return work(shard)
    file = cache / f"{work.__name__.strip('_')}-{shard.parent.name}-{shard.stem}.npz"
    if not file.exists():
        file.parent.mkdir(parents=True, exist_ok=True)
        np.savez(file, **work(shard))  # type: ignore[arg-type]
    with np.load(file) as arrays:
        return dict(arrays)


def _with_further_views(shard: Path) -> Arrays:
    """Rows of the stored first views of one shard, with new further views of each; other people are painted over.

    The maps of the first views come from the crops of the image. Further views stored in the shard are left out: they
    are functions of the first views.
    """
    rows, networks = _Rows(), _networks()
    for image, sample in _images(shard):
        first = np.flatnonzero(sample["way"] != "again").tolist()
        views = {number: _mapped(image, _stored(sample, number), networks[0]) for number in first}
        person = sample["person"]
        for number, view in views.items():
            others = [other for row, other in views.items() if person[row] != person[number]]
            rows.add(view, views_of(image, view, others, *networks), sample, number, sample)
    return rows.arrays()


def _networks() -> tuple[BlazePose, BlazePose | None]:
    blazepose = BlazePose(num_threads=1, with_maps=True)
    return blazepose, heavier(blazepose)


def _mapped(image: np.ndarray, view: LandmarkSet, blazepose: BlazePose) -> LandmarkSet:
    """A stored view with the maps of its crop."""
    seen = blazepose.landmarks(image, view.roi, min_score=0)
    assert seen is not None  # the network saw this crop when the shard was made
    return replace(view, maps=seen.maps)


def _with_maps(batch: CropBatch, rows: Arrays, prefix: str) -> CropBatch:
    """The batch with the maps of the rows, if there are any."""
    if f"{prefix}s16" not in rows:
        return batch
    maps = {name: torch.from_numpy(rows[prefix + key].astype(np.float32)) for key, name in MAPS.items()}
    return batch.with_tensors(maps)


def _maps_of(view: LandmarkSet, prefix: str, like: LandmarkSet) -> Arrays:
    """The maps of a view, zeros for one of the heavy network; none where `like`, the person's first view, has none."""
    if like.maps is None:
        return {}
    return {
        prefix + key: np.asarray(getattr(like.maps if view.heavy else view.maps, key), np.float16) * (not view.heavy)
        for key in MAPS
    }


def _stored(sample: Arrays, number: int) -> LandmarkSet:
    """One landmark set of a sample."""
    roi = Roi.from_matrix(sample["crop_matrix"][number])
    return LandmarkSet(roi=roi, score=float(sample["score"][number]), **{name: sample[name][number] for name in VIEW})


def _search(shard: Path) -> Arrays:
    """Rows of the people detected in one shard; `counts` (1, 4): images, true people, those in clear view, false."""
    rows, networks, detector, counts = _Rows(), _networks(), PersonDetector(1), np.zeros((1, 4), int)
    for image, sample in _images(shard):
        truth = _true_people(sample)
        found = [sighting.landmarks for sighting in find_people(image, networks[0], detector)]
        more = further_views(image, found, range(len(found)), *networks)
        pairs = _matched(found, truth["joints_cam"], sample["intrinsics"])
        counts += [1, len(truth["pose"]), int((truth["visible_fraction"] >= 0.8).sum()), len(found) - len(pairs)]
        for mine, other in pairs:
            rows.add(found[mine], more[mine], truth, other, sample)
    return rows.arrays() | {"counts": counts}


def _images(shard: Path) -> Iterator[tuple[np.ndarray, Arrays]]:
    """RGB images and their samples."""
    for sample in tar_samples(shard):
        if "jpg" in sample.files:
            yield decode_image(sample.read("jpg"), upright=False), sample.arrays()


def _true_people(sample: Arrays) -> Arrays:
    """`TRUTH` of everybody in the image, once each: a sample has a row for each view, and lists missed people apart."""
    _, first = np.unique(sample["person"], return_index=True)
    return {name: np.concatenate([sample[name][first], sample[f"missed_{name}"]]) for name in TRUTH}


def _matched(found: list[LandmarkSet], joints: np.ndarray, intrinsics: np.ndarray) -> list[tuple[int, int]]:
    """One-to-one pairs (found, true) of overlapping boxes, with the largest sum of overlaps."""
    if not found or not len(joints):
        return []
    homogeneous = joints @ intrinsics.T
    pixels = homogeneous[..., :2] / np.maximum(homogeneous[..., 2:], 0.1)
    boxes = np.stack([np.concatenate([view.pixels[:33].min(0), view.pixels[:33].max(0)]) for view in found])
    overlap = box_iou(boxes.astype(np.float64), np.concatenate([pixels.min(1), pixels.max(1)], axis=-1))
    pairs = zip(*linear_sum_assignment(-overlap), strict=True)
    return [(int(mine), int(other)) for mine, other in pairs if overlap[mine, other] >= MIN_OVERLAP]


class _Rows:
    """Collects the rows of people and of their further views for `People`."""

    def __init__(self) -> None:
        self._people: list[Arrays] = []
        self._more: list[Arrays] = []

    def add(self, view: LandmarkSet, more: Sequence[View2D], truth: Arrays, other: int, sample: Arrays) -> None:
        """Add one person: the first view, further views `more`, row `other` of `truth`, and the image's `sample`."""
        labels = {name: truth[name][other] for name in TRUTH} | {name: sample[name] for name in IMAGE}
        for further in more:
            about = {"person": len(self._people), "mirrored": further.mirrored, "wide": further.wide}
            row = about | {name: getattr(further.landmarks, name) for name in (*VIEW, "heavy")}
            arrays = {f"more_{name}": np.asarray(value) for name, value in row.items()}
            self._more.append(arrays | _maps_of(further.landmarks, "more_", view))
        own = {name: np.asarray(getattr(view, name), np.float64) for name in VIEW}
        self._people.append(own | labels | _maps_of(view, "", view))

    def arrays(self) -> Arrays:
        """All rows, stacked."""
        return {name: np.stack([row[name] for row in rows]) for rows in (self._people, self._more) for name in rows[0]}
