"""Writes tiny data sets in the published layouts, and says where every joint really is.

The body is the light open body with its pelvis moved off the origin, per gender and per beta, as SMPL's is: so a
reader that forgets the pelvis is wrong by centimetres. Each picture is grey with a coloured dot on each person's root
joint; pictures that a data set stores turned or mirrored are stored so.
"""

from __future__ import annotations

import io
import json
import pickle
import tarfile
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from scipy.io import savemat
from scipy.spatial.transform import Rotation

from metrichmsr_ros.body.joints import JOINT_NAMES, PARENTS
from metrichmsr_ros.body.load import load_body
from metrichmsr_ros.body.open_body import FILES, OpenBody, load_arrays, to_smpl_dict
from metrichmsr_ros.data.formats.joint_maps import AIC_14, BODY_44, COCO_17, MPII_16

Array = np.ndarray
DOT = (220, 40, 30)
OFFSETS = {"neutral": (0.0, -0.21, 0.03), "female": (0.0, -0.20, 0.025), "male": (0.0, -0.24, 0.02)}
PIXELS = cv2.IMWRITE_JPEG_QUALITY, 100


def arrays_like_smpl(gender: str) -> dict[str, Array]:
    """A body whose rest pelvis depends on gender and betas."""
    arrays = load_arrays(FILES["open_light"])
    pelvis_by_beta = np.random.default_rng(len(gender)).normal(0.0, 0.01, (1, 3, 10)).astype(np.float32)
    moved = {
        "v_template": arrays["v_template"] + np.array(OFFSETS[gender], np.float32),
        "shapedirs": arrays["shapedirs"] + pelvis_by_beta,
    }
    return {**arrays, **moved}


BODIES = {gender: OpenBody(arrays_like_smpl(gender)) for gender in OFFSETS}


def write_smpl(folder: Path) -> Path:
    """BODIES in SMPL's own files: SMPL_MALE.npz and SMPL_FEMALE.pkl."""
    folder.mkdir()
    np.savez(folder / "SMPL_MALE.npz", **to_smpl_dict(arrays_like_smpl("male")))
    write_pickle(folder / "SMPL_FEMALE.pkl", to_smpl_dict(arrays_like_smpl("female")))
    return folder


def write_smplx(folder: Path) -> Path:
    """BODIES in the layout of SMPL-X: 55 joints, of which the first 22 are theirs."""
    folder.mkdir()
    for gender in ("male", "female"):
        body = to_smpl_dict(arrays_like_smpl(gender))
        regressor = np.concatenate([body["J_regressor"][:22], np.roll(body["J_regressor"], 1, axis=0)])[:55]
        regressor = np.concatenate([regressor, regressor[: 55 - len(regressor)]])
        arrays = {name: body[name] for name in ("v_template", "shapedirs")}
        np.savez(folder / f"SMPLX_{gender.upper()}.npz", **arrays, J_regressor=regressor)
    return folder


@dataclass(frozen=True)
class World:
    """N people in a world frame, one (moving) camera, and their joints in the camera frame."""

    pose: Array  # (N, 72) world
    betas: Array  # (N, 10)
    transl: Array  # (N, 3) world
    extrinsics: Array  # (N, 4, 4) world to camera
    intrinsics: Array  # (3, 3)
    size: tuple[int, int]
    gender: str
    joints_world: Array  # (N, 24, 3)
    joints_cam: Array  # (N, 24, 3)
    pixels: Array  # (N, 24, 2)


