"""Annotated people for networks over landmarks: BlazePose looks at them once more, where their labels say they are."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path

import numpy as np
import torch

from metrichmsr_ros.body.base import BodyModel
from metrichmsr_ros.body.open_body import OpenBody
from metrichmsr_ros.data.formats.annotations.manifest import NAME as MANIFEST
from metrichmsr_ros.data.formats.labels import LabelError, LabelTable, PersonLabel, read_image
from metrichmsr_ros.data.image_sets import ImageSet, read_image_set
from metrichmsr_ros.data.synthesis.landmark_rows import Rows
from metrichmsr_ros.data.synthesis.observe import matches
from metrichmsr_ros.people.blazepose.landmarks import LandmarkSet, Roi
from metrichmsr_ros.people.blazepose.networks import BlazePose
from metrichmsr_ros.training.human.config import TrainConfig
from metrichmsr_ros.training.human.image_batches import label_bodies
from metrichmsr_ros.training.human.landmark_table import PeopleTable, cached_rows, table_of
from metrichmsr_ros.types import AnyArray, Float64Array, ImageArray

_SHOULDERS, _HIPS = (16, 17), (1, 2)  # of SMPL
_REACH = 1.2  # joints end before the head and the toes do
_LEAST_SCORE = 0.3  # as in `observe`: the second look decides
_LABELS = ("pose", "betas", "transl", "intrinsics", "weight", "position_sigma")
_LOOKS = ("crop_landmarks", "visibility", "presence", "world", "crop_matrix", "pixels")


def annotated_people(config: TrainConfig, body: BodyModel, cache: Path) -> tuple[list[PeopleTable], list[float]]:
    """The people of each annotated set of `config.images`, and the weight of the set.

    What BlazePose saw is stored in the folder `cache` and read from there until the annotations or pictures change.

    Raises:
        LabelError: as `read_image_set`, or BlazePose finds nobody where the labels say.
        AssetError: BlazePose is not fetched.
    """
    bodies = label_bodies(config.bodies, config.model.body, body)
    tables = []
    for of in config.images:
        labels = read_image_set(of, bodies)
        rows, keys = cached_rows(cache, _state(of, labels), partial(look_at, labels, BlazePose()))
        if not keys:
            raise LabelError(
                f"annotated set {of.path!r}: BlazePose finds nobody where the annotations say; annotate again"
            )
        tables.append(table_of(rows | _of_body(rows, body), keys))
    return tables, [of.weight for of in config.images]


def look_at(tables: Sequence[LabelTable], blazepose: BlazePose) -> tuple[Rows, tuple[str, ...]]:
    """Inputs and labels of everybody whom BlazePose finds where the label says, (N, ...) by name, and their names."""
    rows: list[dict[str, AnyArray]] = []
    keys: list[str] = []
    for table in tables:
        image, last = np.zeros((1, 1, 3), np.uint8), Path()
        for label in (table[number] for number in range(len(table))):
            if label.image != last:
                image, last = read_image(label), label.image
            landmarks = _look(image, label, blazepose)
            if landmarks is not None:
                rows.append(_row(label, landmarks, (image.shape[1], image.shape[0])))
                keys.append(label.person)
    return {name: np.stack([row[name] for row in rows]) for name in rows[0]} if rows else {}, tuple(keys)


def _row(label: PersonLabel, landmarks: LandmarkSet, image_size: tuple[int, int]) -> dict[str, AnyArray]:
    labels = {name: np.asarray(getattr(label, name), np.float64) for name in _LABELS}
    looks = {name: np.asarray(getattr(landmarks, name), np.float64) for name in _LOOKS}
    return {**labels, **looks, "image_size": np.array(image_size), "heavy": np.array(landmarks.heavy)}


def _look(image: ImageArray, label: PersonLabel, blazepose: BlazePose) -> LandmarkSet | None:
    """What BlazePose sees at a label after two looks; None if that is nobody, or somebody else."""
    pixels = label.joints_2d[:, :2].astype(np.float64)
    torso = np.stack([pixels[list(_SHOULDERS)].mean(0), pixels[list(_HIPS)].mean(0)])
    first = blazepose.landmarks(image, _roi(pixels, torso), _LEAST_SCORE)
    second = first and blazepose.landmarks(image, first.next_roi())
    return second if second is not None and matches(second, torso) else None


def _roi(pixels: Float64Array, torso: Float64Array) -> Roi:
    """The ROI that BlazePose aims at: centred on the hips, its up axis along the trunk, all joints inside."""
    shoulders, hips = torso
    up = (shoulders - hips) / (np.linalg.norm(shoulders - hips) + 1e-6)
    return Roi.from_points(hips, hips + _REACH * np.linalg.norm(pixels - hips, axis=1).max() * up)


def _of_body(rows: Rows, body: BodyModel) -> Rows:
    """Joints, and of open bodies BlazePose's landmarks, in the camera frame."""
    tensors = [torch.from_numpy(rows[name].astype(np.float32)) for name in ("betas", "pose", "transl")]
    with torch.no_grad():
        posed = body(*tensors)
        found = {"joints_cam": posed.joints.numpy()}
        if isinstance(body, OpenBody):
            found["landmarks_cam"] = body.landmarks(posed.vertices).numpy()
    return {name: values.astype(np.float64) for name, values in found.items()}


def _state(of: ImageSet, tables: Sequence[LabelTable]) -> str:
    """Changes with the annotations, their selection and the pictures."""
    manifest = Path(of.path).expanduser() / MANIFEST
    pictures = sorted({path for table in tables for path in table.image})
    files = [(str(path), path.stat().st_size, path.stat().st_mtime_ns) for path in (manifest, *pictures)]
    return repr((of.sequences, of.min_confidence, files))
