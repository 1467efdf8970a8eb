"""Every reader against a small data set in its layout: the labelled body has its true position."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from helpers.layouts.bodies import BODIES
from helpers.layouts.files import write_pickle
from helpers.layouts.scenes import write_prox, write_rich
from helpers.layouts.smpl_npz import write_4dhumans, write_bedlam, write_camerahmr
from helpers.layouts.video_sequences import write_3dpw, write_emdb
from helpers.layouts.world import DOT, World

from metrichmsr_ros.body.joints import JOINT_NAMES
from metrichmsr_ros.data.formats.joint_maps import COMPARABLE
from metrichmsr_ros.data.formats.labels import LabelError, LabelTable, joints_of, read_image
from metrichmsr_ros.data.formats.scenes import prox_points, read_prox, read_prox_depth, read_rich
from metrichmsr_ros.data.formats.smpl_npz import read_4dhumans, read_bedlam, read_camerahmr
from metrichmsr_ros.data.formats.video_sequences import read_3dpw, read_emdb

JOINTS = joints_of(BODIES)


def labelled_joints(table: LabelTable, row: int) -> np.ndarray:
    label = table[row]
    given = [torch.from_numpy(np.asarray(value, np.float32))[None] for value in (label.betas, label.pose, label.transl)]
    with torch.no_grad():
        return BODIES[label.gender].joints(*given)[0].numpy()


def assert_stands_where_it_stands(table: LabelTable, world: World, rows: np.ndarray) -> None:
    assert len(table) == len(rows)
    for index, row in enumerate(rows):
        label = table[index]
        np.testing.assert_allclose(labelled_joints(table, index), world.joints_cam[row], atol=2e-5)
        np.testing.assert_allclose(label.intrinsics, world.intrinsics)
        x1, y1, x2, y2 = label.bbox
        assert (world.pixels[row] >= [x1 - 1, y1 - 1]).all()
        assert (world.pixels[row] <= [x2 + 1, y2 + 1]).all()
        assert label.has_pose
        assert label.has_transl


def assert_dot_on_the_root(table: LabelTable, world: World, index: int, row: int) -> None:
    image = read_image(table[index])
    assert image.shape == (world.size[1], world.size[0], 3)
    u, v = np.rint(world.pixels[row, 0]).astype(int)
    assert np.abs(image[v, u].astype(int) - DOT).max() < 12


@pytest.mark.parametrize("closeup", [False, True])
def test_bedlam(tmp_path: Path, closeup: bool) -> None:
    labels, images, world = write_bedlam(tmp_path, closeup)
    table = read_bedlam(labels, images, JOINTS)
    assert_stands_where_it_stands(table, world, np.arange(3))
    for row in range(3):
        assert_dot_on_the_root(table, world, row, row)
        np.testing.assert_allclose(table[row].joints_2d[:, :2], world.pixels[row], atol=1e-3)
    assert table[0].has_betas
    assert (table.turn == "clockwise") == closeup


@pytest.mark.parametrize("pose_field", ["pose_cam", "pose"])
def test_camerahmr(tmp_path: Path, pose_field: str) -> None:
    labels, images, world = write_camerahmr(tmp_path, pose_field)
    table = read_camerahmr(labels, images)
    assert not table.has_transl.any()
    assert table.has_betas.all()
    for row in range(2):
        placed = labelled_joints(table, row)
        expected = world.joints_cam[row] - world.joints_cam[row, 0]
        np.testing.assert_allclose(placed - placed[0], expected, atol=2e-5)
        assert_dot_on_the_root(table, world, row, row)
        assert_comparable_joints(table.joints_2d[row], world.pixels[row])


def assert_comparable_joints(joints_2d: np.ndarray, pixels: np.ndarray) -> None:
    for joint, name in enumerate(JOINT_NAMES):
        if name in COMPARABLE:
            np.testing.assert_allclose(joints_2d[joint, :2], pixels[joint], atol=1e-3)
            assert joints_2d[joint, 2] == pytest.approx(0.9)
        else:
            assert joints_2d[joint, 2] == 0


def test_4dhumans_has_no_camera(tmp_path: Path) -> None:
    labels, images, world = write_4dhumans(tmp_path)
    table = read_4dhumans(labels, images)
    assert np.isnan(table.intrinsics).all()
    assert table.has_pose.tolist() == [True, False]
    assert table.has_betas.tolist() == [True, False]
    assert_comparable_joints(table.joints_2d[1], world.pixels[1])
    centre = (world.pixels[0].min(0) + world.pixels[0].max(0)) / 2
    np.testing.assert_allclose((table.bbox[0, :2] + table.bbox[0, 2:]) / 2, centre, atol=1e-2)


def test_3dpw(tmp_path: Path) -> None:
    sequence, actors, valid = write_3dpw(tmp_path)
    tables = read_3dpw(tmp_path, sequence, JOINTS)
    assert [table.gender[0] for table in tables] == ["male", "female"]
    for table, world in zip(tables, actors, strict=True):
        assert_stands_where_it_stands(table, world, valid)
        np.testing.assert_allclose(table.joints_2d[..., :2], world.pixels[valid], atol=1e-2)
    assert tables[0].person[2].endswith("00003#0")
    assert_dot_on_the_root(tables[0], actors[0], 2, 3)


def test_plain_rotation_of_the_translation_would_be_wrong(tmp_path: Path) -> None:
    """Why the pelvis matters: R t + T has an error of centimetres on this data."""
    sequence, actors, valid = write_3dpw(tmp_path)
    table, world = read_3dpw(tmp_path, sequence, JOINTS)[0], actors[0]
    turn, shift = world.extrinsics[valid, :3, :3], world.extrinsics[valid, :3, 3]
    plain = np.einsum("nij,nj->ni", turn, world.transl[valid]) + shift
    assert np.linalg.norm(plain - table.transl, axis=1).min() > 0.02


def test_emdb(tmp_path: Path) -> None:
    sequence, world, good = write_emdb(tmp_path)
    table = read_emdb(sequence, JOINTS)
    assert_stands_where_it_stands(table, world, good)
    assert_dot_on_the_root(table, world, 1, int(good[1]))
    assert table.person[1] == "emdb/P0_09_outdoor_walk/00002"


def test_rich(tmp_path: Path) -> None:
    world, (extrinsics, lens) = write_rich(tmp_path)
    table = read_rich(tmp_path, "test", "Pavallion_003_sidebalancerun", 2, JOINTS, {"003": "male"})
    np.testing.assert_allclose(labelled_joints(table, 0), world.joints_cam[0], atol=2e-5)
    np.testing.assert_allclose(table.distortion[0], lens)
    rotation, _ = cv2.Rodrigues(extrinsics[:3, :3])
    seen, _ = cv2.projectPoints(world.joints_world[0], rotation, extrinsics[:3, 3], world.intrinsics, lens)
    np.testing.assert_allclose(table.joints_2d[0, :, :2], seen[:, 0], atol=0.05)
    assert (table.body, table[0].has_betas, table[0].has_transl) == ("smplx", False, True)
    assert table.image[0].is_file()


def test_prox(tmp_path: Path) -> None:
    recording, world, _ = write_prox(tmp_path)
    table = read_prox(tmp_path, recording, JOINTS)
    np.testing.assert_allclose(labelled_joints(table, 0), world.joints_cam[0], atol=2e-5)
    assert (table.turn, table.gender[0], table[0].has_betas) == ("mirrored", "female", False)
    assert_dot_on_the_root(table, world, 0, 0)


def test_prox_depth_is_metres_of_the_colour_camera(tmp_path: Path) -> None:
    _, _, truth = write_prox(tmp_path)
    depth = read_prox_depth(Path(str(truth["path"])))
    assert np.isnan(depth[:20]).all()
    np.testing.assert_allclose(depth[20:], truth["depth"][20:], atol=1e-4)
    points = prox_points(depth, tmp_path / "calibration")
    back = points @ truth["infrared_pose"][:3, :3].T + truth["infrared_pose"][:3, 3]
    pixels = back @ truth["infrared"].T
    rows, columns = np.nonzero(truth["depth"])
    np.testing.assert_allclose(pixels[:, :2] / pixels[:, 2:], np.stack([columns, rows], 1), atol=1e-3)
    np.testing.assert_allclose(back[:, 2], depth[rows, columns], atol=1e-6)


@pytest.mark.parametrize(
    ("write", "read"),
    [
        (lambda root: write_bedlam(root, False)[:2], lambda labels, images: read_bedlam(labels, images)),
        (lambda root: write_camerahmr(root)[:2], lambda labels, images: read_camerahmr(labels, images)),
        (lambda root: write_4dhumans(root)[:2], lambda labels, images: read_4dhumans(labels, images)),
    ],
)
def test_missing_files_and_fields_are_named(
    tmp_path: Path, write: Callable[[Path], tuple[Path, Path]], read: Callable[[Path, Path], LabelTable]
) -> None:
    labels, images = write(tmp_path)
    with pytest.raises(LabelError, match=r"none\.npz is missing"):
        read(labels.with_name("none.npz"), images)
    with np.load(labels) as file:
        content = {name: file[name] for name in file.files}
    np.savez(labels, **{name: value for name, value in content.items() if name != "center"})
    with pytest.raises(LabelError, match="missing: center"):
        read(labels, images)
    np.savez(labels, **{**content, "center": content["center"][:1]})
    with pytest.raises(LabelError, match="unequal length"):
        read(labels, images)


def test_missing_pieces_of_sequences_are_named(tmp_path: Path) -> None:
    with pytest.raises(LabelError, match="0 files found"):
        read_3dpw(tmp_path, "nothing", JOINTS)
    write_pickle(tmp_path / "P1" / "x" / "P1_x_data.pkl", {"gender": "male", "name": "x"})
    with pytest.raises(LabelError, match="missing: good_frames_mask, camera, smpl"):
        read_emdb(tmp_path / "P1" / "x", JOINTS)
    write_prox(tmp_path)
    (tmp_path / "calibration" / "Color.json").unlink()
    with pytest.raises(LabelError, match=r"Color\.json is missing"):
        read_prox(tmp_path, "N3OpenArea_00162_01", JOINTS)
    with pytest.raises(LabelError, match=r"002\.xml is missing"):
        read_rich(tmp_path, "test", "BBQ_001_guitar", 2, JOINTS, {})


def test_missing_bodies_and_images_are_named(tmp_path: Path) -> None:
    sequence, _, _ = write_3dpw(tmp_path)
    with pytest.raises(LabelError, match="gender 'male'; available: neutral"):
        read_3dpw(tmp_path, sequence, joints_of({"neutral": BODIES["neutral"]}))
    table = read_3dpw(tmp_path, sequence, JOINTS)[0]
    table.image[0].unlink()
    with pytest.raises(LabelError, match=r"3dpw/downtown_walk_00/00000#0: image .* missing"):
        read_image(table[0])


def test_rows_can_be_selected(tmp_path: Path) -> None:
    labels, images, _ = write_bedlam(tmp_path, False)
    table = read_bedlam(labels, images)
    picked = table.select([2, 0])
    assert picked.person == [table.person[2], table.person[0]]
    np.testing.assert_array_equal(picked.pose[1], table.pose[0])
