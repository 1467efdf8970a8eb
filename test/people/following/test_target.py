"""The same person through changes of id and losses; never another, also when two are close."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from metrichmsr_ros.people.following.candidate import Candidate, CandidateError
from metrichmsr_ros.people.following.config import FollowConfig
from metrichmsr_ros.people.following.goal import Viewpoint, goal_before, nearest_in_front
from metrichmsr_ros.people.following.target import FollowedPerson, FollowStatus
from metrichmsr_ros.people.tracking.kalman import RootFilter

CONFIG = FollowConfig()
RATE = 8.0  # exact in binary
TALL = np.full(10, 1.5)


def person(id="p1", x=3.0, y=0.0, height=1.75, betas=None, **changes):
    shape = np.zeros(10) if betas is None else betas
    covariance = np.diag([0.02, 0.02, 0.01])
    return replace(Candidate(id, np.array([x, y, 0.9]), covariance, 0.5, height, shape), **changes)


class Walk:
    """Somebody who walks along x at 1 m/s and is followed from the first image on."""

    def __init__(self, *others):
        self.time, self.followed = 0.0, FollowedPerson()
        self.followed.follow(self.walker(), [self.walker(), *others], self.time)
        self.see(20, lambda: [self.walker(), *others])

    def walker(self, id="p1", y=0.0, **changes):
        return person(id, x=3.0 + self.time, y=y, **changes)

    def see(self, images, people=lambda: []):
        for _ in range(images):
            self.time += 1 / RATE
            self.followed.step(people(), self.time)
        return self.followed.state


def test_who_is_seen_is_followed_with_the_motion():
    walk = Walk()
    state = walk.followed.state
    assert (state.status, state.id, state.unseen_s, state.found_again) == (FollowStatus.FOLLOWING, "p1", 0.0, 0)
    np.testing.assert_allclose(state.position, walk.walker().position, atol=0.02)
    np.testing.assert_allclose(state.velocity, [1, 0, 0], atol=0.05)
    assert state.heading == 0.5


def test_who_is_not_seen_is_predicted_then_lost_then_forgotten():
    walk = Walk()
    state = walk.see(round(CONFIG.predict_for * RATE))
    assert state.status is FollowStatus.PREDICTED
    np.testing.assert_allclose(state.position, walk.walker().position, atol=0.05)
    state = walk.see(1)
    assert (state.status, state.position, state.velocity, state.id) == (FollowStatus.LOST, None, None, "p1")
    assert state.unseen_s == pytest.approx(CONFIG.predict_for + 1 / RATE)
    state = walk.see(round(CONFIG.forget_after * RATE))
    assert (state.status, state.id) == (FollowStatus.IDLE, "")
    assert walk.see(5, lambda: [walk.walker()]).status is FollowStatus.IDLE  # only a new choice follows again


def test_the_own_id_is_not_taken_after_a_pause_that_is_longer_than_the_search():
    walk = Walk()
    walk.time += CONFIG.forget_after + 1.0  # no image came meanwhile
    assert walk.followed.step([walk.walker()], walk.time).status is FollowStatus.IDLE


def test_a_hidden_person_counts_as_not_seen():
    walk = Walk()
    assert walk.see(3, lambda: [walk.walker(is_hidden=True)]).status is FollowStatus.PREDICTED
    assert walk.see(5, lambda: [walk.walker(is_hidden=True)]).status is FollowStatus.LOST


@pytest.mark.parametrize("gap", [0, 3, 15])
def test_a_new_id_at_the_predicted_place_is_the_same_person(gap):
    walk = Walk()
    walk.see(gap)
    state = walk.see(1, lambda: [walk.walker("p7")])
    assert (state.status, state.id, state.found_again) == (FollowStatus.FOLLOWING, "p7", 1)
    np.testing.assert_allclose(state.position, walk.walker().position, atol=0.1)


def test_the_own_id_is_the_same_person_after_a_loss_also_elsewhere():
    walk = Walk()
    walk.see(50)
    state = walk.see(1, lambda: [person("p1", x=4.0, y=2.0)])
    assert (state.status, state.id) == (FollowStatus.FOLLOWING, "p1")
    np.testing.assert_allclose(state.position, [4.0, 2.0, 0.9], atol=1e-3)  # not between there and the prediction


@pytest.mark.parametrize(
    "wrong", [{"height": 1.45}, {"betas": TALL * 2}, {"y": 6.0}], ids=["a child", "another shape", "elsewhere"]
)
def test_a_new_id_of_somebody_else_is_not_taken(wrong):
    walk = Walk()
    state = walk.see(20, lambda: [walk.walker("p7", **wrong)])
    assert state.status is FollowStatus.LOST


@pytest.mark.parametrize("rate", [8, 32, 64])
def test_a_quarter_of_a_second_of_a_wrong_height_is_not_remembered_at_any_rate_of_images(rate):
    followed = FollowedPerson()
    followed.follow(person(), [person()], 0.0)
    for number in range(1, rate + 1):
        height = 1.2 if number > 0.75 * rate else 1.75  # bent down
        followed.step([person(height=height)], number / rate)
    followed.step([], 1 + 1 / 64)
    assert followed.step([person("p2")], 1 + 2 / 64).id == "p2"


def test_who_was_seen_beside_the_person_is_never_taken():
    friend = person("p2", x=5.3, y=0.2)
    walk = Walk(friend)
    state = walk.see(30, lambda: [walk.walker("p2")])  # at the very place, with the same shape
    assert state.status is FollowStatus.LOST


def test_of_two_close_newcomers_neither_is_taken_until_one_fits_clearly():
    walk = Walk()
    twins = walk.see(4, lambda: [walk.walker("p7", y=0.15), walk.walker("p8", y=-0.15)])
    assert twins.status is FollowStatus.PREDICTED
    state = walk.see(1, lambda: [walk.walker("p7"), walk.walker("p8", y=1.2)])
    assert (state.status, state.id) == (FollowStatus.FOLLOWING, "p7")


def test_an_id_that_was_seen_where_the_person_cannot_be_is_never_taken():
    walk = Walk()
    far = walk.see(2, lambda: [person("p7", x=9.0)])  # 3.5 m away after a quarter of a second
    assert far.status is FollowStatus.PREDICTED
    state = walk.see(4, lambda: [walk.walker("p7")])  # came to meet the person
    assert state.status is FollowStatus.LOST
    assert walk.see(1, lambda: [walk.walker("p7", y=-0.8), walk.walker("p8")]).id == "p8"


def test_a_newcomer_who_may_be_somebody_else_who_was_lost_is_not_taken():
    """A friend beside the person is lost at the same time; who comes back between them may be either."""
    friend = {"y": 0.9, "height": 1.70}
    walk = Walk()
    walk.see(8, lambda: [walk.walker(), walk.walker("p2", **friend)])
    walk.see(4)
    assert walk.see(4, lambda: [walk.walker("p7", y=0.45, height=1.72)]).status is FollowStatus.LOST
    both = walk.see(1, lambda: [walk.walker("p7", **friend), walk.walker("p8")])  # now each has a place
    assert (both.status, both.id) == (FollowStatus.FOLLOWING, "p8")


def test_a_newcomer_who_is_surely_somebody_else_is_not_taken():
    walk = Walk()
    walk.see(8, lambda: [walk.walker(), walk.walker("p2", y=1.2, height=1.55)])
    walk.see(8)
    assert walk.see(8, lambda: [walk.walker("p7", y=1.2, height=1.55)]).status is FollowStatus.LOST
    assert walk.see(1, lambda: [walk.walker("p7", y=1.2, height=1.55), walk.walker("p8")]).id == "p8"


def test_who_was_lost_long_ago_is_no_rival():
    walk = Walk()
    walk.see(8, lambda: [walk.walker(), walk.walker("p2", y=0.5)])
    walk.see(round((CONFIG.forget_after + 1) * RATE), lambda: [walk.walker()])
    walk.see(2)
    assert walk.see(1, lambda: [walk.walker("p7", y=0.2)]).id == "p7"


def test_two_close_people_who_keep_their_ids_are_not_confused():
    walk = Walk(person("p2", x=4.0, y=0.3))
    for _ in range(20):
        state = walk.see(1, lambda: [walk.walker("p2", y=0.1), walk.walker("p1", y=0.3)])
        assert state.id == "p1"
    assert state.position[1] > 0.2


def test_an_id_that_jumps_to_somebody_else_is_not_followed():
    walk = Walk()
    state = walk.see(10, lambda: [person("p1", x=3.0, y=3.5, height=1.5)])
    assert state.status is FollowStatus.LOST


def test_somebody_new_is_less_likely_the_person_the_longer_the_loss():
    walk = Walk()
    walk.see(64)
    assert walk.see(1, lambda: [walk.walker("p7", y=1.0)]).status is FollowStatus.LOST


def test_a_choice_follows_somebody_else_at_once():
    walk = Walk()
    chosen = person("p2", x=1.0, y=1.0)
    state = walk.followed.follow(chosen, [walk.walker(), chosen], walk.time)
    assert (state.id, state.found_again) == ("p2", 0)
    np.testing.assert_allclose(state.position, chosen.position)
    assert walk.see(1, lambda: [walk.walker(), chosen]).id == "p2"


def test_a_bag_that_loops_ends_the_following():
    walk = Walk()
    assert walk.followed.step([walk.walker()], walk.time - 1.1).status is FollowStatus.IDLE


def test_an_image_that_comes_late_changes_nothing():
    walk = Walk()
    before = walk.followed.state
    assert walk.followed.step([], walk.time - 0.9) is before
    assert walk.see(1, lambda: [walk.walker()]).status is FollowStatus.FOLLOWING


@pytest.mark.parametrize(
    ("changes", "named"),
    [({"height": np.nan}, "height nan"), ({"covariance": -np.eye(3)}, "positive definite")],
)
def test_numbers_that_cannot_be_followed_are_named(changes, named):
    with pytest.raises(CandidateError, match=f"'p1' has the .*{named}"):
        person(**changes)


def test_the_nearest_in_front_is_chosen():
    view = Viewpoint(np.array([1.0, 1.0]), np.pi / 2)  # looks along y
    near, far, behind = person("a", 1.2, 2.5), person("b", 1.0, 3.5), person("c", 1.0, 0.5)
    hidden, aside = person("d", 1.0, 1.5, is_hidden=True), person("e", 2.0, 1.1)
    everybody = [far, behind, near, hidden, aside]
    assert nearest_in_front(everybody, view, 4.0, 0.6) is near
    assert nearest_in_front([far, behind], view, 2.0, 0.6) is None
    assert nearest_in_front(everybody, view, 4.0, np.pi) is behind


def test_viewpoints_of_robot_and_camera_agree():
    pose = np.eye(4)
    pose[:3, :3] = np.array([[0.0, -1, 0], [1, 0, 0], [0, 0, 1]])  # x of the robot along y
    pose[:2, 3] = 2.0, 3.0
    optical = pose.copy()
    optical[:3, :3] = pose[:3, :3] @ np.array([[0.0, 0, 1], [-1, 0, 0], [0, -1, 0]])
    robot, camera = Viewpoint.of_robot(pose), Viewpoint.of_camera(optical)
    assert robot.yaw == pytest.approx(np.pi / 2) == pytest.approx(camera.yaw)
    np.testing.assert_allclose(robot.place, camera.place)


def test_the_goal_is_on_the_line_to_the_person_and_faces_the_person():
    view = Viewpoint(np.array([0.0, 0.0]), 0.0)
    place, yaw = goal_before(np.array([3.0, 4.0, 0.9]), view, 1.5)
    np.testing.assert_allclose(place, [3.5 * 0.6, 3.5 * 0.8])
    assert yaw == pytest.approx(np.arctan2(4, 3))
    close, yaw = goal_before(np.array([0.0, 1.0, 0.9]), view, 1.5)
    np.testing.assert_allclose(close, [0, 0])  # nearer than the distance: the robot only turns
    assert yaw == pytest.approx(np.pi / 2)


def test_every_sighting_counts_once():
    """Position and velocity are those of a motion filter that sees the person as often, also after a new id."""
    followed, motion = FollowedPerson(), RootFilter()
    for number, id in enumerate(("p1", "p1", "p7", "p7")):
        seen = person(id, x=3.0 + 0.1 * number)
        friend = person("p2", y=3.0 + 0.1 * number)
        if number == 0:
            state = followed.follow(seen, [seen, friend], 0.0)
        else:
            state = followed.step([seen, friend], number / RATE)
        position, velocity, _ = motion.update(seen.position, seen.covariance, number / RATE)
        np.testing.assert_allclose(state.position, position)
        np.testing.assert_allclose(state.velocity, velocity)
