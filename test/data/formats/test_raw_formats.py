"""Key point sets in their original formats, and sets in tar files with images."""

from __future__ import annotations

import tarfile
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from helpers.layouts.bodies import BODIES
from helpers.layouts.files import add_to_tar
from helpers.layouts.keypoints import write_aic, write_coco, write_mpii
from helpers.layouts.scenes import write_prox, write_rich
from helpers.layouts.smpl_npz import write_bedlam
from helpers.layouts.video_sequences import write_3dpw, write_emdb
from helpers.layouts.webdataset import write_4dhumans_tar, write_open
from helpers.layouts.world import DOT, World

from metrichmsr_ros.body.joints import JOINT_NAMES
from metrichmsr_ros.body.load import load_body
from metrichmsr_ros.body.pickles import RefusedPickleError
from metrichmsr_ros.data.crop_dataset import PeopleCrops, truth_of
from metrichmsr_ros.data.formats.joint_maps import COMPARABLE
from metrichmsr_ros.data.formats.keypoints import read_aic, read_coco, read_mpii
from metrichmsr_ros.data.formats.labels import LabelError, LabelTable, read_image
from metrichmsr_ros.data.formats.webdataset import read_4dhumans_tar, read_open
from metrichmsr_ros.data.image_augment import ViewChange
from metrichmsr_ros.data.image_sets import ImageSet, LabelBodies, read_image_set
from metrichmsr_ros.hmr.network.losses import project

Writer = Callable[[Path], tuple[Path, Path, World]]


def read_of(write: Writer) -> Callable[[Path, Path], LabelTable]:
    return {write_coco: read_coco, write_aic: read_aic, write_mpii: read_mpii}[write]


@pytest.mark.parametrize("write", [write_coco, write_aic, write_mpii])
def test_key_point_sets(tmp_path: Path, write: Writer) -> None:
    labels, images, world = write(tmp_path)
    table = read_of(write)(labels, images)
    assert len(table) == 2
    assert np.isnan(table.intrinsics).all()
    assert not (table.has_pose | table.has_betas | table.has_transl).any()
    for row in range(2):
        for joint, name in enumerate(JOINT_NAMES):
            expected = [*world.pixels[row, joint], 1.0] if name in COMPARABLE else [0, 0, 0]
            np.testing.assert_allclose(table.joints_2d[row, joint], expected, atol=1e-3)
        middle = (table.bbox[row, :2] + table.bbox[row, 2:]) / 2
        np.testing.assert_allclose(middle, (world.pixels[row].min(0) + world.pixels[row].max(0)) / 2, atol=1e-2)
        assert (table.bbox[row, 2:] - table.bbox[row, :2]).max() >= np.ptp(world.pixels[row], axis=0).max() - 1e-2
    assert read_image(table[0]).shape == (480, 640, 3)
    assert len(set(table.person)) == 2


@pytest.mark.parametrize("write", [write_coco, write_aic, write_mpii])
def test_another_layout_is_refused(tmp_path: Path, write: Writer) -> None:
    labels, images, _ = write(tmp_path)
    with pytest.raises(LabelError, match="missing"):
        read_of(write)(labels.with_name("none"), images)
    other = tmp_path / "other"
    if write is write_mpii:
        from scipy.io import savemat

        savemat(other, {"annolist": 1}, appendmat=False)
    else:
        other.write_text('{"people": 3}')
    with pytest.raises(LabelError, match="is this"):
        read_of(write)(other, images)


def test_4dhumans_tars(tmp_path: Path) -> None:
    shard, world = write_4dhumans_tar(tmp_path)
    table = read_4dhumans_tar(shard)
    assert table.person == ["000000.tar/coco/000000000139#0", "000000.tar/coco/000000000139#1"]
    assert table.has_pose.tolist() == table.has_betas.tolist() == [True, False]
    assert np.isnan(table.intrinsics).all()
    for joint in (JOINT_NAMES.index(name) for name in COMPARABLE):
        np.testing.assert_allclose(table.joints_2d[1, joint, :2], world.pixels[1, joint], atol=1e-3)
    image = read_image(table[0])
    u, v = np.rint(world.pixels[0, 0]).astype(int)
    assert np.abs(image[v, u].astype(int) - DOT).max() < 12