def make_world(count: int, size: tuple[int, int], gender: str = "neutral", moving: bool = True, seed: int = 0) -> World:
    """People 3 to 5 m before a camera that stands anywhere in the world."""
    rng = np.random.default_rng(seed)
    pose = rng.normal(0.0, 0.25, (count, 72))
    betas = rng.normal(0.0, 0.8, (count, 10))
    if moving:
        turns = Rotation.from_rotvec(rng.normal(0.0, 1.0, (count, 3))).as_matrix()
        places = rng.normal(0.0, 2.0, (count, 3))
    else:
        turns, places = np.tile(np.eye(3), (count, 1, 1)), np.zeros((count, 3))
    roots_cam = np.stack([rng.uniform(-0.4, 0.4, count), rng.uniform(-0.2, 0.2, count), rng.uniform(3, 5, count)], 1)
    extrinsics = np.tile(np.eye(4), (count, 1, 1))
    extrinsics[:, :3, :3], extrinsics[:, :3, 3] = turns, places
    upright = Rotation.from_matrix(turns.transpose(0, 2, 1)) * Rotation.from_rotvec([np.pi, 0.0, 0.0])
    pose[:, :3] = (upright * Rotation.from_rotvec(rng.normal(0.0, 0.3, (count, 3)))).as_rotvec()
    with torch.no_grad():
        body = BODIES[gender]
        given = [torch.from_numpy(value).float() for value in (betas, pose)]
        still = body.joints(*given, torch.zeros(count, 3)).double().numpy()
    roots_world = np.einsum("nji,nj->ni", turns, roots_cam - places)
    transl = roots_world - still[:, 0]
    joints_world = still + transl[:, None]
    joints_cam = np.einsum("nij,nkj->nki", turns, joints_world) + places[:, None]
    focal = 0.9 * max(size)
    intrinsics = np.array([[focal, 0, size[0] / 2 + 3], [0, 1.02 * focal, size[1] / 2 - 5], [0, 0, 1.0]])
    projected = joints_cam @ intrinsics.T
    pixels = projected[..., :2] / projected[..., 2:]
    return World(pose, betas, transl, extrinsics, intrinsics, size, gender, joints_world, joints_cam, pixels)


def picture(world: World, row: int) -> Array:
    """Grey BGR image with a dot on the root joint of person `row`."""
    image = np.full((world.size[1], world.size[0], 3), 110, np.uint8)
    centre = tuple(round(float(value)) for value in world.pixels[row, 0])
    return cv2.circle(image, centre, 9, DOT[::-1], -1)


def save_picture(path: Path, image: Array) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    assert cv2.imwrite(str(path), image, PIXELS)


def box(world: World) -> tuple[Array, Array]:
    """Centre (N, 2) and side (N,) of a square box 1.2 times around the joints."""
    low, high = world.pixels.min(1), world.pixels.max(1)
    return (low + high) / 2, 1.2 * (high - low).max(1)


def camera_frame(world: World) -> dict[str, Array]:
    """pose_cam (N, 72) and translation (N, 3) that put the same joints into the camera frame, by their definition."""
    root = Rotation.from_matrix(world.extrinsics[:, :3, :3]) * Rotation.from_rotvec(world.pose[:, :3])
    pose = np.concatenate([root.as_rotvec(), world.pose[:, 3:]], 1)
    with torch.no_grad():
        given = [torch.from_numpy(value).float() for value in (world.betas, pose)]
        still = BODIES[world.gender].joints(*given, torch.zeros(len(pose), 3)).double().numpy()
    return {"pose": pose, "transl": world.joints_cam[:, 0] - still[:, 0]}


