"""The real networks on a real photograph: positions read off by eye; crops, tiles, sizes and mirrors of it agree."""

from __future__ import annotations

import dataclasses

import cv2
import numpy as np
import pytest

from metrichmsr_ros.assets import AssetError, asset_path, cache_dir, model_path
from metrichmsr_ros.people.blazepose.crops import Tile
from metrichmsr_ros.people.blazepose.networks import BlazePose, ImageError, Roi
from metrichmsr_ros.people.detection.person_detector import PersonDetector
from metrichmsr_ros.people.detection.search import SearchConfig, find_people
from metrichmsr_ros.people.detection.test_time_views import views_of
from metrichmsr_ros.people.tracking.tracker import PeopleTracker

NOSE, SHOULDERS = (220, 122), ((300, 246), (98, 241))
"""Read off the photograph (NASA, public domain), px of 512 x 512; the person's left shoulder first."""


@pytest.fixture(scope="module")
def blazepose():
    try:
        model_path("pose_detection.tflite"), model_path("pose_landmark_full.tflite")
    except AssetError as error:
        pytest.skip(str(error))
    return BlazePose(num_threads=1)


@pytest.fixture(scope="module")
def photo():
    image = cv2.cvtColor(cv2.imread(str(asset_path("astronaut.jpg"))), cv2.COLOR_BGR2RGB)
    assert image.shape == (512, 512, 3)
    return image


QUICK = SearchConfig(divisors=(), passes=2)


def people_in(image, blazepose, config=QUICK):
    """Landmarks of everybody found."""
    return [found.landmarks for found in find_people(image, blazepose, PersonDetector(num_threads=1), config)]


def error_px(found, expected):
    return float(np.linalg.norm(found - np.array(expected)))


def test_one_person_and_her_landmarks_are_found(blazepose, photo):
    (person,) = people_in(photo, blazepose)
    assert error_px(person.pixels[0], NOSE) < 20
    assert error_px(person.pixels[11], SHOULDERS[0]) < 30
    assert error_px(person.pixels[12], SHOULDERS[1]) < 30
    assert person.score > 0.8
    assert person.crop_landmarks.shape == (39, 3)
    assert person.world.shape == (39, 3)
    np.testing.assert_allclose(
        person.crop_landmarks[:, :2],
        person.pixels @ person.crop_matrix[:2, :2].T + person.crop_matrix[:2, 2],
        atol=0.05,
    )
    assert person.visibility[:33].max() <= 1.0
    assert person.visibility[[25, 26, 27, 28]].max() < 0.5  # knees and ankles are outside the picture


def test_a_scene_without_people_is_empty(blazepose):
    ramp = np.linspace(0, 255, 320, dtype=np.uint8)
    image = np.stack([np.tile(ramp, (240, 1))] * 3, -1)
    assert people_in(image, blazepose) == []


def test_detections_of_a_tile_are_in_image_pixels(blazepose, photo):
    canvas = np.full((600, 900, 3), 128, np.uint8)
    canvas[40:552, 300:812] = photo
    here = blazepose.detect(photo)[0]
    there = blazepose.detect(canvas, Tile(300, 40, 512, 512))[0]
    np.testing.assert_allclose(there.keypoints, here.keypoints + np.array([300, 40]), atol=1e-3)
    assert there.score == pytest.approx(here.score)


def test_landmarks_do_not_depend_on_where_the_crop_came_from(blazepose, photo):
    roi = blazepose.detect(photo)[0].roi()
    canvas = cv2.copyMakeBorder(photo, 64, 64, 64, 64, cv2.BORDER_REPLICATE)
    here = blazepose.landmarks(photo, roi)
    there = blazepose.landmarks(canvas, Roi(roi.centre + 64, roi.size, roi.rotation))
    # Large ROIs are shrunk by blocks of pixels first; the blocks start elsewhere, so the crops differ a little.
    seen = here.visibility > 0.8
    assert np.abs(there.pixels - 64 - here.pixels)[seen].max() < 15
    assert here.score == pytest.approx(there.score, abs=0.05)