def test_pickles_that_run_code_are_refused(tmp_path: Path) -> None:
    class Bad:
        def __reduce__(self):
            return print, ("run",)

    import pickle

    with tarfile.open(tmp_path / "bad.tar", "w") as tar:
        add_to_tar(tar, "a.jpg", b"")
        add_to_tar(tar, "a.data.pyd", pickle.dumps([Bad()]))
    with pytest.raises(RefusedPickleError, match="print"):
        read_4dhumans_tar(tmp_path / "bad.tar")


def test_the_open_set_projects_onto_its_pictures(tmp_path: Path) -> None:
    table = read_open(write_open(tmp_path / "train-0.tar"))
    assert len(table) == 3  # the fourth has no picture
    body = load_body("open_light")
    for row in range(3):
        truth = truth_of(table[row], ViewChange.identity(), body)
        assert truth.has_betas.item()
        seen = project(truth.joints_cam, np_tensor(table.intrinsics[row])[None])
        np.testing.assert_allclose(seen[0].numpy(), table.joints_2d[row, :, :2], atol=1e-2)
    inputs, truth = PeopleCrops(table, body, (96, 128))[1]
    assert inputs.image is not None
    u, v = project(truth.joints_cam[:, 4:5], inputs.crop_intrinsics)[0, 0].round().int().tolist()
    assert inputs.image[0, :, v, u].std() > 0.05  # a coloured limb, not the grey around it


def test_boxes_of_people_at_the_edge_lie_in_the_picture(tmp_path: Path) -> None:
    table = read_open(write_open(tmp_path / "s.tar", 12, seed=2, aside=1.2))
    outside = (table.joints_2d[..., :2] < 0).any((1, 2)) | (table.joints_2d[..., :2] > [319, 239]).any((1, 2))
    assert outside.any()
    middle = (table.bbox[:, :2] + table.bbox[:, 2:]) / 2
    half = (table.bbox[:, 2:] - table.bbox[:, :2]) / 2 / 1.2
    assert (middle - half >= -1e-3).all()
    assert (middle + half <= np.array([319, 239]) + 1e-3).all()


def np_tensor(values: np.ndarray):
    import torch

    return torch.from_numpy(np.asarray(values, np.float32))


def test_files_that_are_not_shards_are_named(tmp_path: Path) -> None:
    (tmp_path / "cut.tar").write_bytes(b"no tar" * 200)
    for read in (read_open, read_4dhumans_tar):
        with pytest.raises(LabelError, match=r"cut\.tar: not a readable tar"):
            read(tmp_path / "cut.tar")
        with pytest.raises(LabelError, match=r"none\.tar is missing"):
            read(tmp_path / "none.tar")
    with tarfile.open(tmp_path / "empty.tar", "w") as tar:
        add_to_tar(tar, "a.npz", b"")
    with pytest.raises(LabelError, match="no image with people"):
        read_open(tmp_path / "empty.tar")


class StandIn:
    """Replaces SMPL-X in a test by the joints of the set's own body."""

    def __init__(self, gender: str) -> None:
        self.body = BODIES[gender]

    def joints(self, betas: np.ndarray, pose: np.ndarray) -> np.ndarray:
        from metrichmsr_ros.data.formats.labels import joints_of

        return joints_of({"any": self.body})(betas, pose, "any")


SMPLX = {gender: StandIn(gender) for gender in ("male", "female")}
ALL = LabelBodies("smpl:mine", BODIES, SMPLX)  # type: ignore[arg-type]


