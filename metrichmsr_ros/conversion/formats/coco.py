"""COCO keypoints JSON: pictures, boxes and 17 keypoints with visibility.

Keypoints are the network's landmarks where the source has them, else points of the estimated body: landmarks of the
open body's surface, or for SMPL the 12 joints from shoulders to ankles. `keypoints_from` says which.
Visibility: 2 seen, 1 in the picture but hidden (landmarks of visibility under 0.5; any point of a predicted person),
0 outside the picture or unknown.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from pathlib import PurePosixPath
from typing import Any

import numpy as np

from metrichmsr_ros.body.joints import JOINT_NAMES, LANDMARK_NAMES
from metrichmsr_ros.conversion.pixels import LandmarkTables, check_cameras, check_images, in_picture, projected
from metrichmsr_ros.conversion.recording import ConvertError, PersonTrack, SourceRecording
from metrichmsr_ros.types import AnyArray

KEYPOINTS = (
    *("nose", "left_eye", "right_eye", "left_ear", "right_ear", "left_shoulder", "right_shoulder"),
    *("left_elbow", "right_elbow", "left_wrist", "right_wrist", "left_hip", "right_hip"),
    *("left_knee", "right_knee", "left_ankle", "right_ankle"),
)
_BONES = (
    *((16, 14), (14, 12), (17, 15), (15, 13), (12, 13), (6, 12), (7, 13), (6, 7), (6, 8), (7, 9), (8, 10), (9, 11)),
    *((2, 3), (1, 2), (1, 3), (2, 4), (3, 5), (4, 6), (5, 7)),
)
_LANDMARKS = [LANDMARK_NAMES.index(name) for name in KEYPOINTS]
_JOINTS = [(index, JOINT_NAMES.index(name)) for index, name in enumerate(KEYPOINTS) if name in JOINT_NAMES]
_SEEN = 0.5  # least visibility of a landmark that counts as seen


def coco_document(
    recordings: Iterable[tuple[SourceRecording, LandmarkTables | None]], image_names: str | None = None
) -> dict[str, Any]:
    """The whole JSON document; tables are for people of the open body without landmarks.

    Args:
        recordings: in the order of their pictures.
        image_names: pattern that named pictures which have no file.

    Raises:
        ConvertError: a frame has no picture name or size, two have one name, or a person without landmarks no
            intrinsics.
    """
    images: list[dict[str, Any]] = []
    people: list[dict[str, Any]] = []
    for recording, tables in recordings:
        first = len(images) + 1
        images += _images(recording, first)
        for track in recording.tracks:
            people += _annotations(recording, track, tables, first, len(people) + 1)
    _set_apart(images, image_names)
    category = {"id": 1, "name": "person", "supercategory": "person", "keypoints": KEYPOINTS, "skeleton": _BONES}
    about = {"description": "estimates of metrichmsr_ros; pixels with integer centres", "version": "1.0"}
    return {"info": about, "licenses": [], "images": images, "annotations": people, "categories": [category]}


def _set_apart(images: list[dict[str, Any]], image_names: str | None) -> None:
    """Put the source before every name of a file of its own where two sources have pictures of one name.

    Raises:
        ConvertError: two pictures of one source have one name.
    """
    if not _twice(images):
        return
    for image in images:
        source, name = str(image["source"]), str(image["file_name"])
        if image_names and name == image_names.format(**{key: image[key] for key in ("source", "frame", "stamp_ns")}):
            continue
        image["file_name"] = source if PurePosixPath(source).name == name else f"{source}/{name}"
    if twice := _twice(images):
        raise ConvertError(
            f"two frames have the picture {twice!r}; convert their sources one by one with --source, or annotate again"
        )


def _twice(images: list[dict[str, Any]]) -> str | None:
    """A name that two pictures have."""
    counts = Counter(str(image["file_name"]) for image in images)
    return next((name for name, count in counts.items() if count > 1), None)


def _images(recording: SourceRecording, first: int) -> list[dict[str, Any]]:
    check_images(recording)
    frames = recording.frames
    rows = []
    for row, image in enumerate(frames.image):
        width, height = (int(side) for side in frames.size[row])
        about = {"source": recording.source, "frame": int(frames.number[row]), "stamp_ns": int(frames.stamp_ns[row])}
        rows.append({"id": first + row, "file_name": image, "width": width, "height": height, **about})
    return rows


def _annotations(
    recording: SourceRecording, track: PersonTrack, tables: LandmarkTables | None, first_image: int, first_id: int
) -> list[dict[str, Any]]:
    points, visibility, origin = _keypoints(recording, track, tables)
    box = np.where(np.isfinite(track.bbox).all(1, keepdims=True), track.bbox, _around(points, visibility))
    rows = []
    for row, frame in enumerate(track.frame):
        x0, y0, x1, y1 = (round(float(value), 3) for value in box[row])
        width, height = round(x1 - x0, 3), round(y1 - y0, 3)
        marked = np.concatenate([np.where(visibility[row, :, None] > 0, points[row], 0.0), visibility[row, :, None]], 1)
        person: dict[str, Any] = {
            "id": first_id + row,
            "image_id": first_image + int(frame),
            "category_id": 1,
            "iscrowd": 0,
            "bbox": [x0, y0, width, height],
            "area": round(width * height, 3),
            "keypoints": [round(float(value), 3) for value in marked.reshape(-1)],
            "num_keypoints": int((visibility[row] > 0).sum()),
            "track_id": track.id,
            "is_occluded": bool(track.is_occluded[row]),
            "keypoints_from": origin[row],
        }
        confidence = track.confidence[row]
        rows.append(person | ({"score": round(float(confidence), 6)} if np.isfinite(confidence) else {}))
    return rows


def _keypoints(
    recording: SourceRecording, track: PersonTrack, tables: LandmarkTables | None
) -> tuple[AnyArray, AnyArray, list[str]]:
    """Pixels (N, 17, 2), visibility (N, 17) 0, 1 or 2, and by row what they are from."""
    points, seen = track.landmarks[:, _LANDMARKS], track.visibility[:, _LANDMARKS] >= _SEEN
    has = np.all(np.isfinite(points), axis=(1, 2))
    origin = ["landmarks"] * len(track)
    if not has.all():
        drawn, name = _body_points(recording, track, tables)
        points = np.where(has[:, None, None], points, drawn)
        seen = np.where(has[:, None], seen, np.isfinite(drawn).all(2))
        origin = ["landmarks" if one else name for one in has]
    visible = np.where(
        in_picture(recording.frames, track, points), np.where(seen & ~track.is_occluded[:, None], 2, 1), 0
    )
    return points, visible, origin


def _body_points(recording: SourceRecording, track: PersonTrack, tables: LandmarkTables | None) -> tuple[AnyArray, str]:
    """Pixels (N, 17, 2) of the estimated body, NaN where it does not have the point, and what they are."""
    check_cameras(recording, track)
    if tables is not None:
        return projected(recording.frames, track, tables.landmarks(track))[0][
            :, _LANDMARKS
        ], "projected landmarks of the body"
    pixels = projected(recording.frames, track, track.joints)[0]
    points = np.full((len(track), len(KEYPOINTS), 2), np.nan)
    for keypoint, joint in _JOINTS:
        points[:, keypoint] = pixels[:, joint]
    return points, "projected joints"


def _around(points: AnyArray, visibility: AnyArray) -> AnyArray:
    """(N, 4) boxes around the points in the picture; zeros without one."""
    is_known = (visibility > 0)[..., None]
    low = np.where(is_known, points, np.inf).min(1)
    high = np.where(is_known, points, -np.inf).max(1)
    box = np.concatenate([low, high], 1)
    return np.where(np.isfinite(box), box, 0.0)
