"""The whole path on real networks: image and camera in, metric people out, against the truth of rendered frames."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from helpers.fetched_networks import skip_without_blazepose

from metrichmsr_ros.data.synthesis.walking_sequence import WalkingSequence
from metrichmsr_ros.depth.sources.ground_plane import Plane
from metrichmsr_ros.geometry.camera import Camera, CameraError
from metrichmsr_ros.geometry.rectify import Rectifier
from metrichmsr_ros.people.blazepose.networks import ImageError
from metrichmsr_ros.pipeline.pipeline import Pipeline
from metrichmsr_ros.pipeline.scene import OutputRequest, PipelineError, SceneContext

LEAN = OutputRequest(vertices=False, depth=False)

skip_without_blazepose()


@pytest.fixture(scope="module")
def pipeline():
    return Pipeline.from_preset("embedded")


@pytest.fixture(scope="module")
def frames():
    return WalkingSequence(46)[30:]  # one person near, then a second one enters


def nearest(scene, truth):
    gaps = [np.linalg.norm(person.joints_cam[0] - truth.joints_cam[0]) for person in scene.people]
    return scene.people[int(np.argmin(gaps))], min(gaps)


def test_single_image_places_the_person_in_metres(pipeline, frames):
    truth = frames[0].people[0]
    scene = pipeline.estimate(frames[0].image, frames[0].camera)
    person, gap = nearest(scene, truth)
    assert gap < 0.12 * np.linalg.norm(truth.transl_cam)
    assert abs(person.height - truth.height) < 0.25
    assert np.isnan(person.velocity_cam).all()


def test_body_lies_on_the_person_in_the_image(pipeline, frames):
    frame, truth = frames[0], frames[0].people[0]
    person, _ = nearest(pipeline.estimate(frame.image, frame.camera), truth)
    true_pixels, pixels = frame.camera.project(truth.joints_cam), frame.camera.project(person.joints_cam)
    height = np.ptp(true_pixels[:, 1])
    assert np.median(np.linalg.norm(pixels - true_pixels, axis=1)) < 0.06 * height


def test_depth_is_that_of_the_people_and_nan_elsewhere(pipeline, frames):
    frame = frames[0]
    scene = pipeline.estimate(frame.image, frame.camera)
    seen = np.isfinite(scene.depth.metres)
    assert 0.005 < seen.mean() < 0.5
    truth = frame.people[0]
    assert np.median(scene.depth.metres[seen]) == pytest.approx(truth.transl_cam[2], rel=0.2)


def test_video_keeps_ids_and_gives_velocity(pipeline, frames):
    pipeline.reset()
    scenes = [pipeline.track(f.image, f.camera, f.stamp_s, request=LEAN) for f in frames]
    person, _ = nearest(scenes[-1], frames[-1].people[0])
    assert person.id == nearest(scenes[3], frames[3].people[0])[0].id
    assert person.age > 5
    assert np.isfinite(person.velocity_cam).all()
    assert 0.2 < np.linalg.norm(person.velocity_cam) < 3.0  # walks at about one metre per second
    assert np.linalg.eigvalsh(person.position_cov6).min() > 0


@pytest.mark.parametrize("height", [300, 720])
def test_another_resolution_of_the_same_camera_keeps_ids_shapes_and_motion(pipeline, frames, height):
    """And another part of the sensor: the image that follows lacks its left 40 px."""
    pipeline.reset()
    scale = height / 480
    to_new = np.array([[scale, 0, (scale - 1) / 2 - 40], [0, scale, (scale - 1) / 2], [0, 0, 1]])
    scenes = []
    for number, frame in enumerate(frames):
        image, camera = frame.image, frame.camera
        if number >= 10:
            size = (round(640 * scale) - 40, height)
            image = cv2.resize(image, (size[0] + 40, height), interpolation=cv2.INTER_AREA)[:, 40:]
            camera = camera.transformed(to_new, size)
        scenes.append(pipeline.track(np.ascontiguousarray(image), camera, frame.stamp_s, request=LEAN))
    (old, _), (new, gap) = (nearest(scenes[k], frames[k].people[0]) for k in (9, 10))
    assert new.id == old.id
    assert not new.is_occluded
    assert gap < 0.12 * np.linalg.norm(frames[10].people[0].transl_cam)
    assert new.height == pytest.approx(old.height, abs=0.02)  # a new track starts from the shape of one image
    assert new.position_cov6[3:, 3:].trace() < 1.2 * old.position_cov6[3:, 3:].trace()  # velocity is not unknown again


def small_on_the_floor(frame):
    """A floor on which people are a tenth smaller than they are."""
    pose = frame.T_world_cam
    return SceneContext(floor=Plane(pose[2, :3].copy(), -0.9 * float(pose[2, 3])))


def test_a_measured_size_holds_in_images_that_lack_the_measurement(pipeline, frames):
    """As where depth comes with every other image, or a transform is late."""

    def heights(contexts):
        pipeline.reset()
        scenes = [
            pipeline.track(f.image, f.camera, f.stamp_s, request=LEAN, context=context(f))
            for f, context in zip(frames, contexts, strict=True)
        ]
        known = [nearest(scene, f.people[0])[0] for scene, f in zip(scenes, frames, strict=True) if scene.people]
        return np.array([person.height for person in known[4:]])

    def nothing(frame):
        return SceneContext()

    always, never = heights([small_on_the_floor] * 16), heights([nothing] * 16)
    assert (always < 0.96 * never).all()
    every_other = heights([small_on_the_floor, nothing] * 8)
    np.testing.assert_allclose(every_other, always, rtol=0.02)


def test_a_size_that_becomes_known_is_no_motion(pipeline, frames):
    """The floor says at once that the person is a fifth smaller and nearer; without it the walk is the same."""

    def seen(floor):
        pipeline.reset()
        people = []
        for number, f in enumerate(frames):
            pose = f.T_world_cam
            known = Plane(pose[2, :3].copy(), -0.8 * float(pose[2, 3])) if floor and number >= 10 else None
            scene = pipeline.track(f.image, f.camera, f.stamp_s, request=LEAN, context=SceneContext(floor=known))
            people.append(nearest(scene, f.people[0])[0] if scene.people else None)
        return people[9:]

    alone, measured = seen(False), seen(True)
    assert measured[1].transl_cam[2] < 0.85 * alone[1].transl_cam[2]
    np.testing.assert_allclose(measured[1].size_shift, measured[1].transl_cam - alone[1].transl_cam, atol=0.06)
    assert all((person.size_shift == 0).all() for person in [measured[0], *measured[2:]])
    faster = [np.linalg.norm(m.velocity_cam - a.velocity_cam) for m, a in zip(measured, alone, strict=True)]
    assert max(faster) < 0.35


def test_a_measured_size_is_forgotten_where_the_measurement_is_switched_off(pipeline, frames):
    pipeline.reset()
    sources = []
    for number, frame in enumerate(frames[:14]):
        context = small_on_the_floor(frame) if number < 10 else SceneContext(forgets_measurements=number == 12)
        scene = pipeline.track(frame.image, frame.camera, frame.stamp_s, request=LEAN, context=context)
        sources.append(scene.people[0].scale_correction if scene.people else None)
    assert [source.sources for source in sources[10:12]] == [("memory",), ("memory",)]
    assert sources[12:] == [None, None]


def test_results_without_vertices_and_depth_equal_those_with_them(pipeline, frames):
    frame = frames[0]
    full = pipeline.estimate(frame.image, frame.camera)
    lean = pipeline.estimate(frame.image, frame.camera, request=LEAN)
    np.testing.assert_allclose(lean.people[0].joints_cam, full.people[0].joints_cam, atol=1e-5)
    assert len(lean.people[0].vertices_cam) == 0
    assert np.isnan(lean.depth.metres).all()


def test_metres_follow_the_intrinsics(pipeline, frames):
    """Twice the focal length for the same pixels means about twice the distance: what the ray map is for."""
    frame = frames[0]
    k = frame.camera.intrinsics.copy()
    k[0, 0], k[1, 1] = 2 * k[0, 0], 2 * k[1, 1]
    near = pipeline.estimate(frame.image, frame.camera).people[0]
    far = pipeline.estimate(frame.image, Camera(640, 480, k)).people[0]
    assert far.transl_cam[2] / near.transl_cam[2] == pytest.approx(2.0, rel=0.15)


def test_distorted_image_gives_what_the_rectified_one_gives(pipeline, frames):
    frame = frames[0]
    raw = Camera(640, 480, frame.camera.intrinsics, "plumb_bob", np.array([-0.05, 0.01, 0.0, 0.0, 0.0]))
    by_pipeline = pipeline.estimate(frame.image, raw)
    by_hand = pipeline.estimate(Rectifier(raw).rectify(frame.image), raw.rectified())
    assert not by_pipeline.camera.is_distorted
    np.testing.assert_array_equal(by_pipeline.people[0].joints_cam, by_hand.people[0].joints_cam)


def test_nobody_gives_an_empty_scene(pipeline):
    scene = pipeline.estimate(np.full((480, 640, 3), 90, np.uint8), Camera.from_fov(640, 480, 1.2))
    assert scene.people == []
    assert np.isnan(scene.depth.metres).all()
    assert scene.depth.metres.shape == (480, 640)


@pytest.mark.parametrize("image", [np.zeros((480, 640)), np.zeros((480, 640, 3), np.float32), None])
def test_input_that_is_not_an_image_is_named(pipeline, image):
    with pytest.raises(ImageError, match="uint8"):
        pipeline.estimate(image, Camera.from_fov(640, 480, 1.2))


def test_a_calibration_of_another_size_is_refused(pipeline):
    with pytest.raises(CameraError, match="640x480 but its camera is calibrated for 1280x720"):
        pipeline.estimate(np.zeros((480, 640, 3), np.uint8), Camera.from_fov(1280, 720, 1.2))


NUMBERS = {
    "half the resolution": (280.0, 280.0, 159.5, 119.5),
    "twice the resolution": (1120.0, 1120.0, 639.5, 479.5),
    "centre outside": (560.0, 560.0, 900.0, 900.0),
    "shortest focal length": (33.0, 33.0, 319.5, 239.5),
    "shortest focal length, centre at the corner": (33.0, 33.0, 1.0, 1.0),
    "oblong": (2000.0, 560.0, 319.5, 239.5),
}


@pytest.mark.parametrize("numbers", NUMBERS.values(), ids=NUMBERS)
def test_nobody_is_behind_the_camera_whatever_the_calibration(pipeline, frames, numbers):
    fx, fy, cx, cy = numbers
    camera = Camera(640, 480, np.array([[fx, 0, cx], [0, fy, cy], [0, 0, 1]]))
    pipeline.reset()
    scenes = [pipeline.estimate(frames[0].image, camera, request=LEAN)]
    scenes += [pipeline.track(f.image, camera, f.stamp_s, request=LEAN) for f in frames[:3]]
    assert all(person.transl_cam[2] > 0 for scene in scenes for person in scene.people)


@pytest.mark.parametrize("focal", [-560.0, 1.0, 0.86])
def test_numbers_that_are_no_focal_length_are_refused(pipeline, frames, focal):
    camera = Camera(640, 480, np.array([[focal, 0, 319.5], [0, focal, 239.5], [0, 0, 1]]))
    with pytest.raises(CameraError, match="focal lengths"):
        pipeline.estimate(frames[0].image, camera)


@pytest.mark.parametrize("stamp_s", [float("nan"), float("inf"), "1.0", None])
def test_a_time_that_is_none_is_refused_by_name(pipeline, frames, stamp_s):
    with pytest.raises(PipelineError, match=f"stamp_s is {stamp_s!r}; give the time"):
        pipeline.track(frames[0].image, frames[0].camera, stamp_s)


@pytest.mark.parametrize("box", [np.full(4, np.nan), (1, 2, 3), (30.0, 0.0, 10.0, 50.0), ("a", "b", "c", "d")])
def test_boxes_of_the_context_are_boxes(box):
    with pytest.raises(PipelineError, match="a box of the context is"):
        SceneContext(boxes=(box,))


def test_an_unknown_augmentation_is_refused():
    with pytest.raises(PipelineError, match="test_time_augmentation is 'x'; choose one of none, flip, full"):
        Pipeline.from_preset(test_time_augmentation="x")
