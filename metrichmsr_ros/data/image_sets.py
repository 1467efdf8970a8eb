"""Data sets by name: what a training YAML says about one, and the labelled people that it then holds."""

from __future__ import annotations

import glob
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from metrichmsr_ros.body.base import BodyModel
from metrichmsr_ros.body.smplx_joints import SmplxJoints
from metrichmsr_ros.data.formats.keypoints import read_aic, read_coco, read_mpii
from metrichmsr_ros.data.formats.labels import JointsOf, LabelError, LabelTable, joints_of
from metrichmsr_ros.data.formats.scenes import read_prox, read_rich
from metrichmsr_ros.data.formats.smpl_npz import read_4dhumans, read_bedlam, read_camerahmr
from metrichmsr_ros.data.formats.video_sequences import read_3dpw, read_emdb
from metrichmsr_ros.data.formats.webdataset import read_4dhumans_tar, read_open

Kind = Literal[
    "open", "bedlam", "camerahmr", "4dhumans", "4dhumans_tar", "coco", "mpii", "aic", "3dpw", "emdb", "rich", "prox"
]


@dataclass(frozen=True)
class ImageSet:
    """One labelled data set; `kind` says in which published layout (docs/how_to/datasets.md).

    path: the label files or shards, as a glob pattern; for 3dpw, emdb, rich and prox the data set's folder.
    images: the folder that the pictures' names are relative to, where `path` names label files.
    weight: how often it is drawn, relative to the other sets, whatever its size.
    split: 3dpw and rich: train, validation or test; sequences: glob pattern of the sequences or recordings to take.
    genders: rich: a JSON file of {"subject": "male" or "female"}.
    """

    kind: Kind
    path: str
    images: str = ""
    weight: float = 1.0
    split: str = "train"
    sequences: str = "*"
    genders: str = ""


@dataclass(frozen=True)
class LabelBodies:
    """The bodies that labels speak of: SMPL, and SMPL-X for RICH and PROX, each by gender; `trained`: its spec."""

    trained: str
    smpl: Mapping[str, BodyModel]
    smplx: Mapping[str, SmplxJoints]

    def joints_of(self) -> JointsOf:
        """SMPL's joints. The function raises LabelError for a gender that is not given."""
        return joints_of(self.smpl)

    def joints_of_smplx(self) -> JointsOf:
        """SMPL-X's joints. The function raises LabelError for a gender that is not given."""

        def joints(betas: np.ndarray, pose: np.ndarray, gender: str) -> np.ndarray:
            if gender not in self.smplx:
                given = ", ".join(self.smplx) or "none"
                raise LabelError(f"no SMPL-X for gender {gender!r}; given: {given}; name it as bodies.smplx_{gender}")
            return self.smplx[gender].joints(betas, pose)

        return joints


def read_image_set(of: ImageSet, bodies: LabelBodies) -> list[LabelTable]:
    """The labelled people of `of`, a table per label file or sequence, without those that have no box to crop.

    Raises LabelError when there are none, when a body that they speak of is not given, or as the readers do.
    """
    if of.kind in _SPEAK_SMPL and not bodies.smpl:
        raise LabelError(
            f"{of.kind} set {of.path!r} speaks of SMPL: name your files as bodies.neutral, bodies.male, ..."
        )
    if of.kind == "open" and not bodies.trained.startswith("open"):
        raise LabelError(f"open set {of.path!r}: its betas are the open body's, the network learns {bodies.trained}")
    tables = [usable(table) for table in _READERS[of.kind](of, bodies)]
    tables = [table for table in tables if len(table)]
    if not tables:
        raise LabelError(f"{of.kind} set {of.path!r}: nobody in it has a usable box")
    return tables


def usable(table: LabelTable) -> LabelTable:
    """The people whose box is known and not empty, and who have anything to learn from."""
    x1, y1, x2, y2 = np.asarray(table.bbox, np.float64).T
    has_box = np.isfinite(table.bbox).all(1) & (x2 - x1 > 1) & (y2 - y1 > 1)
    return table.select(np.flatnonzero(has_box & (table.has_pose | (table.joints_2d[..., 2] > 0).any(1))))


def _paths(pattern: str) -> list[Path]:
    found = sorted(glob.glob(str(Path(pattern).expanduser()), recursive=True))
    if not found:
        raise LabelError(f"no files match {pattern!r}")
    return [Path(name) for name in found]


def _images(of: ImageSet) -> Path:
    return Path(of.images or ".").expanduser()


def _read_3dpw(of: ImageSet, bodies: LabelBodies) -> list[LabelTable]:
    root = Path(of.path).expanduser()
    files = _paths(f"{root}/sequenceFiles/{of.split}/{of.sequences}.pkl")
    return [table for file in files for table in read_3dpw(root, file.stem, bodies.joints_of(), of.split)]


def _read_emdb(of: ImageSet, bodies: LabelBodies) -> list[LabelTable]:
    return [read_emdb(file.parent, bodies.joints_of()) for file in _paths(f"{of.path}/P*/{of.sequences}/*_data.pkl")]


def _read_rich(of: ImageSet, bodies: LabelBodies) -> list[LabelTable]:
    root = Path(of.path).expanduser()
    if not of.genders or not Path(of.genders).expanduser().is_file():
        raise LabelError(f"rich set {of.path!r}: genders: {of.genders!r} is no file; name a JSON of subject to gender")
    genders = json.loads(Path(of.genders).expanduser().read_text())
    views = [folder for folder in _paths(f"{root}/images/{of.split}/{of.sequences}/cam_*") if folder.is_dir()]
    joints = bodies.joints_of_smplx()
    return [
        read_rich(root, of.split, view.parent.name, int(view.name.removeprefix("cam_")), joints, genders)
        for view in views
    ]


def _read_prox(of: ImageSet, bodies: LabelBodies) -> list[LabelTable]:
    root = Path(of.path).expanduser()
    recordings = [folder.name for folder in _paths(f"{root}/PROXD/{of.sequences}") if folder.is_dir()]
    return [read_prox(root, name, bodies.joints_of_smplx()) for name in recordings]


_Reader = Callable[[ImageSet, LabelBodies], list[LabelTable]]


def _npz(read: Callable[[Path, Path, JointsOf | None], LabelTable]) -> _Reader:
    return lambda of, bodies: [read(path, _images(of), bodies.joints_of()) for path in _paths(of.path)]


def _points(read: Callable[[Path, Path], LabelTable]) -> _Reader:
    return lambda of, bodies: [read(path, _images(of)) for path in _paths(of.path)]


def _shards(read: Callable[[Path], LabelTable]) -> _Reader:
    return lambda of, bodies: [read(path) for path in _paths(of.path)]


_SPEAK_SMPL = frozenset({"bedlam", "camerahmr", "4dhumans", "4dhumans_tar", "3dpw", "emdb"})
_READERS: Mapping[str, _Reader] = {
    "open": _shards(read_open),
    "bedlam": _npz(read_bedlam),
    "camerahmr": _npz(read_camerahmr),
    "4dhumans": _npz(read_4dhumans),
    "4dhumans_tar": _shards(read_4dhumans_tar),
    "coco": _points(read_coco),
    "mpii": _points(read_mpii),
    "aic": _points(read_aic),
    "3dpw": _read_3dpw,
    "emdb": _read_emdb,
    "rich": _read_rich,
    "prox": _read_prox,
}