def write_bedlam(root: Path, closeup: bool) -> tuple[Path, Path, World]:
    world = make_world(3, (720, 1280) if closeup else (1280, 720))
    labels = root / ("20221011_1_closeup_6fps.npz" if closeup else "20221010_3_hdri_6fps.npz")
    names = [f"seq_000000/seq_000000_{row:04d}.png" for row in range(3)]
    for row, name in enumerate(names):
        image = picture(world, row)
        stored = cv2.rotate(image, cv2.ROTATE_90_COUNTERCLOCKWISE) if closeup else image
        save_picture(root / "images" / name, stored)
    known, (centre, side) = camera_frame(world), box(world)
    extrinsics = np.tile(np.eye(4), (3, 1, 1))
    extrinsics[:, :3, 3] = np.random.default_rng(5).normal(0.0, 1.0, (3, 3))
    np.savez(
        labels,
        imgname=np.array(names),
        center=centre,
        scale=side / 200.0,
        pose_cam=known["pose"],
        pose_world=world.pose,
        shape=world.betas,
        trans_cam=known["transl"] - extrinsics[:, :3, 3],
        cam_int=np.tile(world.intrinsics, (3, 1, 1)),
        cam_ext=extrinsics,
        gtkps=world.pixels,
        gender=np.array(["neutral"] * 3),
        sub=np.array(["rp_a"] * 3),
        motion_info=np.array(["walk"] * 3),
    )
    return labels, root / "images", world


def keypoints_44(world: World) -> Array:
    """(N, 44, 3): joints of the body where the set's names match, from the second half of the set for knees."""
    points = np.zeros((len(world.pixels), 44, 3))
    for k, name in enumerate(BODY_44):
        if name in JOINT_NAMES and ("knee" not in name or k >= 25):
            points[:, k, :2], points[:, k, 2] = world.pixels[:, JOINT_NAMES.index(name)], 0.5 if k < 25 else 0.9
    return points


def write_camerahmr(root: Path, pose_field: str = "pose_cam") -> tuple[Path, Path, World]:
    world = make_world(2, (640, 480))
    names = ["train2014/a.jpg", "train2014/b.jpg"]
    for row, name in enumerate(names):
        save_picture(root / name, picture(world, row))
    centre, side = box(world)
    fields = {pose_field: camera_frame(world)["pose"]}
    np.savez(
        root / "coco-release.npz",
        imgname=np.array(names),
        center=centre,
        scale=side / 200.0,
        shape=world.betas,
        cam_int=np.tile(world.intrinsics, (2, 1, 1)),
        gtkps=keypoints_44(world),
        **fields,
    )
    return root / "coco-release.npz", root, world


def write_4dhumans(root: Path) -> tuple[Path, Path, World]:
    world = make_world(2, (640, 480))
    names = ["images/a.jpg", "images/b.jpg"]
    for row, name in enumerate(names):
        save_picture(root / name, picture(world, row))
    centre, side = box(world)
    points = keypoints_44(world)
    np.savez(
        root / "mpii_train.npz",
        imgname=np.array(names),
        center=centre,
        scale=np.stack([side * 0.5, side], 1),
        body_pose=camera_frame(world)["pose"],
        has_body_pose=np.array([1.0, 0.0]),
        betas=world.betas,
        has_betas=np.array([1.0, 0.0]),
        body_keypoints_2d=points[:, :25],
        extra_keypoints_2d=points[:, 25:],
    )
    return root / "mpii_train.npz", root, world


def write_pickle(path: Path, content: object) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(pickle.dumps(content, protocol=2))


