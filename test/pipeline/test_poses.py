"""Poses over a video: the heavier network is asked only in doubt, and a wrong facing leaves no trace in the result."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from types import SimpleNamespace

import numpy as np
import pytest
from helpers.facing_views import views_of
from scipy.spatial.transform import Rotation

from metrichmsr_ros.body.joints import JOINT_NAMES
from metrichmsr_ros.body.torch_engine import TorchBody
from metrichmsr_ros.hmr.facing import front_of
from metrichmsr_ros.pipeline.poses import VideoPoses, decided

IMAGE = np.zeros((8, 8, 3), np.uint8)


CAMERA = SimpleNamespace(size=(8, 8))


@dataclass
class Person:
    """A tracked person of whom only the id and the arms in the image are read."""

    id: str
    landmarks: object


def arms_seen(are_seen):
    """Landmarks of a person with both forearms inside the image, visible or hidden."""
    pixels = np.full((39, 2), 4.0)
    pixels[[11, 12], 1], pixels[[23, 24], 1] = 3.0, 6.0
    return SimpleNamespace(pixels=pixels, visibility=np.full(39, float(are_seen)))


@dataclass
class Script:
    """A fake of the estimator and of the maker of views: views are at scripted angles, degrees, 0 towards the camera.

    Attributes:
        light: angles of the views of each person in this image.
        heavy: angles of the two heavy views, or None without the network.
        asked: rows for which the heavier network was asked, by image.
    """

    light: list[list[float]] = field(default_factory=list)
    heavy: list[float] | None = None
    asked: list[list[int]] = field(default_factory=list)

    def batch(self, image, sets, camera):
        return None

    def views(self, first, image, further, camera):
        return views_of(self.light)

    def begin_pixels(self, first):
        return lambda: None

    def with_pixels(self, estimate, first, pixels):
        return estimate

    def heavy_views(self, image, seen, rows, known):
        self.asked.append(list(rows))
        return {} if self.heavy is None else dict.fromkeys(rows, self.heavy)

    def with_more(self, views, image, further, camera):
        for row, angles in further.items():
            both = views_of([angles], weights=[2.0, 2.0])
            views = views.joined(replace(both, person=np.full(2, row), people=views.people))
        return views


class Video:
    """Images 0.1 s apart through `VideoPoses`."""

    def __init__(self, body, heavy=None):
        self.script = Script(heavy=heavy)
        self.poses = VideoPoses(self.script, self.script, TorchBody(body))
        self.stamp_s = 0.0

    def see(self, *people, ids=("a", "b")):
        """Degrees of each person's estimated front, 0 towards the camera, from angles of their views."""
        self.script.light = [list(angles) for angles in people]
        seen = [Person(name, arms_seen(False)) for name in ids[: len(people)]]
        front = front_of(self.poses(IMAGE, seen, {}, CAMERA, self.stamp_s)[0].rotmats)
        self.stamp_s += 0.1
        return np.degrees(np.arctan2(front[:, 0], -front[:, 2])).tolist()


def test_views_that_agree_ask_nobody(body):
    video = Video(body, heavy=[0, 0])
    for _ in range(10):
        assert video.see([3, -3], [170, -170])[0] == pytest.approx(0, abs=1)
    assert video.script.asked == []


def test_the_heavier_network_decides_between_views_that_disagree_and_only_for_their_person(body):
    video = Video(body, heavy=[175, -175])
    a, b = video.see([0, 0], [0, 180])
    assert a == pytest.approx(0, abs=1)
    assert abs(b) == pytest.approx(180, abs=4)
    assert video.script.asked == [[1]]


def test_a_flip_against_the_memory_asks_the_heavier_network(body):
    video = Video(body, heavy=[2, -2])
    for _ in range(10):
        video.see([0])
    assert video.see([180])[0] == pytest.approx(0, abs=1)
    assert video.script.asked == [[0]]


@pytest.mark.parametrize("true", [0.0, 30.0, 180.0, -140.0])
def test_without_the_heavier_network_a_flipped_body_is_reflected_back(body, true):
    video = Video(body)
    for _ in range(20):
        video.see([true, true])
    for _ in range(3):
        (front,) = video.see([180 - true, 180 - true])
        assert abs((front - true + 180) % 360 - 180) < 2


