"""Cameras that are mounted upside down or on their side find the people that an upright one finds.

The images are those of an upright camera, turned: people, sizes and places must be the same but for the turn.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from helpers.fetched_networks import skip_without_blazepose

from metrichmsr_ros.data.synthesis.walking_sequence import WalkingSequence
from metrichmsr_ros.depth.engine import DepthEngine
from metrichmsr_ros.depth.factory import DepthChoice
from metrichmsr_ros.depth.sources.base import DepthMap, FileDepth, IncomingDepth, stretched
from metrichmsr_ros.depth.sources.ground_plane import GroundPlane, Plane
from metrichmsr_ros.geometry.camera import Camera
from metrichmsr_ros.geometry.quarter_turns import TurnedCamera
from metrichmsr_ros.people.blazepose.networks import BlazePose
from metrichmsr_ros.people.tracking.tracker import PeopleTracker
from metrichmsr_ros.pipeline.pipeline import Pipeline
from metrichmsr_ros.pipeline.scene import OutputRequest, SceneContext

skip_without_blazepose()
LEAN = OutputRequest(vertices=False, depth=False)
TURNS = [pytest.param(1, id="on its left side"), pytest.param(2, id="upside down"), pytest.param(3, id="on its right")]


@pytest.fixture(scope="module")
def frames():
    """Seven images of two people."""
    return WalkingSequence(120)[94:101]


@pytest.fixture(scope="module")
def pipeline():
    return Pipeline.from_preset(depth=DepthChoice("people"), test_time_augmentation="none")


@pytest.fixture(scope="module")
def looking_twice():
    return Pipeline.from_preset(depth=DepthChoice("people"), test_time_augmentation="flip")


def matrix_of(turns: int) -> np.ndarray:
    """(3, 3) from the upright camera's frame to that of the camera whose images are turned clockwise."""
    cos, sin = round(np.cos(turns * np.pi / 2)), round(np.sin(turns * np.pi / 2))
    return np.array([[cos, -sin, 0.0], [sin, cos, 0.0], [0.0, 0.0, 1.0]])


def turned_camera(camera: Camera, turns: int) -> Camera:
    for _ in range(turns):
        k = camera.intrinsics
        turned = np.array([[k[1, 1], 0, camera.height - 1 - k[1, 2]], [0, k[0, 0], k[0, 2]], [0, 0, 1]])
        camera = Camera(camera.height, camera.width, turned)
    return camera


def moved(pixels: np.ndarray, camera: Camera, turns: int) -> np.ndarray:
    """Pixels (..., 2) of an upright image in the image of `camera`, which is turned."""
    back = np.linalg.inv(TurnedCamera(camera, turns).pixels)
    return pixels @ back[:2, :2].T + back[:2, 2]


def views(frame, turns: int):
    """Image, camera and context of a frame, as the turned camera gives them."""
    pose = frame.T_world_cam
    floor = Plane(matrix_of(turns) @ pose[2, :3], -float(pose[2, 3]))
    image = np.ascontiguousarray(np.rot90(frame.image, -turns))
    return image, turned_camera(frame.camera, turns), SceneContext(floor=floor)


def assert_same_people(found, upright, camera: Camera, turns: int) -> None:
    """Within the rounding of coordinates that are turned."""
    turn = matrix_of(turns)
    both = np.kron(np.eye(2), turn)
    for person, other in zip(found, upright, strict=True):
        assert person.confidence == pytest.approx(other.confidence, abs=1e-4)
        assert person.height == pytest.approx(other.height, abs=1e-3)
        assert person.gestures == other.gestures
        assert person.is_occluded == other.is_occluded
        for name in ("transl_cam", "pointing_cam", "velocity_cam", "size_shift"):
            np.testing.assert_allclose(getattr(person, name), turn @ getattr(other, name), atol=2e-3)
        np.testing.assert_allclose(person.joints_cam, other.joints_cam @ turn.T, atol=2e-3)
        np.testing.assert_allclose(person.vertices_cam, other.vertices_cam @ turn.T, atol=2e-3)
        np.testing.assert_allclose(person.joint_confidence, other.joint_confidence, atol=1e-3)
        np.testing.assert_allclose(person.joint_cov, turn @ other.joint_cov @ turn.T, rtol=0.01, atol=1e-5)
        np.testing.assert_allclose(person.orientation_cov, turn @ other.orientation_cov @ turn.T, rtol=0.01, atol=1e-5)
        np.testing.assert_allclose(person.transl_cov, turn @ other.transl_cov @ turn.T, rtol=0.01, atol=1e-5)
        np.testing.assert_allclose(person.position_cov6, both @ other.position_cov6 @ both.T, rtol=0.01, atol=1e-5)
        np.testing.assert_allclose(person.landmarks.pixels, moved(other.landmarks.pixels, camera, turns), atol=0.05)
        corners = moved(other.bbox.reshape(2, 2), camera, turns)
        np.testing.assert_allclose(person.bbox, [*corners.min(0), *corners.max(0)], atol=0.05)


