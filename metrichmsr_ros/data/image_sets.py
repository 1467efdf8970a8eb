"""Data sets by name: their entries in a training YAML, and their labelled people."""

from __future__ import annotations

import glob
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from metrichmsr_ros.body.base import BodyModel
from metrichmsr_ros.body.smplx_joints import SmplxJoints
from metrichmsr_ros.config import check_ranges
from metrichmsr_ros.data.formats.annotated import read_annotated
from metrichmsr_ros.data.formats.keypoints import read_aic, read_coco, read_mpii
from metrichmsr_ros.data.formats.labels import CLOCKWISE, JointsOf, LabelError, LabelTable, joints_of
from metrichmsr_ros.data.formats.scenes import read_prox, read_rich
from metrichmsr_ros.data.formats.smpl_npz import bedlam_body, read_4dhumans, read_bedlam, read_camerahmr
from metrichmsr_ros.data.formats.video_sequences import read_3dpw, read_emdb
from metrichmsr_ros.data.formats.webdataset import read_4dhumans_tar, read_open
from metrichmsr_ros.io.texts import read_json

Kind = Literal[
    "open",
    "bedlam",
    "camerahmr",
    "4dhumans",
    "4dhumans_tar",
    "coco",
    "mpii",
    "aic",
    "3dpw",
    "emdb",
    "rich",
    "prox",
    "rendered",
    "annotated",
]


_NEAREST_M = 0.1  # of a root; nearer ones have no picture


@dataclass(frozen=True)
class ImageSet:
    """One labelled data set.

    Attributes:
        kind: published layout of the data set (docs/how_to/datasets.md).
        path: glob pattern of label files or shards; for 3dpw, emdb, rich, prox and annotated the data set's folder; for
            rendered the folder of photographs and textures, or nothing.
        images: folder that image names are relative to, if `path` names label files; for annotated the folder of the
            inputs, if they are no longer where they were.
        weight: sampling frequency relative to the other sets, independent of the size.
        split: train, validation or test, for 3dpw and rich.
        sequences: glob pattern of the sequences, recordings or, for annotated, sources.
        genders: JSON file of {"subject": "male" or "female"}, for rich.
        children: share of children, for rendered.
        min_confidence: people of lower confidence are left out, for annotated.
    """

    kind: Kind
    path: str = ""
    images: str = ""
    weight: float = 1.0
    split: str = "train"
    sequences: str = "*"
    genders: str = ""
    children: float = 0.05
    min_confidence: float = 0.5

    def __post_init__(self) -> None:
        """Raises ConfigError for a weight by which nothing can be drawn, and for shares that are none."""
        check_ranges(self, weight=(0, 1e9), children=(0, 1), min_confidence=(0, 1))


@dataclass(frozen=True)
class LabelBodies:
    """Body models of the labels.

    Attributes:
        trained: name of the trained network's body, such as open_light.
        smpl: SMPL models by gender.
        smplx: SMPL-X models by gender, for RICH and PROX.
    """

    trained: str
    smpl: Mapping[str, BodyModel]
    smplx: Mapping[str, SmplxJoints]

    def joints_of(self) -> JointsOf:
        """Function for the joints of SMPL; it raises LabelError for a gender without a model."""
        return joints_of(self.smpl)

    def joints_of_smplx(self) -> JointsOf:
        """Function for the joints of SMPL-X; it raises LabelError for a gender without a model."""

        def joints(betas: np.ndarray, pose: np.ndarray, gender: str) -> np.ndarray:
            if gender not in self.smplx:
                given = ", ".join(self.smplx) or "none"
                raise LabelError(f"no SMPL-X for gender {gender!r}; available: {given}; set bodies.smplx_{gender}")
            return self.smplx[gender].joints(betas, pose)

        return joints


def read_image_set(of: ImageSet, bodies: LabelBodies) -> list[LabelTable]:
    """The labelled people of a data set, one table per label file or sequence, without people who have no box or are
    out of view.

    Raises:
        LabelError: no people, a missing body model, or an error of the readers.
    """
    if of.kind not in _READERS or not of.path:
        raise LabelError(f"{of.kind} set: path is {of.path!r}; name the set's label files, shards or folder")
    if of.kind in _SPEAK_SMPL and not bodies.smpl and not _is_open_bedlam(of):
        raise LabelError(
            f"{of.kind} set {of.path!r} has SMPL labels: set the SMPL files bodies.neutral, bodies.male, ..."
        )
    if of.kind == "open":
        _check_trains_open(of, bodies)
    tables = [usable(table) for table in _READERS[of.kind](of, bodies)]
    if any(table.body == "open" for table in tables):
        _check_trains_open(of, bodies)
    tables = [table for table in tables if len(table)]
    if not tables:
        raise LabelError(f"{of.kind} set {of.path!r}: it has no person with a usable box")
    return tables


def _check_trains_open(of: ImageSet, bodies: LabelBodies) -> None:
    if not bodies.trained.startswith("open"):
        raise LabelError(
            f"{of.kind} set {of.path!r}: its betas are the open body's, but the network's body is {bodies.trained}"
        )


def _is_open_bedlam(of: ImageSet) -> bool:
    """Whether a set of BEDLAM's layout has files of `metrichmsr convert` alone, whose betas are the open body's."""
    return of.kind == "bedlam" and all(bedlam_body(path) == "open" for path in _paths(of.path))


def usable(table: LabelTable) -> LabelTable:
    """The people with a valid box, at least one label to train on, and a body that their image can show."""
    x1, y1, x2, y2 = np.asarray(table.bbox, np.float64).T
    has_box = np.isfinite(table.bbox).all(1) & (x2 - x1 > 1) & (y2 - y1 > 1)
    has_label = table.has_pose | (table.joints_2d[..., 2] > 0).any(1)
    return table.select(np.flatnonzero(has_box & has_label & _can_be_seen(table)))


def _can_be_seen(table: LabelTable) -> NDArray[np.bool_]:
    """(N,) False for people behind the camera, or beside the image.

    Recordings label people also while they are out of view: their crop is black, or shows somebody else. The image is
    taken to be centred on the principal point, because its size is not known before it is read.
    """
    root = np.asarray(table.transl, np.float64) + table.pelvis
    is_ahead = ~table.has_transl | (root[:, 2] > _NEAREST_M)
    x1, y1, x2, y2 = np.asarray(table.bbox, np.float64).T
    right, bottom = 2 * table.intrinsics[:, 0, 2], 2 * table.intrinsics[:, 1, 2]
    is_beside = (x2 < 0) | (y2 < 0) | (x1 > right) | (y1 > bottom)  # False where the camera is unknown
    is_placed = table.has_transl & (table.turn != CLOCKWISE)  # whose camera may be that of the stored image
    return np.asarray(is_ahead & ~(is_beside & is_placed), bool)


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
        raise LabelError(
            f"rich set {of.path!r}: genders: {of.genders!r} is not a file; give a JSON of subject to gender"
        )
    genders = read_json(Path(of.genders).expanduser())
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


def _read_annotated(of: ImageSet, bodies: LabelBodies) -> list[LabelTable]:
    return read_annotated(
        Path(of.path).expanduser(),
        bodies.trained,
        bodies.joints_of(),
        Path(of.images).expanduser() if of.images else None,
        of.sequences,
        of.min_confidence,
    )


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
    "annotated": _read_annotated,
}