def write_3dpw(root: Path) -> tuple[str, list[World], Array]:
    """Two actors, four frames, the third of which has no valid camera."""
    shared = make_world(4, (1080, 1920), "male", seed=1)
    other = make_world(4, (1080, 1920), "female", seed=2)
    inverse = np.linalg.inv(shared.extrinsics)  # put the second actor before the same cameras
    moved = np.einsum("nij,njk->nik", inverse, other.extrinsics)
    root_turn = Rotation.from_matrix(moved[:, :3, :3]) * Rotation.from_rotvec(other.pose[:, :3])
    pose = np.concatenate([root_turn.as_rotvec(), other.pose[:, 3:]], 1)
    joints = np.einsum("nij,nkj->nki", moved[:, :3, :3], other.joints_world) + moved[:, None, :3, 3]
    with torch.no_grad():
        given = [torch.from_numpy(value).float() for value in (other.betas, pose)]
        still = BODIES["female"].joints(*given, torch.zeros(4, 3)).double().numpy()
    second = World(
        pose,
        other.betas,
        joints[:, 0] - still[:, 0],
        shared.extrinsics,
        shared.intrinsics,
        shared.size,
        "female",
        joints,
        other.joints_cam,
        other.pixels,
    )
    actors, sequence = one_shape([shared, second]), "downtown_walk_00"
    valid = np.array([1, 1, 0, 1])
    for frame in range(4):
        save_picture(root / "imageFiles" / sequence / f"image_{frame:05d}.jpg", picture(actors[0], frame))
    write_pickle(
        root / "sequenceFiles" / "test" / f"{sequence}.pkl",
        {
            "sequence": sequence,
            "poses": [actor.pose for actor in actors],
            "trans": [actor.transl for actor in actors],
            "betas": [np.append(actor.betas[0], np.zeros(290)) for actor in actors],
            "genders": ["m", "f"],
            "jointPositions": [actor.joints_world.reshape(4, 72) for actor in actors],
            "poses2d": [np.zeros((4, 3, 18)) for _ in actors],
            "campose_valid": [valid, valid],
            "cam_poses": shared.extrinsics,
            "cam_intrinsics": shared.intrinsics,
            "img_frame_ids": np.arange(4) * 2,
        },
    )
    return sequence, actors, np.flatnonzero(valid)


def one_shape(actors: list[World]) -> list[World]:
    """The same actors with the first frame's betas throughout, their roots where they were."""
    changed = []
    for actor in actors:
        betas = np.tile(actor.betas[:1], (len(actor.betas), 1))
        with torch.no_grad():
            given = [torch.from_numpy(value).float() for value in (betas, actor.pose)]
            still = BODIES[actor.gender].joints(*given, torch.zeros(len(betas), 3)).double().numpy()
        transl = actor.joints_world[:, 0] - still[:, 0]
        world = still + transl[:, None]
        camera = np.einsum("nij,nkj->nki", actor.extrinsics[:, :3, :3], world) + actor.extrinsics[:, None, :3, 3]
        projected = camera @ actor.intrinsics.T
        changed.append(
            World(
                actor.pose,
                betas,
                transl,
                actor.extrinsics,
                actor.intrinsics,
                actor.size,
                actor.gender,
                world,
                camera,
                projected[..., :2] / projected[..., 2:],
            )
        )
    return changed


def write_emdb(root: Path, part: str = "emdb1", frames: int = 5) -> tuple[Path, World, Array]:
    """Some frames: the second is not good, the fourth has no valid box."""
    world = one_shape([make_world(frames, (720, 960), "female", seed=3)])[0]
    good = np.arange(frames) != 1
    sequence = root / "P0" / "09_outdoor_walk"
    for frame in range(frames):
        save_picture(sequence / "images" / f"{frame:05d}.jpg", picture(world, frame))
    low, high = world.pixels.min(1), world.pixels.max(1)
    content = {
        "gender": "female",
        "name": "P0_09_outdoor_walk",
        "emdb1": part == "emdb1",
        "emdb2": part == "emdb2",
        "n_frames": frames,
        "good_frames_mask": good,
        "camera": {"intrinsics": world.intrinsics, "extrinsics": world.extrinsics, "width": 720, "height": 960},
        "smpl": {
            "poses_root": world.pose[:, :3],
            "poses_body": world.pose[:, 3:],
            "trans": world.transl,
            "betas": world.betas[0],
        },
        "kp2d": world.pixels,
        "bboxes": {"bboxes": np.concatenate([low, high], 1), "invalid_idxs": np.array([3])},
    }
    write_pickle(sequence / "P0_09_outdoor_walk_data.pkl", content)
    return sequence, world, np.flatnonzero(good & (np.arange(frames) != 3))