def test_a_mirrored_crop_gives_mirrored_landmarks(blazepose, photo):
    roi = blazepose.detect(photo)[0].roi()
    matrix = roi.matrix()[:2]
    crop = cv2.warpAffine(photo, matrix, (256, 256), borderMode=cv2.BORDER_REPLICATE)
    whole = Roi(np.array([127.5, 127.5]), 256.0)
    straight = blazepose.landmarks(crop, whole, 0.0)
    mirrored = blazepose.landmarks(np.ascontiguousarray(crop[:, ::-1]), whole, 0.0)
    for left, right in ((11, 12), (12, 11), (0, 0)):
        # 255, not 256: integer pixel centres.
        assert straight.pixels[left, 0] + mirrored.pixels[right, 0] == pytest.approx(255, abs=5)


def test_a_masked_person_is_not_detected(blazepose, photo):
    (person,) = people_in(photo, blazepose)
    canvas = np.full((512, 1024, 3), 128, np.uint8)
    canvas[:, :512] = photo
    shown, hidden = blazepose.detect(photo), blazepose.detect(photo, without=[person])
    assert max(d.score for d in shown) > max([d.score for d in hidden], default=0.0) + 0.1


@pytest.mark.parametrize("shape", [(1, 1, 3), (3, 500, 3), (40, 30, 3)])
def test_images_of_odd_sizes_are_read(blazepose, shape):
    image = np.full(shape, 127, np.uint8)
    assert people_in(image, blazepose, SearchConfig()) == []
    assert blazepose.landmarks(image, Roi(np.array([0.0, 0.0]), 64.0), 0.0) is not None or min(shape[:2]) == 1


def test_a_4k_image_is_read(blazepose, photo):
    canvas = np.full((2160, 3840, 3), 120, np.uint8)
    canvas[100:1636, 1000:2536] = cv2.resize(photo, (1536, 1536))
    people = people_in(canvas, blazepose)
    assert len(people) == 1
    assert error_px(people[0].pixels[0], (1000 + 3 * NOSE[0], 100 + 3 * NOSE[1])) < 90


@pytest.mark.parametrize(
    "bad", [np.zeros((8, 8), np.uint8), np.zeros((8, 8, 4), np.uint8), np.zeros((8, 8, 3)), "x.png"]
)
def test_input_that_is_not_an_image_is_refused_with_a_remedy(blazepose, bad):
    for look in (blazepose.detect, lambda image: people_in(image, blazepose)):
        with pytest.raises(ImageError, match="uint8"):
            look(bad)


def test_rois_off_the_image_give_nobody(blazepose, photo):
    assert blazepose.landmarks(photo, Roi(np.array([5000.0, 5000.0]), 100.0), 0.0) is None
    assert blazepose.landmarks(photo, Roi(np.array([np.nan, 0.0]), 100.0), 0.0) is None


def test_a_wrong_file_is_refused(tmp_path, blazepose):
    with pytest.raises(FileNotFoundError, match="metrichmsr setup"):
        BlazePose(detector_path=tmp_path / "none.tflite")
    with pytest.raises(ValueError, match="wrong network file"):
        BlazePose(detector_path=model_path("pose_landmark_full.tflite"))


def test_one_person_before_a_panning_camera_keeps_one_id(blazepose, photo):
    canvas = cv2.copyMakeBorder(cv2.resize(photo, (300, 300)), 180, 0, 340, 340, cv2.BORDER_REPLICATE)
    tracker, seen = PeopleTracker(blazepose, PersonDetector(num_threads=1)), []
    for k in range(12):
        image = np.ascontiguousarray(canvas[:, 20 * k : 20 * k + 640])
        seen.append((tracker.update(image, 0.1 * k), 20 * k))
    assert all([person.id for person in people] == ["p1"] for people, _ in seen[5:])
    for people, shift in seen[5:]:
        nose = np.array(NOSE) * 300 / 512 + np.array([340 - shift, 180])
        assert error_px(people[0].landmarks.pixels[0], nose) < 20