@pytest.mark.parametrize("turns", TURNS)
def test_a_photograph(frames, pipeline, turns):
    image, camera, context = views(frames[0], 0)
    upright = pipeline.estimate(image, camera, request=LEAN, context=context).people
    assert len(upright) == 2
    image, camera, context = views(frames[0], turns)
    found = pipeline.estimate(image, camera, request=LEAN, context=context).people
    assert_same_people(found, upright, camera, turns)


@pytest.mark.parametrize("turns", TURNS)
def test_a_video(frames, looking_twice, turns):
    """People get their ids in the same images, and keep them; what is remembered of them is turned, too."""
    seen = []
    for each in (0, turns):
        looking_twice.reset()
        images = (views(frame, each) for frame in frames)
        stamps = [frame.stamp_s for frame in frames]
        seen.append(
            [looking_twice.track(*i[:2], s, request=LEAN, context=i[2]) for i, s in zip(images, stamps, strict=True)]
        )
    first = {person.id: number for video in seen for number, person in enumerate(video[-1].people)}
    assert [len(scene.people) for scene in seen[0]][-1] == 2
    for scene, upright in zip(seen[1], seen[0], strict=True):
        assert [first[person.id] for person in scene.people] == [first[person.id] for person in upright.people]
        assert_same_people(scene.people, upright.people, scene.camera, turns)


@pytest.mark.parametrize("turns", TURNS)
def test_the_scene_is_of_the_camera_as_it_is_mounted(frames, pipeline, turns):
    """Its image, camera and depth; also where people are, by a depth sensor."""
    scenes = []
    for each in (0, turns):
        image, camera, context = views(frames[0], each)
        z = np.rot90(np.full((frames[0].camera.height, frames[0].camera.width), 5.0, np.float32), -each)
        depth = DepthMap(np.ascontiguousarray(z), camera, "sensor", is_sensor=True)
        scene = pipeline.estimate(image, camera, context=replace(context, depth=depth))
        assert scene.image is image
        assert scene.camera == camera
        scenes.append(scene)
    upright, scene = scenes
    assert_same_people(scene.people, upright.people, scene.camera, turns)
    there, here = np.rot90(upright.depth.metres, -turns), scene.depth.metres
    assert here.shape == there.shape
    both = np.isfinite(there) & np.isfinite(here)
    assert both.sum() > 0.98 * np.isfinite(there).sum() > 0
    np.testing.assert_allclose(here[both], there[both], atol=0.05)


class Painted:
    """A depth network that knows upright images alone: farther up in the image it is farther away."""

    name = "painted"

    def __init__(self) -> None:
        self.images: list[np.ndarray] = []

    def predict(self, image, camera, context):
        self.images.append(image)
        rows = np.linspace(9.0, 2.0, camera.height, dtype=np.float32)
        return DepthMap(np.repeat(rows[:, None], camera.width, axis=1), camera, self.name)


def depth_of(pipeline, source, monkeypatch, frame, turns: int, calibration="affine", **changes):
    """Depth (H, W) of the scene of a camera, turned back to that of the upright one."""
    monkeypatch.setattr(pipeline, "_depth_engine", DepthEngine(source, calibration))
    image, camera, context = views(frame, turns)
    depth = pipeline.estimate(image, camera, context=replace(context, **changes)).depth
    assert depth.problem == ""
    assert depth.metres.shape == (camera.height, camera.width)
    return np.rot90(depth.metres, turns)


def assert_same_depth(found, upright) -> None:
    """But for pixels on the edges of bodies."""
    same = np.isclose(found, upright, rtol=1e-3, equal_nan=True)
    assert same.mean() > 0.998
    assert np.isfinite(upright).mean() > 0.3


@pytest.mark.parametrize("turns", TURNS)
def test_depth_networks_see_the_upright_image(frames, pipeline, monkeypatch, turns):
    source = Painted()
    upright, found = (depth_of(pipeline, source, monkeypatch, frames[0], each) for each in (0, turns))
    np.testing.assert_array_equal(*source.images)
    assert_same_depth(found, upright)


