"""COCO keypoints against a projection of their own, and BEDLAM's layout through the trainer's reader."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from benchmarks.conversion.moving_people import (
    SIZE,
    K,
    MovingPerson,
    forward,
    moving_person,
    write_annotations,
    write_replay,
)
from metrichmsr_ros.body.joints import LANDMARK_NAMES
from metrichmsr_ros.body.open_tables import OpenTables
from metrichmsr_ros.conversion.convert import convert
from metrichmsr_ros.conversion.options import ConvertOptions
from metrichmsr_ros.conversion.recording import ConvertError
from metrichmsr_ros.data.formats.annotations.manifest import InputEntry, Manifest
from metrichmsr_ros.data.formats.annotations.shard_writer import shard_name

TABLES = OpenTables.load("open_light")
CAMERA = ConvertOptions(
    image_names="{source}-{frame:04d}.jpg", intrinsics=(K[0, 0], K[1, 1], K[0, 2], K[1, 2]), image_size=SIZE
)
SOURCES = "left", "right", "more/000.jpg"
COCO_NAMES = [
    "nose",
    "left_eye",
    "right_eye",
    "left_ear",
    "right_ear",
    "left_shoulder",
    "right_shoulder",
    "left_elbow",
    "right_elbow",
    "left_wrist",
    "right_wrist",
    "left_hip",
    "right_hip",
    "left_knee",
    "right_knee",
    "left_ankle",
    "right_ankle",
]


@pytest.fixture(scope="module")
def walker() -> MovingPerson:
    return moving_person("p1", range(2, 12), 3)


def landmarks_of(person: MovingPerson, row: int) -> np.ndarray:
    """(33, 2) px: the body's landmarks from its posed vertices, projected by OpenCV."""
    vertices = forward(TABLES, person.betas[row], person.pose[row], person.transl[row])[1]
    return cv2.projectPoints(TABLES.landmark_regressor @ vertices, np.zeros(3), np.zeros(3), K, None)[0][:, 0]


def coco_of(folder: Path) -> dict:
    return json.loads((folder / "annotations.json").read_text())


def test_without_landmarks_coco_keypoints_are_those_of_the_body(walker: MovingPerson, tmp_path: Path) -> None:
    convert(write_replay(tmp_path / "in", [walker], 20), "coco", tmp_path / "out", CAMERA)
    coco = coco_of(tmp_path / "out")
    assert coco["categories"][0]["keypoints"] == COCO_NAMES
    assert [image["file_name"] for image in coco["images"]] == [f"walk.mcap-{index:04d}.jpg" for index in range(20)]
    assert len(coco["annotations"]) == 10
    names = [LANDMARK_NAMES.index(name) for name in COCO_NAMES]
    of_image = {image["id"]: image for image in coco["images"]}
    seen = 0
    for row, person in enumerate(coco["annotations"]):
        assert of_image[person["image_id"]]["frame"] == walker.frame[row]
        assert person["keypoints_from"] == "projected landmarks of the body"
        assert person["bbox"] == [500, 100, 200, 500]
        points = np.array(person["keypoints"]).reshape(17, 3)
        expected = landmarks_of(walker, row)[names]
        inside = ((expected >= -0.5) & (expected <= np.array(SIZE) - 0.5)).all(1)
        assert (points[:, 2] == np.where(inside, 2, 0)).all()
        assert np.abs(points[inside, :2] - expected[inside]).max() < 0.01
        assert person["num_keypoints"] == inside.sum()
        seen += int(inside.sum())
    assert seen > 100


def test_the_networks_landmarks_come_first_with_their_visibility(walker: MovingPerson, tmp_path: Path) -> None:
    pytest.importorskip("pyarrow", reason="annotation folders are Parquet")
    marks = np.stack([np.arange(33) * 10.0, np.arange(33) * 5.0 + 100, np.linspace(0, 1, 33)], 1)
    marks[LANDMARK_NAMES.index("left_ankle")] = (-50, 900, 0.9)
    source = write_annotations(tmp_path / "in", [walker], 20, landmarks=marks)
    convert(source, "coco", tmp_path / "out")
    coco = coco_of(tmp_path / "out")
    person = coco["annotations"][0]
    assert person["keypoints_from"] == "landmarks"
    assert coco["images"][3]["file_name"] == "images/000003.jpg"
    expected = marks[[LANDMARK_NAMES.index(name) for name in COCO_NAMES]].astype(np.float32)
    points = np.array(person["keypoints"]).reshape(17, 3)
    assert points[15].tolist() == [0, 0, 0]
    rest = np.arange(17) != 15
    assert np.abs(points[rest, :2] - expected[rest, :2]).max() < 1e-3
    assert (points[rest, 2] == np.where(expected[rest, 2] >= 0.5, 2, 1)).all()


