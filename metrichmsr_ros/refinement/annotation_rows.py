"""Rows of an annotation folder as tracks, and refined tracks as rows."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from metrichmsr_ros.data.formats.annotations.folder import TableColumns
from metrichmsr_ros.data.formats.annotations.rows import FrameRow, PersonRow
from metrichmsr_ros.geometry.rotations import axis_angles, rotation_matrices
from metrichmsr_ros.pipeline.scale.ground_contact import feet_seen
from metrichmsr_ros.refinement.track import RecordedTrack, RefinedTrack
from metrichmsr_ros.types import Float64Array


def _usable(rows: TableColumns, frames: TableColumns, poses: Float64Array) -> NDArray[np.intp]:
    """Rows of people whose image has a pose of the camera."""
    places = np.searchsorted(frames["frame"], rows["frame"])
    return np.flatnonzero(~np.isnan(poses[places]).any(axis=(1, 2)))


def recorded_track(rows: TableColumns, frames: TableColumns, poses: Float64Array) -> RecordedTrack | None:
    """The track of one person's rows; None if the person is seen in no image with a pose of the camera.

    Args:
        rows: of the person. frames: of the source. poses: (F, 4, 4) of the camera; NaN where they are not known.
    """
    kept = _usable(rows, frames, poses)
    if not len(kept) or rows["is_occluded"][kept].all():
        return None
    places = np.searchsorted(frames["frame"], rows["frame"][kept])
    size = int(frames["width"][0]), int(frames["height"][0])
    pixels = np.nan_to_num(rows["landmarks_px"][kept], nan=-1.0)
    visibility = np.nan_to_num(rows["landmark_visibility"][kept])
    return RecordedTrack(
        stamps_s=(frames["stamp_ns"][places] - frames["stamp_ns"][0]) / 1e9,
        rotmats=rotation_matrices(rows["pose"][kept]).astype(np.float64),
        betas=rows["betas"][kept].astype(np.float64),
        transl_cam=rows["transl_cam"][kept].astype(np.float64),
        transl_cov=rows["transl_cov"][kept].astype(np.float64),
        confidence=rows["confidence"][kept].astype(np.float64),
        is_seen=~rows["is_occluded"][kept].astype(bool),
        feet_seen=feet_seen(pixels, visibility, size),
        T_world_cam=poses[places],
        focal_px=float(frames["K"][0, 1, 1]),
    )


def changed_rows(
    rows: TableColumns,
    frames: TableColumns,
    poses: Float64Array,
    recorded: RecordedTrack,
    refined: RefinedTrack,
) -> dict[int, dict[str, Any]]:
    """New values of a person's columns, by frame.

    Args:
        rows: of the person. frames: of the source. poses: (F, 4, 4) of the camera.
        recorded: the track of these rows. refined: what became of it.
    """
    kept = _usable(rows, frames, poses)
    roots, count = refined.joints_cam[:, 0], len(kept)
    velocity = np.gradient(roots, recorded.stamps_s, axis=0) if count > 1 else np.zeros((1, 3))
    new = {
        "pose": axis_angles(refined.rotmats).reshape(count, 72),
        "betas": np.tile(refined.betas, (count, 1)),
        "transl_cam": refined.transl_cam,
        "transl_cov": refined.transl_cov,
        "joints_cam": refined.joints_cam,
        "velocity_cam": velocity,
        "height": np.full(count, refined.height),
    }
    return {
        int(rows["frame"][row]): {name: values[at].astype(np.float32) for name, values in new.items()}
        for at, row in enumerate(kept)
    }


def frame_rows(
    frames: TableColumns, tracks: dict[str, TableColumns], changed: dict[str, dict[int, dict[str, Any]]]
) -> Iterator[FrameRow]:
    """Every frame of a source with its people.

    Args:
        frames: of the source. tracks: rows of its people by id. changed: new values by id and frame.
    """
    by_frame: dict[int, list[PersonRow]] = {}
    for id, rows in tracks.items():
        for row, frame in enumerate(rows["frame"].tolist()):
            by_frame.setdefault(frame, []).append(_person(id, rows, row, changed.get(id, {}).get(frame, {})))
    for row, frame in enumerate(frames["frame"].tolist()):
        fps, pose = float(frames["fps"][row]), frames["T_world_cam"][row]
        yield FrameRow(
            frame=frame,
            stamp_ns=int(frames["stamp_ns"][row]),
            width=int(frames["width"][row]),
            height=int(frames["height"][row]),
            K=frames["K"][row],
            people=tuple(by_frame.get(frame, ())),
            fps=None if np.isnan(fps) else fps,
            T_world_cam=None if np.isnan(pose).any() else pose,
            image=str(frames["image"][row]) or None,
            problem=str(frames["problem"][row]) or None,
        )


def _person(id: str, rows: TableColumns, row: int, new: dict[str, Any]) -> PersonRow:
    old = {
        name: rows[name][row]
        for name in ("bbox", "pose", "betas", "transl_cam", "transl_cov", "joints_cam", "velocity_cam")
    }
    optional = {
        name: None if np.isnan(rows[name][row]).all() else rows[name][row]
        for name in ("joint_confidence", "landmarks_px", "landmark_visibility")
    }
    values = {**old, **optional, "height": rows["height"][row], **new}
    values["height"] = float(values["height"])
    confidence, is_occluded = float(rows["confidence"][row]), bool(rows["is_occluded"][row])
    return PersonRow(id=id, confidence=confidence, is_occluded=is_occluded, **values)
