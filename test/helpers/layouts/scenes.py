"""Recordings with SMPL-X in scanned scenes: RICH, PROX."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from scipy.spatial.transform import Rotation

from helpers.layouts.files import save_picture, write_pickle
from helpers.layouts.world import World, flat_hands, make_world, picture, still_camera
from metrichmsr_ros.types import AnyArray

RICH_CAST = {"003": ("male", 4), "018": ("female", 5)}
"""Gender and seed of each subject of the film."""


def smplx_parameters(world: World, row: int) -> dict[str, Any]:
    """The content of a fit of RICH or PROX: one person in one frame."""
    return {
        "transl": world.transl[row : row + 1].astype(np.float32),
        "global_orient": world.pose[row : row + 1, :3].astype(np.float32),
        "body_pose": world.pose[row : row + 1, 3:66].astype(np.float32),
        "betas": world.betas[row : row + 1].astype(np.float32),
        "left_hand_pose": np.zeros((1, 12), np.float32),
        "jaw_pose": np.zeros((1, 3), np.float32),
        "expression": np.zeros((1, 10), np.float32),
    }


def write_rich(root: Path) -> tuple[World, tuple[AnyArray, AnyArray]]:
    """A frame of one subject in one camera with a distorted lens; returns its extrinsics and lens too."""
    world = flat_hands(make_world(1, (800, 600), "male", seed=4))
    lens = np.array([-0.12, 0.03, 0.001, -0.002, 0.0])
    sequence = "Pavallion_003_sidebalancerun"
    write_pickle(root / "bodies" / "test" / sequence / "00012" / "003.pkl", smplx_parameters(world, 0))
    save_picture(root / "images" / "test" / sequence / "cam_02" / "00012_02.jpeg", picture(world, 0))
    write_rich_camera(root / "scan_calibration" / "Pavallion" / "calibration" / "002.xml", world, lens)
    return world, (world.extrinsics[0], lens)


def write_rich_camera(path: Path, world: World, lens: AnyArray) -> None:
    """The camera of the world's first row."""

    def matrix(name: str, values: AnyArray, rows: int, columns: int) -> str:
        numbers = " ".join(f"{value:.17g}" for value in np.ravel(values))
        return (
            f'<{name} type_id="opencv-matrix"><rows>{rows}</rows><cols>{columns}</cols><dt>d</dt>'
            f"<data>{numbers}</data></{name}>"
        )

    path.parent.mkdir(parents=True)
    path.write_text(
        '<?xml version="1.0"?><opencv_storage>'
        + matrix("CameraMatrix", world.extrinsics[0, :3], 3, 4)
        + matrix("Intrinsics", world.intrinsics, 3, 3)
        + matrix("Distortion", lens, 5, 1)
        + "</opencv_storage>"
    )


def write_rich_film(root: Path, frames: int = 8) -> tuple[str, list[World]]:
    """A man (subject 003) and a woman (018) before one still camera; the name of the view, and both."""
    people = [still_camera(flat_hands(make_world(frames, (800, 600), g, False, s)), 9) for g, s in RICH_CAST.values()]
    sequence = "LectureHall_003_018_wipingchairs1"
    for subject, world in zip(RICH_CAST, people, strict=True):
        for row in range(frames):
            fit = root / "bodies" / "test" / sequence / f"{row + 20:05d}" / f"{subject}.pkl"
            write_pickle(fit, smplx_parameters(world, row))
            name = f"{row + 20:05d}_02.jpeg"
            save_picture(root / "images" / "test" / sequence / "cam_02" / name, picture(world, row))
    lens = np.array([-0.05, 0.01, 0.0, 0.0, 0.0])
    write_rich_camera(root / "scan_calibration" / "LectureHall" / "calibration" / "002.xml", people[0], lens)
    (root / "gender.json").write_text('{"3": "male", "18": "female"}')
    return f"{sequence}_cam_02", people


def write_prox(root: Path) -> tuple[str, World, dict[str, AnyArray]]:
    """One frame with its depth: a tilted plane before the infrared camera; stored mirrored, as PROX stores it."""
    world = flat_hands(make_world(1, (1920, 1080), "female", moving=False, seed=6))
    recording, frame = "N3OpenArea_00162_01", "s001_frame_00001__00.00.00.029"
    write_pickle(
        root / "PROXD" / recording / "results" / frame / "000.pkl",
        smplx_parameters(world, 0),
    )
    save_picture(root / "recordings" / recording / "Color" / f"{frame}.jpg", cv2.flip(picture(world, 0), 1))
    infrared = np.array([[365.0, 0, 256.0], [0, 365.0, 207.0], [0, 0, 1.0]])
    rows, columns = np.indices((424, 512))
    depth = (2.0 + 0.001 * columns + 0.0005 * rows).astype(np.float64)
    depth[:20] = 0.0
    stored = np.fliplr(np.rint(depth * 8000.0).astype(np.uint16))
    path = root / "recordings" / recording / "Depth" / f"{frame}.png"
    save_picture(path, stored)
    turn = np.eye(4)
    turn[:3, :3] = Rotation.from_rotvec([0.01, -0.02, 0.005]).as_matrix()
    turn[:3, 3] = [0.052, 0.001, -0.002]
    calibration = root / "calibration"
    calibration.mkdir()
    (calibration / "IR.json").write_text(
        json.dumps({"camera_mtx": infrared.tolist(), "k": [0.0] * 5, "view_mtx": turn[:3].tolist()})
    )
    (calibration / "Color.json").write_text(
        json.dumps({"camera_mtx": world.intrinsics.tolist(), "k": [0.0] * 5, "view_mtx": np.eye(4)[:3].tolist()})
    )
    return recording, world, {"depth": depth, "infrared": infrared, "infrared_pose": turn, "path": np.array(str(path))}