def test_a_person_who_turns_is_followed_with_a_lag_of_a_few_degrees(body):
    """Half a turn in a second; smoothing lags by 2 degrees at 10 Hz."""
    video = Video(body)
    for n in range(11):
        (front,) = video.see([18.0 * n])
        assert abs((front - 18.0 * n + 180) % 360 - 180) < 4


def test_an_id_that_ends_takes_its_memory_along(body):
    video = Video(body)
    for _ in range(10):
        video.see([0], [0])
    video.poses.forget_all_but({"b"})
    a, b = video.see([180], [180])
    assert abs(a) == pytest.approx(180, abs=1)
    assert b == pytest.approx(0, abs=1)


def test_of_a_new_person_with_split_views_one_side_is_taken_and_no_mixture():
    views = views_of([[0, 180]])
    front = front_of(decided(views, np.array([True, True])).rotmats)
    np.testing.assert_allclose(front, [[0, 0, -1]], atol=1e-5)


def test_who_holds_out_an_arm_is_seen_by_the_heavier_network_and_the_arm_stays_as_it_said(body):
    """T-poses: the lighter network bends the left forearm; the heavier one, asked once, does not."""
    elbow = JOINT_NAMES.index("left_elbow")
    bent = Rotation.from_euler("y", -0.8).as_matrix().astype(np.float32)

    class Bends(Script):
        def views(self, first, image, further, camera):
            views = views_of(self.light)
            views.output.rotmats[:, elbow] = bent
            return views

    script = Bends(light=[[0, 0]], heavy=[0, 0])
    poses = VideoPoses(script, script, TorchBody(body))

    def bend(stamp, is_seen):
        rotmats = poses(IMAGE, [Person("a", arms_seen(is_seen))], {}, CAMERA, stamp)[0].rotmats[0, elbow]
        return Rotation.from_matrix(rotmats).magnitude()

    hidden = [bend(0.1 * number, False) for number in range(10)]
    assert hidden == pytest.approx([0.8] * 10, abs=0.01)
    assert script.asked == []
    seen = [bend(0.1 * number, True) for number in range(10, 20)]
    assert script.asked == [[0]]  # not again within a second and a half
    assert seen[-1] == pytest.approx(0.8 / 3, abs=0.02)  # mean of two straight views of weight 2 and two bent ones


def test_the_memory_is_in_the_frame_of_the_camera_as_it_is_mounted(body):
    """A camera on its side: estimates are of the upright image, and so must walks be that are evidence about them."""
    script = Script(light=[[20, 20]])
    plain, turned = (VideoPoses(script, script, TorchBody(body)) for _ in range(2))
    rotation = np.array([[0, 1, 0], [-1, 0, 0], [0, 0, 1]], np.float32)
    seen = [Person("a", arms_seen(False))]
    walks = []

    def noted(views, ids, stamp_s, known):
        walks.append(known["a"].velocity)
        return update(views, ids, stamp_s, known)

    update, turned._facing.update = turned._facing.update, noted
    turned.moved([SimpleNamespace(id="a", velocity_cam=np.array([1.0, 2.0, 3.0]), position_cov6=np.eye(6))])
    for stamp_s in (0.0, 0.1):
        script.light = [[20 + 100 * stamp_s] * 2]
        expected, _ = plain(IMAGE, seen, {}, CAMERA, stamp_s)
        found, _ = turned(IMAGE, seen, {}, CAMERA, stamp_s, rotation)
        np.testing.assert_allclose(found.rotmats[:, 0], rotation.T @ expected.rotmats[:, 0], atol=1e-5)
        np.testing.assert_allclose(found.transl, expected.transl @ rotation, atol=1e-6)
        np.testing.assert_allclose(found.rotmats[:, 1:], expected.rotmats[:, 1:], atol=1e-6)
    assert walks == [(2.0, -1.0, 3.0)] * 2
    later, _ = turned(IMAGE, seen, {}, CAMERA, 0.2)  # upright again: what was smoothed is where it was
    assert np.isfinite(later.rotmats).all()