def smplx_parameters(world: World, row: int, transl: Array, pose: Array) -> dict[str, Any]:
    return {
        "transl": transl[row : row + 1].astype(np.float32),
        "global_orient": pose[row : row + 1, :3].astype(np.float32),
        "body_pose": pose[row : row + 1, 3:66].astype(np.float32),
        "betas": world.betas[row : row + 1].astype(np.float32),
        "left_hand_pose": np.zeros((1, 12), np.float32),
        "jaw_pose": np.zeros((1, 3), np.float32),
        "expression": np.zeros((1, 10), np.float32),
    }


def flat_hands(world: World) -> World:
    """The same people with joints 22 and 23 unposed, as SMPL-X has no such joints."""
    world.pose[:, 66:] = 0.0
    return world


def write_rich(root: Path) -> tuple[World, tuple[Array, Array]]:
    """Two frames of one subject in one camera with a distorted lens; returns its extrinsics and lens too."""
    world = flat_hands(make_world(1, (800, 600), "male", seed=4))
    lens = np.array([-0.12, 0.03, 0.001, -0.002, 0.0])
    sequence, scene = "Pavallion_003_sidebalancerun", "Pavallion"
    extrinsics = world.extrinsics[0]
    for frame in ("00012",):
        write_pickle(
            root / "bodies" / "test" / sequence / frame / "003.pkl",
            smplx_parameters(world, 0, world.transl, world.pose),
        )
        save_picture(root / "images" / "test" / sequence / "cam_02" / f"{frame}_02.jpeg", picture(world, 0))
    write_rich_camera(root / "scan_calibration" / scene / "calibration" / "002.xml", world, lens)
    return world, (extrinsics, lens)


def write_rich_camera(path: Path, world: World, lens: Array) -> None:
    """The camera of the world's first row."""

    def matrix(name: str, values: Array, rows: int, columns: int) -> str:
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
            write_pickle(fit, smplx_parameters(world, row, world.transl, world.pose))
            name = f"{row + 20:05d}_02.jpeg"
            save_picture(root / "images" / "test" / sequence / "cam_02" / name, picture(world, row))
    lens = np.array([-0.05, 0.01, 0.0, 0.0, 0.0])
    write_rich_camera(root / "scan_calibration" / "LectureHall" / "calibration" / "002.xml", people[0], lens)
    (root / "gender.json").write_text('{"3": "male", "18": "female"}')
    return f"{sequence}_cam_02", people


RICH_CAST = {"003": ("male", 4), "018": ("female", 5)}


def still_camera(world: World, seed: int) -> World:
    """The same people in a world in which their camera, so far its origin, stands anywhere, and still."""
    turn = Rotation.random(random_state=seed)
    place = np.array([0.5, -1.0, 2.0])
    pose = world.pose.copy()
    pose[:, :3] = (turn.inv() * Rotation.from_rotvec(pose[:, :3])).as_rotvec()
    joints = (world.joints_cam - place) @ turn.as_matrix()
    extrinsics = np.tile(np.eye(4), (len(pose), 1, 1))
    extrinsics[:, :3, :3], extrinsics[:, :3, 3] = turn.as_matrix(), place
    transl = joints[:, 0] - (world.joints_world[:, 0] - world.transl)  # less the rest pelvis
    return replace(world, pose=pose, transl=transl, extrinsics=extrinsics, joints_world=joints)


