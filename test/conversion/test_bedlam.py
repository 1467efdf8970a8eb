"""BEDLAM's layout through the reader that the trainer uses."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from benchmarks.conversion.moving_people import K, MovingPerson, moving_person, write_replay
from metrichmsr_ros.body.load import load_body
from metrichmsr_ros.conversion.convert import convert
from metrichmsr_ros.conversion.options import ConvertOptions
from metrichmsr_ros.conversion.recording import ConvertError
from metrichmsr_ros.data.crop_dataset import PeopleCrops
from metrichmsr_ros.data.formats.labels import LabelError
from metrichmsr_ros.data.formats.smpl_npz import read_bedlam
from metrichmsr_ros.data.image_sets import ImageSet, LabelBodies, read_image_set
from metrichmsr_ros.io.images import write_image

CAMERA = ConvertOptions(
    image_names="{frame:04d}.jpg", intrinsics=(K[0, 0], K[1, 1], K[0, 2], K[1, 2]), image_size=(1280, 720)
)


@pytest.fixture(scope="module")
def walker() -> MovingPerson:
    return moving_person("p1", range(2, 12), 3)


@pytest.fixture
def labels(walker: MovingPerson, tmp_path: Path) -> Path:
    convert(write_replay(tmp_path / "in", [walker], 20), "bedlam", tmp_path / "out", CAMERA)
    return tmp_path / "out/walk.mcap.npz"


def test_the_trainers_reader_gives_every_number_back(labels: Path, walker: MovingPerson) -> None:
    table = read_bedlam(labels, Path("pictures"))
    assert (table.body, len(table)) == ("open", 10)
    assert table.image == [Path(f"pictures/{frame:04d}.jpg") for frame in walker.frame]
    assert np.array_equal(table.pose, walker.pose)
    assert np.array_equal(table.betas, walker.betas)
    assert np.abs(table.transl - walker.transl).max() < 1e-6
    assert np.abs(table.intrinsics - K).max() == 0
    assert table.has_pose.all()
    pixels = walker.joints @ K.T
    pixels = pixels[..., :2] / pixels[..., 2:]
    inside = ((pixels >= -0.5) & (pixels <= [1279.5, 719.5])).all(2)
    assert (table.joints_2d[..., 2] == inside).all()
    assert np.abs(table.joints_2d[..., :2] - pixels)[inside].max() < 0.01
    centre, side = (table.bbox[:, :2] + table.bbox[:, 2:]) / 2, table.bbox[:, 2] - table.bbox[:, 0]
    assert np.allclose(centre, [600, 350])
    assert np.allclose(side, 500)


def test_a_set_of_the_open_body_trains_without_smpl_and_never_as_smpl(labels: Path) -> None:
    of = ImageSet(kind="bedlam", path=str(labels), images=str(labels.parent))
    (table,) = read_image_set(of, LabelBodies("open_light", {}, {}))
    assert table.body == "open"
    assert (table.pelvis == 0).all()
    with pytest.raises(LabelError, match="betas are the open body's"):
        read_image_set(of, LabelBodies("smpl:/x.npz", {}, {}))


def test_a_sample_of_the_trainer_has_the_persons_joints_and_shape(
    labels: Path, walker: MovingPerson, tmp_path: Path
) -> None:
    for frame in walker.frame:
        write_image(tmp_path / f"{frame:04d}.jpg", np.zeros((720, 1280, 3), np.uint8))
    crops = PeopleCrops(read_bedlam(labels, tmp_path), load_body("open_light"), (64, 64))
    for row in range(len(walker.frame)):
        _, truth = crops[row]
        assert np.abs(truth.joints_cam[0].numpy() - walker.joints[row]).max() < 1e-4
        assert np.abs(truth.betas[0].numpy() - walker.betas[row]).max() < 1e-6
        assert all(bool(mask) for mask in (truth.has_betas, truth.has_transl, truth.has_joints_cam))


def test_labels_of_two_bodies_are_refused(labels: Path) -> None:
    with np.load(labels) as file:
        arrays = {name: file[name] for name in file.files}
    arrays["body_model"] = np.array(["open", "smpl"] * 5)
    np.savez(labels, **arrays)
    with pytest.raises(LabelError, match="body_model holds open, smpl"):
        read_bedlam(labels, Path("pictures"))


def test_a_file_must_say_its_body(walker: MovingPerson, tmp_path: Path) -> None:
    source = write_replay(tmp_path / "in", [walker], 20, body="")
    with pytest.raises(ConvertError, match="does not say which body"):
        convert(source, "bedlam", tmp_path / "out", CAMERA)
