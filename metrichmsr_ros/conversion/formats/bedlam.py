"""BEDLAM-style npz: labels of people in pictures, camera frame, as this package's trainer reads them.

Predicted rows of people who are hidden are left out. `cam_ext` is the identity: translations are those of the camera
frame. `body_model`, which BEDLAM does not have, says what the betas are of.
"""

from __future__ import annotations

import numpy as np

from metrichmsr_ros.conversion.pixels import check_cameras, check_images, projected
from metrichmsr_ros.conversion.recording import PersonTrack, SourceRecording
from metrichmsr_ros.types import AnyArray

_PIXELS_PER_SCALE = 200.0


def bedlam_arrays(recording: SourceRecording) -> tuple[dict[str, AnyArray], int]:
    """The arrays of a recording, a row for each person in each picture, and the number of rows left out.

    Raises:
        ConvertError: a frame has no picture, intrinsics or size.
    """
    check_images(recording)
    parts = [_rows(recording, track) for track in recording.tracks if not track.is_occluded.all()]
    left_out = sum(int(track.is_occluded.sum()) for track in recording.tracks)
    arrays = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]} if parts else {}
    return arrays, left_out


def _rows(recording: SourceRecording, track: PersonTrack) -> dict[str, AnyArray]:
    check_cameras(recording, track)
    frames, seen = recording.frames, ~track.is_occluded
    pixels, is_inside = projected(frames, track, track.joints)
    box = _boxes(track, pixels)
    count = int(seen.sum())
    keypoints = np.concatenate([np.nan_to_num(pixels), is_inside[..., None]], 2)
    rows = {
        "imgname": np.array([frames.image[frame] for frame in track.frame]),
        "center": (box[:, :2] + box[:, 2:]) / 2,
        "scale": (box[:, 2:] - box[:, :2]).max(1) / _PIXELS_PER_SCALE,
        "pose_cam": track.pose,
        "shape": track.betas,
        "trans_cam": track.transl,
        "cam_int": frames.intrinsics[track.frame],
        "gtkps": keypoints,
    }
    return {name: values[seen] for name, values in rows.items()} | {
        "cam_ext": np.tile(np.eye(4), (count, 1, 1)),
        "gender": np.full(count, "neutral"),
        "sub": np.full(count, track.id),
        "body_model": np.full(count, recording.body or "smpl"),
    }


def _boxes(track: PersonTrack, pixels: AnyArray) -> AnyArray:
    """(N, 4) boxes of the source, or where it has none around the projected joints."""
    low, high = np.nan_to_num(pixels, nan=np.inf).min(1), np.nan_to_num(pixels, nan=-np.inf).max(1)
    around = np.concatenate([low, high], 1)
    return np.where(np.isfinite(track.bbox).all(1, keepdims=True), track.bbox, around)
