"""The accuracy benchmark on pictures measures the estimates that the pipeline gives for them."""

from __future__ import annotations

import io
import tarfile

import cv2
import numpy as np
import pytest
from helpers.fetched_networks import skip_without_blazepose

from benchmarks.held_out import VIEW, search_images, stored_views
from metrichmsr_ros.body.load import load_body
from metrichmsr_ros.data.synthesis.walking_sequence import WalkingSequence
from metrichmsr_ros.hmr.inputs import inputs_from_landmarks
from metrichmsr_ros.hmr.pixel_fusion import with_pixels
from metrichmsr_ros.hmr.test_time_augmentation import estimate_from_views
from metrichmsr_ros.people.blazepose.networks import BlazePose, Roi
from metrichmsr_ros.people.detection.test_time_views import views_of
from metrichmsr_ros.pipeline.engines import load_engine
from metrichmsr_ros.pipeline.pipeline import Pipeline
from metrichmsr_ros.pipeline.views import heavier, roles_of

skip_without_blazepose()


@pytest.fixture(scope="module")
def frame():
    return WalkingSequence(20)[19]  # one person


@pytest.fixture(scope="module")
def picture(frame):
    """The frame after JPEG compression: RGB (H, W, 3) uint8, and the bytes of the file."""
    jpeg = cv2.imencode(".jpg", frame.image[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 95])[1]
    return np.ascontiguousarray(cv2.imdecode(jpeg, cv2.IMREAD_COLOR)[..., ::-1]), jpeg.tobytes()


@pytest.fixture(scope="module")
def blazepose():
    return BlazePose(num_threads=1, with_maps=True)


@pytest.fixture(scope="module")
def view(frame, picture, blazepose):
    pixels = frame.camera.project(frame.people[0].joints_cam)
    first = blazepose.landmarks(picture[0], Roi(pixels[0], 1.3 * np.ptp(pixels[:, 1])))
    return blazepose.landmarks(picture[0], first.next_roi())


@pytest.fixture(scope="module")
def shard(frame, picture, view, tmp_path_factory):
    """One image with a row for each view of its person, as the data engine writes them, and one missed person.

    There are two first views, and a further view elsewhere in the image, which must be ignored.
    """
    path = tmp_path_factory.mktemp("held_out") / "val-00000.tar"
    people = frame.people
    truth = {
        "pose": [p.pose for p in people],
        "betas": [p.betas for p in people],
        "transl": [p.transl_cam for p in people],
        "joints_cam": [p.joints_cam for p in people],
        "visible_fraction": [1.0 for _ in people],
    }
    sample = {name: np.array(rows * 3) for name, rows in truth.items()}
    sample |= {name: np.array([getattr(view, name)] * 3) for name in (*VIEW, "score")}
    sample["pixels"][2] += 100.0
    sample["way"] = np.array(["image", "followed", "again"])
    sample |= {f"missed_{name}": np.array(rows[:1]) for name, rows in truth.items()}
    sample["missed_joints_cam"] = sample["missed_joints_cam"] + (50.0, 0.0, 0.0)  # far out of the picture
    sample["person"] = np.array([*range(len(people))] * 3)
    sample |= {"intrinsics": frame.camera.intrinsics, "image_size": np.array([frame.camera.width, frame.camera.height])}
    buffer = io.BytesIO()
    np.savez(buffer, **sample)
    with tarfile.open(path, "w") as tar:
        for name, content in (("a.npz", buffer.getvalue()), ("a.jpg", picture[1])):
            info = tarfile.TarInfo(name)
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    return path


def test_a_searched_picture_gives_the_pipelines_estimates(frame, picture, shard, tmp_path):
    pipeline = Pipeline.from_preset("embedded", num_threads=1)
    scene = pipeline.estimate(picture[0], frame.camera)
    found = search_images([shard], load_body("open_light"), workers=1, cache=tmp_path)
    assert (found.images, found.true_people, found.false) == (1, len(frame.people) + 1, 0)
    assert len(found.people) == len(scene.people) == len(frame.people)
    output = found.people.estimate(pipeline.engine)
    (estimated,) = output.transl
    np.testing.assert_allclose(estimated, scene.people[0].transl_cam, atol=2e-3)
    (kept,) = tmp_path.iterdir()
    with np.load(kept) as arrays:
        assert {*VIEW, "more_person", "counts"} <= {*arrays}
    again = search_images([shard], load_body("open_light"), workers=1, cache=tmp_path)
    np.testing.assert_allclose(again.people.estimate(pipeline.engine).transl, output.transl, rtol=1e-4, atol=1e-5)


def test_stored_landmarks_are_estimated_again(frame, picture, view, blazepose, shard):
    """Both copies of the person give the estimate of their views combined by hand."""
    engine = load_engine("embedded")
    people = stored_views([shard], load_body("open_light"), workers=1, cache=None)
    views = views_of(picture[0], view, [], blazepose, heavier(blazepose))
    first = inputs_from_landmarks([view], frame.camera)
    more = inputs_from_landmarks([further.landmarks for further in views], frame.camera)
    landmarks = estimate_from_views(engine, first, more, roles_of({0: views}))
    expected = with_pixels(engine, landmarks, first, more, roles_of({0: views}))
    found = people.estimate(engine)
    assert len(people) == 2
    assert not np.allclose(expected.transl, landmarks.transl, atol=5e-3)  # pixels take part
    for row in (0, 1):
        np.testing.assert_allclose(found.transl[row], expected.transl[0], atol=1e-3, rtol=1e-3)
        np.testing.assert_allclose(found.rotmats[row], expected.rotmats[0], atol=1e-3, rtol=1e-3)


def test_people_in_videos_get_the_requested_test_time_augmentation(frame, picture, blazepose):
    image, camera = picture[0], frame.camera
    pipelines = {
        choice: Pipeline.from_preset("embedded", num_threads=1, test_time_augmentation=choice)
        for choice in ("none", "flip", "full")
    }
    video, single = {}, {}
    for choice, pipeline in pipelines.items():
        scenes = [pipeline.track(image, camera, 0.1 * index) for index in range(4)]
        video[choice] = scenes[-1].people[0].transl_cam
        single[choice] = pipeline.estimate(image, camera).people[0].transl_cam
    assert not np.array_equal(video["none"], video["flip"])
    heavy_is_there = heavier(blazepose) is not None
    assert np.array_equal(video["flip"], video["full"]) != heavy_is_there
    np.testing.assert_array_equal(single["none"], single["full"])