def test_predicted_people_are_hidden_in_coco_and_absent_in_bedlam(walker: MovingPerson, tmp_path: Path) -> None:
    person = replace(walker, occluded=np.arange(10) >= 6)
    source = write_replay(tmp_path / "in", [person], 20)
    convert(source, "coco", tmp_path / "coco", CAMERA)
    marks = [np.array(p["keypoints"]).reshape(17, 3)[:, 2] for p in coco_of(tmp_path / "coco")["annotations"]]
    assert set(np.concatenate(marks[6:])) <= {0, 1}
    written = convert(source, "bedlam", tmp_path / "bedlam", CAMERA)
    assert (written[0].rows, written[0].left_out) == (6, 4)


def test_smpl_has_twelve_coco_keypoints(walker: MovingPerson, tmp_path: Path) -> None:
    convert(write_replay(tmp_path / "in", [walker], 20, body="smpl:/x.npz"), "coco", tmp_path / "out", CAMERA)
    person = coco_of(tmp_path / "out")["annotations"][0]
    points = np.array(person["keypoints"]).reshape(17, 3)
    assert person["keypoints_from"] == "projected joints"
    assert (points[:5] == 0).all()
    expected = walker.joints[0, 20, :2] / walker.joints[0, 20, 2] * [K[0, 0], K[1, 1]] + K[:2, 2]  # left wrist
    assert np.abs(points[9, :2] - expected).max() < 0.01


def test_pycocotools_reads_and_scores_the_file(walker: MovingPerson, tmp_path: Path) -> None:
    """Scored against itself the file has an average precision of one."""
    coco = pytest.importorskip("pycocotools.coco", reason="pycocotools is not installed")
    scoring = pytest.importorskip("pycocotools.cocoeval", reason="pycocotools is not installed")
    convert(write_replay(tmp_path / "in", [walker], 20), "coco", tmp_path / "out", CAMERA)
    truth = coco.COCO(str(tmp_path / "out/annotations.json"))
    assert len(truth.getImgIds()) == 20
    people = truth.loadAnns(truth.getAnnIds())
    found = [{name: p[name] for name in ("image_id", "category_id", "keypoints", "score")} for p in people]
    score = scoring.COCOeval(truth, truth.loadRes(found), "keypoints")
    score.evaluate()
    score.accumulate()
    score.summarize()
    assert score.stats[0] == pytest.approx(1.0)


def test_pictures_of_one_name_in_two_sources_are_named_with_their_source(walker: MovingPerson, tmp_path: Path) -> None:
    pytest.importorskip("pyarrow")
    folder = write_annotations(tmp_path / "in", [walker], 12, "left", image="{:03d}.jpg")
    write_annotations(folder, [walker], 12, "right", image="{:03d}.jpg")
    write_annotations(folder, [], 1, "more/000.jpg", image="000.jpg")  # a photograph that is its own source
    parts = [InputEntry(name, "photographs", name, "done", "", (shard_name(name),)) for name in SOURCES]
    replace(Manifest.read(folder), inputs=tuple(parts)).write(folder)
    convert(folder, "coco", tmp_path / "out")
    images = coco_of(tmp_path / "out")["images"]
    assert images[0]["file_name"] == "left/000.jpg"
    assert images[12]["file_name"] == "right/000.jpg"
    assert images[24]["file_name"] == "more/000.jpg"
    assert len({image["file_name"] for image in images}) == 25
    write_annotations(folder, [walker], 12, "clip.mp4", image=None)
    clip = InputEntry("clip.mp4", "video", "clip.mp4", "done", "", (shard_name("clip.mp4"),))
    replace(Manifest.read(folder), inputs=(*parts, clip)).write(folder)
    convert(folder, "coco", tmp_path / "with clip", ConvertOptions(image_names="{source}-{frame}.jpg"))
    names = [image["file_name"] for image in coco_of(tmp_path / "with clip")["images"]]
    assert [names[0], names[-1]] == ["left/000.jpg", "clip.mp4-11.jpg"]
    convert(folder, "coco", tmp_path / "one", ConvertOptions(source=("left",)))
    assert coco_of(tmp_path / "one")["images"][0]["file_name"] == "000.jpg"


def test_pictures_of_one_name_in_one_source_are_refused(walker: MovingPerson, tmp_path: Path) -> None:
    pytest.importorskip("pyarrow")
    folder = write_annotations(tmp_path / "in", [walker], 12, image="same.jpg")
    with pytest.raises(ConvertError, match=r"two frames have the picture 'walk\.mp4/same\.jpg'"):
        convert(folder, "coco", tmp_path / "out")


def test_people_without_a_camera_need_one(walker: MovingPerson, tmp_path: Path) -> None:
    source = write_replay(tmp_path / "in", [walker], 20)
    with pytest.raises(ConvertError, match="image-names"):
        convert(source, "coco", tmp_path / "out")
    with pytest.raises(ConvertError, match=r"person 'p1', frame 2 .*--intrinsics"):
        convert(source, "bedlam", tmp_path / "out", replace(CAMERA, intrinsics=None))
    with pytest.raises(ConvertError, match="labels are those of pictures"):
        convert(source, "coco", tmp_path / "out", replace(CAMERA, frame="world"))
    with pytest.raises(ConvertError, match="image-names"):
        convert(source, "coco", tmp_path / "out", replace(CAMERA, image_names="{number}.jpg"))