def test_data_sets_are_read_by_kind_and_path(tmp_path: Path) -> None:
    for folder in ("bedlam", "3dpw", "emdb", "rich", "prox"):
        (tmp_path / folder).mkdir()
    labels, images, _ = write_bedlam(tmp_path / "bedlam", closeup=False)
    write_3dpw(tmp_path / "3dpw")
    write_emdb(tmp_path / "emdb")
    write_rich(tmp_path / "rich")
    write_prox(tmp_path / "prox")
    genders = tmp_path / "genders.json"
    genders.write_text('{"003": "male"}')
    root = str(tmp_path)
    sets = {
        ImageSet("bedlam", str(labels.parent / "*.npz"), str(images)): [3],
        ImageSet("3dpw", f"{root}/3dpw", split="test"): [3, 3],
        ImageSet("3dpw", f"{root}/3dpw", split="*", sequences="downtown*"): [3, 3],
        ImageSet("emdb", f"{root}/emdb"): [3],
        ImageSet("rich", f"{root}/rich", split="test", genders=str(genders)): [1],
        ImageSet("prox", f"{root}/prox"): [1],
    }
    for image_set, lengths in sets.items():
        assert [len(table) for table in read_image_set(image_set, ALL)] == lengths, image_set
    with pytest.raises(LabelError, match="no files match"):
        read_image_set(ImageSet("3dpw", f"{root}/3dpw", split="train"), ALL)
    with pytest.raises(LabelError, match="JSON of subject to gender"):
        read_image_set(ImageSet("rich", f"{root}/rich", split="test"), ALL)
    with pytest.raises(LabelError, match="smplx_female"):
        read_image_set(ImageSet("prox", f"{root}/prox"), LabelBodies("smpl:mine", BODIES, {}))


def test_data_sets_need_their_body_models(tmp_path: Path) -> None:
    write_3dpw(tmp_path)
    with pytest.raises(LabelError, match=r"bodies\.neutral"):
        read_image_set(ImageSet("3dpw", str(tmp_path)), LabelBodies("open_light", {}, {}))
    write_open(tmp_path / "a.tar")
    with pytest.raises(LabelError, match="the open body's"):
        read_image_set(ImageSet("open", str(tmp_path / "a.tar")), ALL)


def test_labels_of_other_bodies_give_joints_but_no_betas(tmp_path: Path) -> None:
    """3DPW's gendered bodies train a network of neutral SMPL on joints, not on betas."""
    write_3dpw(tmp_path)
    table = read_image_set(ImageSet("3dpw", str(tmp_path), split="test"), ALL)[0]
    truth = truth_of(table[0], ViewChange.identity(), BODIES["neutral"], BODIES)
    assert truth.has_pose.item()
    assert truth.has_joints_cam.item()
    assert truth.has_transl.item()
    assert not truth.has_betas.item()
    pixels = project(truth.joints_cam, np_tensor(table.intrinsics[0])[None])[0].numpy()
    np.testing.assert_allclose(pixels, table.joints_2d[0, :, :2], atol=0.02)
    own = truth_of(table[0], ViewChange.identity(), BODIES["male"], BODIES)
    assert own.has_betas.item()


def test_labels_of_smplx_give_pose_and_root(tmp_path: Path) -> None:
    _, world, _ = write_prox(tmp_path)
    table = read_image_set(ImageSet("prox", str(tmp_path)), ALL)[0]
    truth = truth_of(table[0], ViewChange.identity(), BODIES["neutral"], None)
    assert (truth.has_pose.item(), truth.has_transl.item()) == (True, True)
    assert (truth.has_betas.item(), truth.has_joints_cam.item()) == (False, False)
    np.testing.assert_allclose(truth.joints_cam[0, 0].numpy(), world.joints_cam[0, 0], atol=1e-4)


def test_people_without_a_box_are_left_out(tmp_path: Path) -> None:
    labels, images, _ = write_bedlam(tmp_path, closeup=False)
    with np.load(labels) as file:
        content = {name: file[name] for name in file.files}
    content["scale"][1] = 0.0
    np.savez(labels, **content)
    (table,) = read_image_set(ImageSet("bedlam", str(labels), str(images)), ALL)
    assert [name[-1] for name in table.person] == ["0", "2"]


def test_a_picture_in_a_tar_is_read_by_its_offset(tmp_path: Path) -> None:
    shard = write_open(tmp_path / "s.tar")
    with tarfile.open(shard) as tar:
        content = tar.extractfile("00001.jpg").read()  # type: ignore[union-attr]
    stored = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_COLOR)
    np.testing.assert_array_equal(read_image(read_open(shard)[1]), stored[..., ::-1])
