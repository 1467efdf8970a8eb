"""An annotation folder as a labelled data set: people who are seen, with weights by the confidence of their estimates.

The labels are estimates, so that they count less than truth: a person's losses by the confidence, the position also by
its covariance.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from metrichmsr_ros.data.formats.annotated_pictures import MISSING, pictures_of
from metrichmsr_ros.data.formats.annotations.folder import AnnotationFolder, TableColumns
from metrichmsr_ros.data.formats.annotations.manifest import InputEntry
from metrichmsr_ros.data.formats.labels import UPRIGHT, JointsOf, LabelError, LabelTable, label_table
from metrichmsr_ros.data.formats.smpl_npz import pelvis_of
from metrichmsr_ros.types import AnyArray

_NEAR_M = 0.1  # joints that are nearer to the camera's plane have no pixel


def read_annotated(
    path: Path,
    trained: str,
    joints_of: JointsOf,
    images: Path | None = None,
    sources: str = "*",
    min_confidence: float = 0.5,
) -> list[LabelTable]:
    """The people of an annotation folder whose picture is a file, a table for each source.

    Left out are people who were predicted and not seen, those of lower confidence than `min_confidence`, and those of
    pictures that are no longer there, of which a warning tells the number.

    Args:
        path: the folder.
        trained: name of the trained network's body.
        joints_of: neutral SMPL, for a network of SMPL.
        images: folder of the inputs; None: they are where they were annotated.
        sources: glob pattern of the sources to read.
        min_confidence: 0 to 1.

    Raises:
        LabelError: the betas are of another body, or no source, person or picture is left; names the remedy.
        AnnotationError: it is no annotation folder, or a file of it is damaged.
        MissingPackageError: pyarrow is not installed.
    """
    if not 0 <= min_confidence <= 1:
        raise LabelError(f"annotated set {str(path)!r}: min_confidence is {min_confidence}; it must lie in 0 to 1")
    folder = AnnotationFolder(path)
    entries = [entry for entry in folder.manifest.inputs if entry.shards and fnmatch(entry.source, sources)]
    if not entries:
        known = ", ".join(folder.sources[:3]) or "none"
        raise LabelError(f"annotated set {str(path)!r}: no source matches {sources!r}; it has: {known}")
    people = {entry: _seen(folder.people(entry.source), min_confidence) for entry in entries}
    if not any(len(rows["id"]) for rows in people.values()):
        raise LabelError(
            f"annotated set {str(path)!r}: nobody is seen with a confidence of at least {min_confidence}; lower "
            "min_confidence or annotate other pictures"
        )
    body = _common_body(path, people, trained)
    tables = [_table(folder, entry, rows, images, body, joints_of) for entry, rows in people.items() if len(rows["id"])]
    if not any(map(len, tables)):
        raise LabelError(
            f"annotated set {str(path)!r}: none of its pictures is a file; name the folder of the inputs with `images`"
        )
    return [table for table in tables if len(table)]


def _seen(rows: TableColumns, min_confidence: float) -> TableColumns:
    numbers = ("pose", "betas", "transl_cam", "bbox")
    is_known = np.all([np.isfinite(rows[name]).all(1) for name in numbers], axis=0)
    chosen = ~rows["is_occluded"].astype(bool) & (rows["confidence"] >= min_confidence) & is_known
    return {name: values[chosen] for name, values in rows.items()}


def _common_body(path: Path, people: Mapping[InputEntry, TableColumns], trained: str) -> str:
    """`open` or `smpl`, of which the betas of all rows and the trained network are."""
    names = sorted({str(name) for rows in people.values() for name in rows["body_model"]})
    if {_family(name) for name in names} != {_family(trained)}:
        raise LabelError(
            f"annotated set {str(path)!r}: its betas are of the body {', '.join(names)}, but the network's body is "
            f"{trained}; annotate with --body {trained} and weights of that body"
        )
    return _family(trained)


def _family(body: str) -> str:
    return "open" if body.startswith("open") else body.partition(":")[0]


def _table(
    folder: AnnotationFolder,
    entry: InputEntry,
    rows: TableColumns,
    images: Path | None,
    body: str,
    joints_of: JointsOf,
) -> LabelTable:
    frames = folder.frames(entry.source)
    places = np.searchsorted(frames["frame"], rows["frame"])
    pictures = pictures_of(folder.path, entry, frames, np.unique(places), images)
    has_picture = np.array([pictures[place] is not MISSING for place in places])
    if not has_picture.all():
        text = f"{int((~has_picture).sum())} of {len(places)} people of {entry.source!r} are left out"
        warnings.warn(f"annotated set {str(folder.path)!r}: {text}, because their pictures are no files", stacklevel=2)
    rows = {name: values[has_picture] for name, values in rows.items()}
    places = places[has_picture]
    frames = {name: values[places] for name, values in frames.items()}
    return label_table(
        person=[f"{entry.source}/{frame}#{id}" for frame, id in zip(rows["frame"], rows["id"], strict=True)],
        image=[pictures[place] for place in places],
        body=body,
        turn=UPRIGHT,
        intrinsics=frames["K"],
        **_labels(rows, frames, body, joints_of),
        position_sigma=_sigma(rows["transl_cov"], f"annotated set {str(folder.path)!r}: {entry.source!r}"),
    )


def _labels(rows: TableColumns, frames: TableColumns, body: str, joints_of: JointsOf) -> dict[str, Any]:
    count = len(rows["id"])
    # The open body's rest pelvis is the origin for every shape.
    pelvis = pelvis_of(rows["betas"], ["neutral"] * count, joints_of if body == "smpl" else None)
    return {
        "bbox": rows["bbox"],
        "pose": rows["pose"],
        "betas": rows["betas"],
        "transl": rows["transl_cam"],
        "pelvis": pelvis,
        "joints_2d": _projected(rows, frames),
        "weight": rows["confidence"],
        **{name: np.ones(count, bool) for name in ("has_pose", "has_betas", "has_transl")},
    }


def _projected(rows: TableColumns, frames: TableColumns) -> NDArray[np.float32]:
    """(N, 24, 3) pixels of the joints; confidence 0 outside the picture, else that of the joint where it is known."""
    points = rows["joints_cam"].astype(np.float64) @ np.swapaxes(frames["K"], 1, 2)
    ahead = points[..., 2] > _NEAR_M
    pixels = points[..., :2] / np.where(ahead, points[..., 2], 1.0)[..., None]
    size = np.stack([frames["width"], frames["height"]], 1)[:, None]
    inside = ahead & ((pixels >= 0) & (pixels <= size - 1)).all(-1)
    confidence = np.nan_to_num(rows["joint_confidence"], nan=1.0) * inside
    return np.concatenate([pixels, confidence[..., None]], 2).astype(np.float32)


def _sigma(covariance: AnyArray, source: str) -> NDArray[np.float32]:
    """(N,) m of covariances (N, 3, 3): the root of the sum over the axes."""
    trace = np.trace(covariance.astype(np.float64), axis1=1, axis2=2)
    if not (np.isfinite(trace) & (trace > 0)).all():
        raise LabelError(f"{source}: transl_cov is unknown or not positive; annotate the inputs again")
    return np.sqrt(trace).astype(np.float32)
