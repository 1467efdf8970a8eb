"""Cameras that are mounted upside down or on their side find the people that an upright one finds.

The images are those of an upright camera, turned: people, sizes and places must be the same but for the turn.
"""

from __future__ import annotations

import numpy as np
import pytest
from helpers.fetched_networks import skip_without_blazepose

from metrichmsr_ros.data.synthesis.walking_sequence import WalkingSequence
from metrichmsr_ros.depth.factory import DepthChoice
from metrichmsr_ros.depth.sources.ground_plane import Plane
from metrichmsr_ros.geometry.camera import Camera
from metrichmsr_ros.geometry.quarter_turns import turned_back
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


def views(frame, turns: int):
    """Image, camera and context of a frame, as the turned camera gives them."""
    pose = frame.T_world_cam
    floor = Plane(matrix_of(turns) @ pose[2, :3], -float(pose[2, 3]))
    image = np.ascontiguousarray(np.rot90(frame.image, -turns))
    return image, turned_camera(frame.camera, turns), SceneContext(floor=floor)


def assert_same_people(found, upright, turns: int) -> None:
    """Within what the networks change where the camera is turned: they have seen few such cameras."""
    for person, other in zip(found, upright, strict=True):
        assert person.confidence == pytest.approx(other.confidence, abs=0.05)
        assert person.height == pytest.approx(other.height, abs=0.05)
        distance = np.linalg.norm(other.transl_cam)
        assert np.linalg.norm(person.transl_cam - matrix_of(turns) @ other.transl_cam) < 0.05 * distance
        joints = other.joints_cam @ matrix_of(turns).T
        assert np.linalg.norm(person.joints_cam - joints, axis=-1).mean() < 0.05 * distance


@pytest.mark.parametrize("turns", TURNS)
def test_a_photograph(frames, pipeline, turns):
    image, camera, context = views(frames[0], 0)
    upright = pipeline.estimate(image, camera, request=LEAN, context=context).people
    assert len(upright) == 2
    image, camera, context = views(frames[0], turns)
    found = pipeline.estimate(image, camera, request=LEAN, context=context).people
    assert_same_people(found, upright, turns)


@pytest.mark.parametrize("turns", TURNS)
def test_a_video(frames, pipeline, turns):
    """People get their ids in the same images, and keep them."""
    ids, last = [], []
    for each in (0, turns):
        pipeline.reset()
        seen = []
        for frame in frames:
            image, camera, context = views(frame, each)
            people = pipeline.track(image, camera, frame.stamp_s, request=LEAN, context=context).people
            seen.append([person.id for person in people])
        first = {id: number for number, id in enumerate(dict.fromkeys(id for names in seen for id in names))}
        ids.append([[first[id] for id in names] for names in seen])
        last.append(people)
    assert ids[0] == ids[1]
    assert ids[0][-1] == [0, 1]
    assert_same_people(last[1], last[0], turns)


@pytest.mark.parametrize("turns", TURNS)
def test_landmarks_sides_and_gestures_are_those_of_the_upright_image(frames, pipeline, turns):
    """Left stays left: each landmark is at its own place, turned, within a few pixels; shoulders are 20 px apart."""
    image, camera, context = views(frames[3], 0)
    upright = pipeline.estimate(image, camera, request=LEAN, context=context).people
    image, camera, context = views(frames[3], turns)
    found = pipeline.estimate(image, camera, request=LEAN, context=context).people
    assert len(found) == len(upright) == 2
    for person in upright:  # people of the same confidence may change places
        there = turned_back(person.landmarks.pixels[:33], turns, camera.size)
        gaps = [np.linalg.norm(other.landmarks.pixels[:33] - there, axis=1).mean() for other in found]
        same = found[int(np.argmin(gaps))]
        assert min(gaps) < 2.0
        assert same.confidence == pytest.approx(person.confidence, abs=0.01)
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
    """The turns with which the tracker was asked for each of the images with their contexts."""
    asked: list[int] = []
    update = pipeline._tracker.update

    def noted(image, stamp_s, boxes, turns):
        asked.append(turns)
        return update(image, stamp_s, boxes, turns)

    monkeypatch.setattr(pipeline._tracker, "update", noted)
    for frame, context in zip(frames, contexts, strict=True):
        image, camera, _ = views(frame, 2)
        pipeline.track(image, camera, frame.stamp_s, request=LEAN, context=context)
    return asked


def test_images_that_lack_the_transform_are_turned_as_the_last_one(frames, pipeline, monkeypatch):
    """Else the detector sees nobody in them, and people who are known lose confidence."""
    pipeline.reset()
    _, _, known = views(frames[0], 2)
    contexts = [SceneContext(), known, SceneContext(), SceneContext(forgets_measurements=True), SceneContext()]
    assert searched_turns(pipeline, monkeypatch, contexts, frames[:5]) == [0, 2, 2, 0, 0]


def test_another_video_does_not_begin_with_the_turn_of_the_last_one(frames, pipeline, monkeypatch):
    pipeline.reset()
    _, _, known = views(frames[0], 2)
    assert searched_turns(pipeline, monkeypatch, [known], frames[:1]) == [2]
    pipeline.reset()
    assert searched_turns(pipeline, monkeypatch, [SceneContext()], frames[:1]) == [0]


class Blind:
    """A detector that sees nobody."""

    def detect(self, image, tile, min_score, turns):
        return []


@pytest.mark.parametrize("turns", TURNS)
def test_boxes_of_others_are_in_pixels_of_the_image_as_it_comes(frames, pipeline, turns):
    image, camera, context = views(frames[0], 0)
    boxes = [person.bbox for person in pipeline.estimate(image, camera, request=LEAN, context=context).people]
    tracker = PeopleTracker(BlazePose(), Blind())
    for frame in frames:
        image, camera, _ = views(frame, turns)
        corners = [turned_back(box.reshape(2, 2), turns, camera.size) for box in boxes]
        given = [np.concatenate([pair.min(0), pair.max(0)]) for pair in corners]
        found = tracker.update(image, frame.stamp_s, given, turns)
    assert len(found) == len(boxes) == 2


def test_a_turned_image_without_gravity_is_searched_as_it_is(frames, pipeline):
    """The detector knows upright people alone: the tests above would pass without a turn if it did not."""
    image, camera, _ = views(frames[0], 1)
    assert len(pipeline.estimate(image, camera, request=LEAN).people) < 2
