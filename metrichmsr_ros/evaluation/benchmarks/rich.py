"""RICH as a benchmark: the truth of every view in its published layout, on the joints that SMPL-X shares with SMPL.

RICH's bodies are gendered SMPL-X. Their first 22 joints are SMPL's, at the same anatomical places; they are computed
with SMPL-X's joint regressor. The meshes of SMPL-X and SMPL differ, so there is no vertex error.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from metrichmsr_ros.body.smplx_joints import SHARED, SmplxJoints
from metrichmsr_ros.data.formats.labels import JointsOf, LabelError, LabelTable
from metrichmsr_ros.data.formats.scenes import read_rich, rich_camera
from metrichmsr_ros.data.image_sets import LabelBodies
from metrichmsr_ros.evaluation.benchmarks.motion import Motion
from metrichmsr_ros.evaluation.benchmarks.video_datasets import Video, rotations

SPLIT = "test"


def read_rich_videos(data: Path, bodies: Mapping[str, SmplxJoints], genders: Mapping[str, str]) -> Iterator[Video]:
    """The test sequences, one video for each view `images/test/SEQUENCE/cam_XX`; people are numbered from 0.

    Videos are named `SEQUENCE_cam_XX`. Their motions have 22 joints; the world is RICH's multi-camera frame.

    Args:
        data: folder with `bodies`, `images` and `scan_calibration`.
        bodies: SMPL-X by gender: male, female.
        genders: "male" or "female" by subject, as in RICH's `gender.json`.

    Raises:
        LabelError: no view in `data`, or a file that does not follow RICH's layout.
    """
    joints_of = LabelBodies("smplx", {}, bodies).joints_of_smplx()
    views = [view for view in sorted((data / "images" / SPLIT).glob("*/cam_[0-9]*")) if view.is_dir()]
    if not views:
        raise LabelError(f"{data}: no views images/{SPLIT}/SEQUENCE/cam_XX found; name the root folder of RICH")
    for view in views:
        sequence, camera = view.parent.name, int(view.name.removeprefix("cam_"))
        extrinsics, _, _ = rich_camera(data, sequence, camera)
        tables = _by_subject(read_rich(data, SPLIT, sequence, camera, joints_of, dict(genders)))
        name, pose = f"{sequence}_{view.name}", np.linalg.inv(extrinsics)
        truth = (_motion(name, str(n), table, joints_of, pose) for n, table in enumerate(tables))
        yield Video(name, tables, tuple(truth))


def _by_subject(table: LabelTable) -> tuple[LabelTable, ...]:
    subjects = np.array([person.rpartition("#")[2] for person in table.person])
    return tuple(table.select(np.flatnonzero(subjects == subject)) for subject in np.unique(subjects))


def _motion(
    sequence: str, person: str, table: LabelTable, joints_of: JointsOf, world_from_camera: NDArray[Any]
) -> Motion:
    rows = zip(table.betas, table.pose, table.gender, strict=True)
    joints_at_origin = np.stack([joints_of(betas, pose, gender)[:SHARED] for betas, pose, gender in rows])
    frames = [int(name.rpartition("/")[2].partition("#")[0]) for name in table.person]
    fields = {
        "joints": joints_at_origin + table.transl[:, None],
        "orient": rotations(table.pose[:, :3]),
        "world_from_camera": np.tile(world_from_camera, (len(table), 1, 1)),
    }
    return Motion(sequence, person, np.array(frames, np.int64), fields)