def test_the_mirrored_view_equals_the_view_of_the_mirrored_picture(blazepose, photo):
    """The picture flipped by hand and seen through the flipped ROI; left and right change places."""
    photo = cv2.resize(photo, (160, 160), interpolation=cv2.INTER_AREA)  # so small that no crop is shrunk by blocks
    (person,) = people_in(photo, blazepose)
    roi, width = person.next_roi(), photo.shape[1]
    flipped = Roi(np.array([width - 1 - roi.centre[0], roi.centre[1]]), roi.size, -roi.rotation)
    there = blazepose.landmarks(np.ascontiguousarray(photo[:, ::-1]), flipped)
    here = blazepose.landmarks(photo, roi, mirrored=True)
    for mine, other in ((0, 0), (11, 12), (12, 11), (13, 14), (37, 35), (33, 33)):
        expected = there.pixels[other] * (-1, 1) + (width - 1, 0)
        np.testing.assert_allclose(here.pixels[mine], expected, atol=1.0)
        np.testing.assert_allclose(here.world[mine], there.world[other] * (-1, 1, 1), atol=0.01)
        assert here.visibility[mine] == pytest.approx(there.visibility[other], abs=0.02)


@pytest.mark.skipif(not (cache_dir() / "pose_landmark_heavy.tflite").is_file(), reason="heavy network not fetched")
def test_the_heavier_network_equals_one_that_is_loaded_alone_and_changes_nothing_of_the_first(photo):
    blazepose = BlazePose(with_maps=True)
    roi = blazepose.detect(photo)[0].roi()
    before, shared = blazepose.landmarks(photo, roi), blazepose.heavier()
    seen, alone = shared.landmarks(photo, roi), BlazePose(heavy=True).landmarks(photo, roi)
    np.testing.assert_array_equal(seen.pixels, alone.pixels)
    np.testing.assert_array_equal(shared.detect(photo)[0].bbox, blazepose.detect(photo)[0].bbox)
    assert seen.heavy
    assert seen.maps is None
    after = blazepose.landmarks(photo, roi)
    np.testing.assert_array_equal(after.pixels, before.pixels)
    assert not after.heavy
    assert after.maps is not None


@pytest.mark.parametrize("heavier", [False, True])
def test_people_whose_legs_are_hidden_get_wide_views_too(blazepose, photo, heavier):
    (person,) = people_in(photo, blazepose)
    heavy = BlazePose(num_threads=1, heavy=True, landmark_path=model_path("pose_landmark_full.tflite"))
    usual = [(True, False), (False, True), (True, True)] if heavier else [(True, False)]  # mirrored, heavy
    wide = [(False, False), (False, True)] if heavier else [(False, False)]
    for visibility, expected in ((0.9, []), (0.1, wide)):
        changed = person.visibility.copy()
        changed[25:29] = visibility
        hidden = dataclasses.replace(person, visibility=changed)
        alone = views_of(photo, hidden, [], blazepose, heavy if heavier else None, usual=False)
        views = views_of(photo, hidden, [], blazepose, heavy if heavier else None)
        for some, kinds in ((views, usual + expected), (alone, expected)):
            assert [(view.mirrored, view.landmarks.heavy) for view in some] == kinds
        for view in views + alone:
            factor = 1.25 if view.wide else 1.0
            assert view.landmarks.roi.size == pytest.approx(factor * person.next_roi().size)
            np.testing.assert_allclose(view.landmarks.roi.centre, person.next_roi().centre)
        assert [view.wide for view in views] == [False] * len(usual) + [True] * len(expected)
        assert all(view.wide for view in alone)


def test_further_views_find_the_same_person_and_nobody_on_a_wall(blazepose, photo):
    (person,) = people_in(photo, blazepose)
    heavy = BlazePose(num_threads=1, heavy=True, landmark_path=model_path("pose_landmark_full.tflite"))
    looks = views_of(photo, person, [], blazepose, heavy)
    usual = [look for look in looks if not look.wide]
    assert [(look.mirrored, look.landmarks.heavy) for look in usual] == [(True, False), (False, True), (True, True)]
    for look in looks:
        assert np.linalg.norm(look.landmarks.pixels[[0, 11, 12]] - person.pixels[[0, 11, 12]], axis=1).max() < 15
    assert not np.array_equal(looks[0].landmarks.pixels, person.pixels)
    assert views_of(np.full_like(photo, 127), person, [], blazepose) == []