@pytest.mark.parametrize("turns", TURNS)
def test_the_floor_under_the_feet_is_that_of_the_upright_camera(frames, pipeline, monkeypatch, turns):
    upright, found = (depth_of(pipeline, GroundPlane(), monkeypatch, frames[0], each) for each in (0, turns))
    assert_same_depth(found, upright)


@pytest.mark.parametrize("turns", TURNS)
def test_an_image_without_the_transform_keeps_the_floor_at_the_feet(frames, pipeline, monkeypatch, turns):
    """It is turned as the last one was; the floor is not at the lower side of the image as it comes."""
    found = []
    for each in (0, turns):
        pipeline.reset()
        monkeypatch.setattr(pipeline, "_depth_engine", DepthEngine(GroundPlane()))
        for number, frame in enumerate(frames):
            image, camera, context = views(frame, each)
            context = context if number < 6 else SceneContext()
            scene = pipeline.track(image, camera, frame.stamp_s, context=context)
        assert scene.depth.assumption
        found.append(np.rot90(scene.depth.metres, each))
    assert_same_depth(found[1], found[0])


@pytest.mark.parametrize("turns", TURNS)
@pytest.mark.parametrize("source", ["topic", "file"])
def test_measured_depth_stays_at_its_place(frames, pipeline, monkeypatch, source, turns):
    """Of a sensor with another grid and a lens, or a file: they are turned as the camera is."""
    frame = frames[0]
    places = np.random.default_rng(0).uniform(2.0, 9.0, (frame.camera.height // 8, frame.camera.width // 8))
    sensor = stretched(frame.camera, places.shape[1], places.shape[0])
    sensor = Camera(*sensor.size, sensor.intrinsics, "plumb_bob", np.array([0.05, -0.02, 0.01, 0.02]))
    results = []
    for each in (0, turns):
        z = np.ascontiguousarray(np.rot90(places, -each), np.float32)
        given = DepthMap(z, TurnedCamera(sensor, -each % 4).upright, "sensor", is_sensor=True)
        kind = IncomingDepth() if source == "topic" else FileDepth(z, "depth.npy")
        results.append(depth_of(pipeline, kind, monkeypatch, frame, each, "none", depth=given, trusts_depth=False))
    same = np.isclose(results[1], results[0], rtol=1e-3, equal_nan=True)
    assert same.mean() > 0.98  # but for pixels between two of the sensor's
    assert np.isfinite(results[0]).mean() > 0.9


@pytest.mark.parametrize("turns", TURNS)
def test_landmarks_sides_and_gestures_are_those_of_the_upright_image(frames, pipeline, turns):
    """Left stays left: each landmark is at its own place, turned; shoulders are 20 px apart."""
    image, camera, context = views(frames[3], 0)
    upright = pipeline.estimate(image, camera, request=LEAN, context=context).people
    image, camera, context = views(frames[3], turns)
    found = pipeline.estimate(image, camera, request=LEAN, context=context).people
    assert len(found) == len(upright) == 2
    for person in upright:  # people of the same confidence may change places
        there = moved(person.landmarks.pixels[:33], camera, turns)
        gaps = [np.linalg.norm(other.landmarks.pixels[:33] - there, axis=1).mean() for other in found]
        same = found[int(np.argmin(gaps))]
        assert min(gaps) < 0.05
        assert same.confidence == pytest.approx(person.confidence, abs=1e-4)
        assert same.gestures == person.gestures


def test_a_camera_that_is_rolled_by_20_degrees_sees_as_one_without_gravity(frames, pipeline):
    image, camera, _ = views(frames[0], 0)
    up = np.array([np.sin(np.radians(20)), -np.cos(np.radians(20)), 0.0])
    alone = pipeline.estimate(image, camera, request=LEAN).people
    rolled = pipeline.estimate(image, camera, request=LEAN, context=SceneContext(floor=Plane(up, -1.0))).people
    assert len(alone) == 2
    for person, other in zip(rolled, alone, strict=True):
        np.testing.assert_array_equal(person.landmarks.pixels, other.landmarks.pixels)
        assert person.confidence == other.confidence


def searched_turns(pipeline, monkeypatch, contexts, frames) -> list[int]:
    """The turns of the images that the tracker was given, from the images with their contexts."""
    given: list[np.ndarray] = []
    asked: list[int] = []
    update = pipeline._tracker.update

    def noted(image, stamp_s, boxes):
        asked.append(next(turns for turns in range(4) if np.array_equal(image, np.rot90(given[-1], turns))))
        return update(image, stamp_s, boxes)

    monkeypatch.setattr(pipeline._tracker, "update", noted)
    for frame, context in zip(frames, contexts, strict=True):
        image, camera, _ = views(frame, 2)
        given.append(image)
        pipeline.track(image, camera, frame.stamp_s, request=LEAN, context=context)
    return asked


def test_images_that_lack_the_transform_are_turned_as_the_last_one(frames, pipeline, monkeypatch):
    """Else the detector sees nobody in them, and people who are known lose confidence."""
    pipeline.reset()
    _, _, known = views(frames[0], 2)
    contexts = [SceneContext(), known, SceneContext(), SceneContext(forgets_measurements=True), SceneContext()]
    assert searched_turns(pipeline, monkeypatch, contexts, frames[:5]) == [0, 2, 2, 2, 2]


def test_a_floor_on_which_nobody_stands_still_tells_where_up_is(frames, pipeline):
    """As with `use_floor: false`: people are those of the upright image alone, whatever the height of the floor."""
    alone = pipeline.estimate(*views(frames[0], 0)[:2], request=LEAN).people
    image, camera, context = views(frames[0], 2)
    wrong = Plane(context.floor.up, 0.5 * context.floor.height)
    context = SceneContext(floor=wrong, trusts_floor=False)
    found = pipeline.estimate(image, camera, request=LEAN, context=context).people
    assert len(found) == 2
    assert_same_people(found, alone, camera, 2)
    assert [person.scale_correction for person in found] == [None, None]


def test_another_video_does_not_begin_with_the_turn_of_the_last_one(frames, pipeline, monkeypatch):
    pipeline.reset()
    _, _, known = views(frames[0], 2)
    assert searched_turns(pipeline, monkeypatch, [known], frames[:1]) == [2]
    pipeline.reset()
    assert searched_turns(pipeline, monkeypatch, [SceneContext()], frames[:1]) == [0]


class Blind:
    """A detector that sees nobody."""

    def detect(self, image, tile, min_score):
        return []


@pytest.mark.parametrize("turns", TURNS)
def test_boxes_of_others_are_in_pixels_of_the_image_as_it_comes(frames, pipeline, monkeypatch, turns):
    image, camera, context = views(frames[0], 0)
    boxes = [person.bbox for person in pipeline.estimate(image, camera, request=LEAN, context=context).people]
    pipeline.reset()
    monkeypatch.setattr(pipeline, "_tracker", PeopleTracker(BlazePose(), Blind()))
    for frame in frames:
        image, camera, context = views(frame, turns)
        corners = [moved(box.reshape(2, 2), camera, turns) for box in boxes]
        given = tuple(np.concatenate([pair.min(0), pair.max(0)]) for pair in corners)
        found = pipeline.track(image, camera, frame.stamp_s, request=LEAN, context=replace(context, boxes=given)).people
    assert len(found) == len(boxes) == 2


@pytest.mark.parametrize("side", [-1, 1])
def test_people_keep_their_ids_while_a_camera_rolls_over_the_middle_between_two_turns(frames, pipeline, side):
    """By less than a degree; its images go on as before, but from there on the networks see them turned."""
    seen = []
    for turns_over in (False, True):
        pipeline.reset()
        for number, frame in enumerate(frames):
            roll = side * np.radians(45.5 if turns_over and number > 3 else 44.5)
            up = np.array([np.sin(roll), -np.cos(roll), 0.0])
            context = SceneContext(floor=Plane(up, -1.0))
            people = pipeline.track(frame.image, frame.camera, frame.stamp_s, request=LEAN, context=context).people
            seen.append(people)
    straight, over = seen[len(frames) - 1], seen[-1]
    known = [person.id for person in seen[len(frames) + 3]]
    assert [person.id for person in over] == known
    assert len(known) == 2
    for person, other in zip(over, straight, strict=True):
        assert not person.is_occluded
        gaps = np.linalg.norm(person.landmarks.pixels[:33] - other.landmarks.pixels[:33], axis=1)
        assert gaps.mean() < 3.0


def test_a_turned_image_without_gravity_is_searched_as_it_is(frames, pipeline):
    """The detector knows upright people alone: the tests above would pass without a turn if it did not."""
    image, camera, _ = views(frames[0], 1)
    assert len(pipeline.estimate(image, camera, request=LEAN).people) < 2