def write_prox(root: Path) -> tuple[str, World, dict[str, Array]]:
    """One frame with its depth: a tilted plane before the infrared camera; stored mirrored, as PROX stores it."""
    world = flat_hands(make_world(1, (1920, 1080), "female", moving=False, seed=6))
    recording, frame = "N3OpenArea_00162_01", "s001_frame_00001__00.00.00.029"
    write_pickle(
        root / "PROXD" / recording / "results" / frame / "000.pkl",
        smplx_parameters(world, 0, world.transl, world.pose),
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


def points_named(world: World, names: tuple[str, ...], hidden: float, seen: float) -> Array:
    """(N, K, 3): the joints that `names` shares with the body, marked `seen`, the second one `hidden`; others zero."""
    points = np.zeros((len(world.pixels), len(names), 3))
    for k, name in enumerate(names):
        if name in JOINT_NAMES:
            points[:, k, :2], points[:, k, 2] = world.pixels[:, JOINT_NAMES.index(name)], hidden if k == 1 else seen
    return points


def write_coco(root: Path) -> tuple[Path, Path, World]:
    """Two people in one picture, a crowd, and somebody without key points."""
    world = make_world(2, (640, 480))
    save_picture(root / "train2017" / "000000000139.jpg", picture(world, 0))
    points = points_named(world, COCO_17, hidden=1, seen=2)
    low, high = world.pixels.min(1), world.pixels.max(1)
    people = [
        {
            "id": 10 + row,
            "image_id": 139,
            "category_id": 1,
            "iscrowd": 0,
            "num_keypoints": int((points[row, :, 2] > 0).sum()),
            "keypoints": points[row].ravel().tolist(),
            "bbox": [*low[row].tolist(), *(high - low)[row].tolist()],
        }
        for row in range(2)
    ]
    nobody = {**people[0], "id": 12, "num_keypoints": 0, "keypoints": [0] * 51}
    crowd = {**people[0], "id": 13, "iscrowd": 1}
    images = [{"id": 139, "file_name": "000000000139.jpg", "width": 640, "height": 480}]
    labels = root / "person_keypoints_train2017.json"
    labels.write_text(json.dumps({"images": images, "annotations": [*people, nobody, crowd], "categories": []}))
    return labels, root / "train2017", world


def write_aic(root: Path) -> tuple[Path, Path, World]:
    world = make_world(2, (640, 480))
    save_picture(root / "images" / "0123abcd.jpg", picture(world, 0))
    points = points_named(world, AIC_14, hidden=2, seen=1)
    points[points[..., 2] == 0, 2] = 3  # not labelled
    low, high = world.pixels.min(1), world.pixels.max(1)
    entry = {
        "image_id": "0123abcd",
        "human_annotations": {f"human{n + 1}": np.concatenate([low, high], 1)[n].tolist() for n in range(2)},
        "keypoint_annotations": {f"human{n + 1}": points[n].ravel().tolist() for n in range(2)},
    }
    labels = root / "keypoint_train_annotations_20170909.json"
    labels.write_text(json.dumps([entry]))
    return labels, root / "images", world


def write_mpii(root: Path) -> tuple[Path, Path, World]:
    """MATLAB structs as MPII nests them: two people in the first picture, a test picture, one without joints."""
    world = make_world(2, (640, 480))
    save_picture(root / "images" / "015601864.jpg", picture(world, 0))
    points, (centre, side) = points_named(world, MPII_16, hidden=1, seen=1), box(world)

    def person(row: int) -> dict[str, Any]:
        marked = [
            {"x": u + 1, "y": v + 1, "id": k, "is_visible": k % 2} for k, (u, v, c) in enumerate(points[row]) if c
        ]
        place = {"x": centre[row, 0] + 1, "y": centre[row, 1] + 1}
        return {"x1": 1, "scale": side[row] / 250, "objpos": place, "annopoints": {"point": matlab_array(marked)}}

    unmarked = {"x1": 1, "scale": 1.0, "objpos": {"x": 5, "y": 5}, "annopoints": np.zeros((0, 0))}
    name = {"name": "015601864.jpg"}
    annolist = [
        {"image": name, "annorect": matlab_array([person(0), unmarked, person(1)])},
        {"image": {"name": "test.jpg"}, "annorect": matlab_array([person(0)])},
        {"image": {"name": "empty.jpg"}, "annorect": np.zeros((0, 0))},
    ]
    labels = root / "mpii_human_pose_v1_u12_1.mat"
    savemat(labels, {"RELEASE": {"annolist": matlab_array(annolist), "img_train": np.array([1, 0, 1])}})
    return labels, root / "images", world


def matlab_array(structs: list[dict[str, Any]]) -> Array:
    """A 1 x N struct array."""
    array = np.zeros((1, len(structs)), [(name, object) for name in structs[0]])
    for n, struct in enumerate(structs):
        array[0, n] = tuple(struct.values())
    return array


def add_to_tar(tar: tarfile.TarFile, name: str, content: bytes) -> None:
    member = tarfile.TarInfo(name)
    member.size = len(content)
    tar.addfile(member, io.BytesIO(content))


def jpeg(image: Array) -> bytes:
    return bytes(cv2.imencode(".jpg", image, PIXELS)[1])


def write_4dhumans_tar(root: Path) -> tuple[Path, World]:
    """One picture with two people, and the detector's masks beside it."""
    world = make_world(2, (640, 480))
    known, (centre, side), points = camera_frame(world), box(world), keypoints_44(world)
    people = [
        {
            "keypoints_2d": points[row],
            "keypoints_3d": np.zeros((44, 4)),
            "center": centre[row],
            "scale": np.array([side[row] * 0.5, side[row]]) / 200,
            "body_pose": known["pose"][row],
            "betas": world.betas[row],
            "has_body_pose": np.float64(row == 0),
            "has_betas": np.float64(row == 0),
            "extra_info": {"detection_npz_idx": row},
        }
        for row in range(2)
    ]
    with tarfile.open(root / "000000.tar", "w") as tar:
        add_to_tar(tar, "coco/000000000139.jpg", jpeg(picture(world, 0)))
        add_to_tar(tar, "coco/000000000139.data.pyd", pickle.dumps(people, protocol=2))
        add_to_tar(tar, "coco/000000000139.detection.npz", b"not read")
    return root / "000000.tar", world


def write_open(path: Path, count: int = 4, seed: int = 7, aside: float = 0.2) -> Path:
    """An open shard: one picture a person, the last sample without its picture. Truth of the light open body.

    People stand `aside` metres (standard deviation) from the middle of the picture, 4 m away.
    """
    size = (320, 240)
    body, rng = load_body("open_light"), np.random.default_rng(seed)
    focal = 0.9 * size[0]
    intrinsics = np.array([[focal, 0, size[0] / 2], [0, focal, size[1] / 2], [0, 0, 1.0]])
    with tarfile.open(path, "w") as tar:
        for n in range(count):
            pose = rng.normal(0, 0.2, 72)
            pose[:3] = [np.pi, 0, 0]
            truth = {
                "pose": pose,
                "betas": rng.normal(0, 0.7, 10),
                "transl": rng.normal(0, [aside, aside, 0.2]) + np.array([0, 0, 4.0]),
            }
            rows = {name: value[None].astype(np.float32) for name, value in truth.items()}
            with torch.no_grad():
                joints = body.joints(*(torch.from_numpy(rows[name]) for name in ("betas", "pose", "transl"))).numpy()
            content = io.BytesIO()
            np.savez(content, **rows, joints_cam=joints, intrinsics=intrinsics, image_size=np.array(size))
            add_to_tar(tar, f"{n:05d}.npz", content.getvalue())
            if n < count - 1 or count == 1:
                pixels = joints[0] @ intrinsics.T
                add_to_tar(tar, f"{n:05d}.jpg", jpeg(stick_figure(pixels[:, :2] / pixels[:, 2:], size)))
    return path


def stick_figure(pixels: Array, size: tuple[int, int]) -> Array:
    """Limbs as lines of their own colours, so that there is something to see."""
    image = np.full((size[1], size[0], 3), 90, np.uint8)
    for joint, parent in enumerate(PARENTS):
        if parent >= 0:
            ends = [tuple(np.rint(pixels[j]).astype(int).tolist()) for j in (joint, parent)]
            cv2.line(image, *ends, (10 * joint, 255 - 10 * joint, 120), 3)
    return image
