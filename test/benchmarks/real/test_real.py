"""The benchmark on real pictures: sets are read as they were written, people are matched one to one."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace

import cv2
import numpy as np
import pytest
from rosbags.rosbag1 import Writer
from rosbags.typesys import Stores, get_typestore

from benchmarks.real import pictures
from benchmarks.real.measures import Distance, Found, match, torso_depth
from benchmarks.real.pictures import ANNOTATION, FRAMINGS, PersonInView, Picture, PictureError, copies_of, read_pictures
from benchmarks.real.tables import print_people
from metrichmsr_ros.geometry.camera import Camera

SIZE = (480, 640)


def _write_bag(path: Path, image: np.ndarray, depth: np.ndarray, distortion: list[float]) -> None:
    store = get_typestore(Stores.ROS1_NOETIC)
    types = store.types
    head = types["std_msgs/msg/Header"](0, types["builtin_interfaces/msg/Time"](1, 0), "cam")
    k = np.array([500.0, 0, 319.5, 0, 500, 239.5, 0, 0, 1])
    roi = types["sensor_msgs/msg/RegionOfInterest"](0, 0, 0, 0, False)
    info = types["sensor_msgs/msg/CameraInfo"](
        head, *SIZE, "plumb_bob", np.array(distortion), k, np.eye(3).ravel(), np.zeros(12), 0, 0, roi
    )

    def picture(encoding: str, pixels: np.ndarray) -> object:
        return types["sensor_msgs/msg/Image"](head, *SIZE, encoding, 0, pixels.nbytes // 480, pixels.view(np.uint8))

    with Writer(path) as writer:
        for topic, message in (
            ("/info", info),
            ("/rgb", picture("rgb8", image.ravel())),
            ("/depth", picture("32FC1", depth.ravel())),
        ):
            kind = message.__msgtype__
            connection = writer.add_connection(topic, kind, typestore=store)
            writer.write(connection, 10**9, store.serialize_ros1(message, kind))


@pytest.fixture
def annotated(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    people = {"kinect_bags/a": [{"framing": "seated", "box": [1, 2, 30, 40]}], "realsense/1": []}
    file = tmp_path / "people.json"
    file.write_text(json.dumps(people))
    monkeypatch.setattr(pictures, "ANNOTATION", file)
    return tmp_path


def test_both_sets_are_read_in_metres(annotated: Path) -> None:
    rng = np.random.default_rng(0)
    image = rng.integers(0, 255, (*SIZE, 3), np.uint8)
    depth = np.full(SIZE, 2.5, np.float32)
    depth[:10] = np.nan
    for folder in ("kinect_bags", "realsense/color", "realsense/depth"):
        (annotated / folder).mkdir(parents=True)
    _write_bag(annotated / "kinect_bags" / "a.bag", image, depth, [0.0] * 5)
    cv2.imwrite(str(annotated / "realsense/color/1.png"), image[..., ::-1])
    cv2.imwrite(str(annotated / "realsense/depth/1.png"), np.where(np.isnan(depth), 0, 1750).astype(np.uint16))
    bag, pair = read_pictures(annotated)
    assert np.array_equal(bag.image, image)
    assert np.array_equal(pair.image, image)
    assert np.array_equal(bag.depth, depth, equal_nan=True)
    assert pair.depth[20, 20] == pytest.approx(1.75)
    assert np.isnan(pair.depth[5, 5])
    assert bag.camera.intrinsics[0, 0] == 500
    assert [person.framing for person in bag.people] == ["seated"]
    assert pair.people == ()


def test_a_distorted_set_is_rectified_and_its_depth_never_mixed(annotated: Path) -> None:
    depth = np.where(np.arange(640) < 320, 1.0, 4.0) * np.ones(SIZE)
    (annotated / "kinect_bags").mkdir()
    _write_bag(
        annotated / "kinect_bags" / "a.bag", np.zeros((*SIZE, 3), np.uint8), depth.astype(np.float32), [0.1, 0, 0, 0, 0]
    )
    (bag,) = read_pictures(annotated)
    assert not bag.camera.is_distorted
    assert set(np.unique(bag.depth[np.isfinite(bag.depth)])) == {1.0, 4.0}


def test_a_folder_without_sets_and_a_picture_without_annotation_are_named(annotated: Path) -> None:
    with pytest.raises(PictureError, match="neither kinect_bags"):
        list(read_pictures(annotated))
    (annotated / "realsense/color").mkdir(parents=True)
    (annotated / "realsense/depth").mkdir()
    for kind in ("color", "depth"):
        cv2.imwrite(
            str(annotated / "realsense" / kind / "9.png"), np.ones(SIZE, np.uint16 if kind == "depth" else np.uint8)
        )
    with pytest.raises(PictureError, match="realsense/9 is not annotated"):
        list(read_pictures(annotated))


def test_the_annotation_has_known_framings_and_boxes_within_the_picture() -> None:
    for people in json.loads(ANNOTATION.read_text(encoding="utf-8")).values():
        for person in people:
            x0, y0, x1, y1 = person["box"]
            assert person["framing"] in FRAMINGS
            assert 0 <= x0 < x1 <= 640
            assert 0 <= y0 < y1 <= 480


def test_people_are_matched_one_to_one() -> None:
    left, right = np.array([0, 0, 100, 200.0]), np.array([90, 0, 200, 200.0])
    truth = [PersonInView("whole", left), PersonInView("seated", right)]
    people = [_person(box) for box in (right + 5, left + 3, left, np.array([400, 0, 500, 100.0]))]
    assert sorted(match(people, truth)) == [(0, 1), (2, 0)]
    assert match([], truth) == [] == match(people, [])


def test_somebody_whose_legs_a_chair_hides_is_matched_by_the_torso() -> None:
    (pair,) = match(
        [_person(np.array([60, 20, 90, 240.0]))], [PersonInView("from behind", np.array([0, 0, 120, 100.0]))]
    )
    assert pair == (0, 0)
    assert not match([_person(np.array([60, 80, 90, 400.0]))], [PersonInView("seated", np.array([0, 0, 120, 100.0]))])


def _person(box: np.ndarray) -> SimpleNamespace:
    """Somebody whose torso is a third from the top of their box."""
    middle = [(box[0] + box[2]) / 2, box[1] + (box[3] - box[1]) / 3]
    return SimpleNamespace(bbox=box, landmarks=SimpleNamespace(pixels=np.tile(middle, (39, 1))))


def test_depth_of_a_torso_ignores_background_beside_it() -> None:
    depth = np.full((100, 100), 5.0, np.float32)
    depth[20:80, 30:70] = 2.0
    corners = np.array([[30, 20], [70, 20], [70, 80], [30, 80]])
    assert torso_depth(corners, depth) == 2.0
    depth[20:80, 30:70] = np.nan
    assert torso_depth(corners, depth) is None


def found_of(distances: list[tuple[float, float, float]]) -> Found:
    """One picture with (true, estimated, baseline) m of people who are whole, with a deviation of 0.1 m."""
    people = tuple(Distance("whole", true, ours, 0.1, theirs) for true, ours, theirs in distances)
    return Found(("whole",) * len(people), ("whole",) * len(people), people, ())


def test_the_table_compares_three_systems(capsys: pytest.CaptureFixture[str]) -> None:
    whole = found_of([(2.0, 2.02, 2.4), (4.0, 3.96, 4.4), (5.0, 5.5, 6.0)])
    by_landmarks = found_of([(2.0, 2.2, 0.0), (4.0, 4.12, 0.0)])
    print_people([whole], [by_landmarks])
    row = next(line for line in capsys.readouterr().out.splitlines() if line.startswith("│ whole  "))
    cells = [cell.strip() for cell in row.strip("│").split("│")]
    assert cells == ["whole", "3", "3", "3", "+1.0", "+6.5", "+20.0", "1.0", "6.5", "20.0", "0.67"]


def test_copies_differ_by_one_grey_level_and_begin_with_the_picture() -> None:
    image = np.random.default_rng(0).integers(0, 255, (*SIZE, 3), np.uint8)
    picture = Picture("a", image, np.ones(SIZE, np.float32), Camera.from_fov(SIZE[1], SIZE[0], 1.0), ())
    first, *others = copies_of(picture, 3)
    np.testing.assert_array_equal(first.image, image)
    assert [copy.is_original for copy in (first, *others)] == [True, False, False]
    for copy in others:
        step = copy.image.astype(int) - image
        assert np.abs(step).max() == 1
        assert copy.depth is picture.depth
    assert (others[0].image != others[1].image).any()
