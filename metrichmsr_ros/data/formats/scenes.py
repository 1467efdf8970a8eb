"""RICH and PROX: SMPL-X fits in scanned scenes. The first 22 joints have the pose of SMPL; the shape is SMPL-X.

`has_betas` is False, because betas of a gendered SMPL-X are not betas of the neutral SMPL. The root joint is labelled,
computed by `joints_of` with the data set's SMPL-X models.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import cv2
import numpy as np
from numpy.typing import NDArray

from metrichmsr_ros.body.pickles import load_array_pickle
from metrichmsr_ros.data.formats.labels import (
    MIRRORED,
    JointsOf,
    LabelError,
    LabelTable,
    box_around,
    label_table,
    to_camera,
)
from metrichmsr_ros.errors import reads
from metrichmsr_ros.io.images import ImageDataError, decode_as_stored, image_bytes
from metrichmsr_ros.io.texts import read_json
from metrichmsr_ros.types import AnyArray

PROX_FEMALE = frozenset({"162", "3452", "159", "3403"})
PROX_DEPTH_UNIT = 1e-3 / 8.0  # metres per step of the 16-bit depth images
PARAMETERS = ("transl", "global_orient", "body_pose", "betas")


@reads(LabelError, "RICH's folder")
def read_rich(
    root: Path, split: str, sequence: str, camera: int, joints_of: JointsOf, genders: dict[str, str]
) -> LabelTable:
    """One camera's view of one RICH sequence; the fits are transformed from the multi-camera frame to the camera frame.

    Args:
        root: folder with `bodies/<split>/<seq>/<frame>/<subject>.pkl`, `images/<split>/<seq>/cam_XX/` and
            `scan_calibration/<scene>/calibration/<camera>.xml`; the scene is the sequence's name up to the first "_".
        genders: "male" or "female" by subject, numbered as in file names ("009") or RICH's gender.json ("9").
        joints_of: gendered SMPL-X.
    """
    extrinsics, intrinsics, distortion = rich_camera(root, sequence, camera)
    folder = root / "images" / split / sequence / f"cam_{camera:02d}"
    files = sorted((root / "bodies" / split / sequence).glob("*/*.pkl"))
    if not files:
        raise LabelError(f"{root}/bodies/{split}/{sequence}: no fits <frame>/<subject>.pkl found")
    fits = [_smplx_fit(path) for path in files]
    gender = [_gender_of(path.stem, genders) for path in files]
    table = _smplx_table(fits, gender, joints_of, extrinsics, intrinsics, distortion)
    return label_table(
        person=[f"rich/{sequence}/cam_{camera:02d}/{path.parent.name}#{path.stem}" for path in files],
        image=[_rich_image(folder, path.parent.name, camera) for path in files],
        gender=gender,
        **table,
    )


@reads(LabelError, "PROX's folder")
def read_prox(root: Path, recording: str, joints_of: JointsOf) -> LabelTable:
    """One PROX recording with its PROXD fits, e.g. "N3OpenArea_00157_01"; fits are in the colour camera's frame.

    The recordings are mirrored: fits, calibration and depth belong to the images flipped left to right;
    `labels.read_image` flips them.

    Args:
        root: folder with `recordings/<recording>/Color/<frame>.jpg`, `PROXD/<recording>/results/<frame>/000.pkl`
            and `calibration/Color.json`.
        joints_of: gendered SMPL-X.
    """
    calibration = _json(root / "calibration" / "Color.json", ("camera_mtx", "k"))
    subject = recording.split("_")[1].lstrip("0")
    gender = "female" if subject in PROX_FEMALE else "male"
    files = sorted((root / "PROXD" / recording / "results").glob("*/000.pkl"))
    if not files:
        raise LabelError(f"{root}/PROXD/{recording}/results: no fits <frame>/000.pkl found")
    fits = [_smplx_fit(path) for path in files]
    frames = [path.parent.name for path in files]
    color = root / "recordings" / recording / "Color"
    table = _smplx_table(
        fits,
        [gender] * len(files),
        joints_of,
        np.eye(4),
        np.array(calibration["camera_mtx"], np.float64),
        np.array(calibration["k"], np.float64).reshape(-1)[:5],
    )
    return label_table(
        person=[f"prox/{recording}/{frame}" for frame in frames],
        image=[color / f"{frame}.jpg" for frame in frames],
        turn=MIRRORED,
        gender=[gender] * len(files),
        **table,
    )


@reads(LabelError, "a 16-bit depth image")
def read_prox_depth(path: Path) -> NDArray[np.float32]:
    """A PROX depth image in metres, (424, 512), flipped as the labels, NaN without a measurement."""
    try:
        stored = decode_as_stored(image_bytes(path))
    except (OSError, ImageDataError) as error:
        raise LabelError(f"{path}: missing, or not a 16-bit depth image: {error}") from None
    if stored.dtype != np.uint16:
        raise LabelError(f"{path}: missing, or not a 16-bit depth image: its type is {stored.dtype}")
    depth = np.fliplr(stored).astype(np.float32) * np.float32(PROX_DEPTH_UNIT)
    return np.where(depth > 0, depth, np.float32(np.nan))


def prox_points(depth: NDArray[np.float32], calibration: Path) -> NDArray[np.float64]:
    """Points (M, 3) of a depth image in the frame of PROX's colour camera, metres.

    Args:
        depth: as returned by `read_prox_depth`.
        calibration: folder with `IR.json` and `Color.json`.
    """
    infrared = _json(calibration / "IR.json", ("camera_mtx", "k", "view_mtx"))
    color = _json(calibration / "Color.json", ("view_mtx",))
    rows, columns = np.nonzero(np.isfinite(depth))
    pixels = np.stack([columns, rows], 1).astype(np.float64)[:, None]
    rays = cv2.undistortPoints(pixels, np.array(infrared["camera_mtx"]), np.array(infrared["k"])).reshape(-1, 2)
    z = depth[rows, columns].astype(np.float64)[:, None]
    from_ir, to_color = np.array(infrared["view_mtx"], np.float64), np.array(color["view_mtx"], np.float64)
    shared = (np.concatenate([rays * z, z], 1) - from_ir[:3, 3]) @ from_ir[:3, :3]
    return shared @ to_color[:3, :3].T + to_color[:3, 3]


@reads(LabelError, "a fit of SMPL-X")
def _smplx_fit(path: Path) -> dict[str, AnyArray]:
    data = load_array_pickle(path)
    missing = [name for name in PARAMETERS if name not in data]
    if missing:
        raise LabelError(f"{path}: field(s) missing: {', '.join(missing)}; the file has: {', '.join(data)}")
    return {name: np.asarray(data[name], np.float32).reshape(-1) for name in PARAMETERS}


def _smplx_table(
    fits: list[dict[str, AnyArray]],
    gender: list[str],
    joints_of: JointsOf,
    extrinsics: AnyArray,
    intrinsics: AnyArray,
    distortion: AnyArray,
) -> dict[str, Any]:
    """Columns of both data sets: pose and translation in the camera frame, and the box of the projected joints."""
    count = len(fits)
    pose = np.zeros((count, 72), np.float32)
    pose[:, :66] = [np.concatenate([fit["global_orient"], fit["body_pose"][:63]]) for fit in fits]
    betas = np.array([fit["betas"][:10] for fit in fits])
    own = np.array([joints_of(b, p, g) for b, p, g in zip(betas, pose, gender, strict=True)])
    pelvis = own[:, 0].astype(np.float32)
    transl = np.array([fit["transl"] for fit in fits])
    world = own + transl[:, None]
    pose, transl = to_camera(pose, transl, extrinsics, pelvis)
    rotation, _ = cv2.Rodrigues(extrinsics[:3, :3])
    pixels, _ = cv2.projectPoints(
        world.reshape(-1, 3).astype(np.float64), rotation, extrinsics[:3, 3].copy(), intrinsics, distortion
    )
    joints_2d = np.ones((count, 24, 3), np.float32)
    joints_2d[..., :2] = pixels.reshape(count, 24, 2)
    joints_2d[:, 22:, 2] = 0.0  # SMPL-X has no joints in the palms
    return {
        "body": "smplx",
        "intrinsics": np.tile(intrinsics, (count, 1, 1)),
        "distortion": np.tile(np.resize(np.append(distortion, np.zeros(5)), 5), (count, 1)),
        "bbox": box_around(joints_2d[:, :22, :2]),
        "pose": pose,
        "betas": betas,
        "transl": transl,
        "pelvis": pelvis,
        "joints_2d": joints_2d,
        "has_pose": np.ones(count, bool),
        "has_transl": np.ones(count, bool),
    }


@reads(LabelError, "RICH's folder")
def rich_camera(root: Path, sequence: str, camera: int) -> tuple[AnyArray, AnyArray, AnyArray]:
    """Extrinsics (4, 4) from RICH's multi-camera to the camera frame, intrinsics (3, 3) and distortion (<= 5,)."""
    path = root / "scan_calibration" / sequence.split("_")[0] / "calibration" / f"{camera:03d}.xml"
    if not path.is_file():
        raise LabelError(f"camera file {path} is missing")
    tree = ElementTree.parse(path).getroot()

    def numbers(name: str, count: int) -> AnyArray:
        text = tree.findtext(f"./{name}/data")
        values = np.array((text or "").split(), np.float64)
        if len(values) < count:
            raise LabelError(f"{path}: <{name}> has {len(values)} numbers, expected {count}")
        return values

    extrinsics = np.eye(4)
    extrinsics[:3] = numbers("CameraMatrix", 12)[:12].reshape(3, 4)
    return extrinsics, numbers("Intrinsics", 9)[:9].reshape(3, 3), numbers("Distortion", 4)[:5]


def _gender_of(subject: str, genders: dict[str, str]) -> str:
    gender = genders.get(subject) or genders.get(subject.lstrip("0") or "0")
    if gender is None:
        raise LabelError(f"subject {subject}: no gender in the genders file; it has {', '.join(genders) or 'none'}")
    return gender


def _rich_image(folder: Path, frame: str, camera: int) -> Path:
    found = sorted(folder.glob(f"{frame}_{camera:02d}.*"))
    return found[0] if found else folder / f"{frame}_{camera:02d}.jpeg"


@reads(LabelError, "a calibration file")
def _json(path: Path, required: tuple[str, ...]) -> dict[str, Any]:
    if not path.is_file():
        raise LabelError(f"calibration file {path} is missing")
    data: dict[str, Any] = dict(read_json(path))
    missing = [name for name in required if name not in data]
    if missing:
        raise LabelError(f"{path}: field(s) missing: {', '.join(missing)}")
    return data
