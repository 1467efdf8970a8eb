"""Memory of facing: single confusions, real turns, first images that are wrong, walks, and people who are forgotten."""

from __future__ import annotations

import math

import numpy as np
import pytest
from helpers.facing_views import views_of

from metrichmsr_ros.hmr.temporal.facing_memory import FacingMemory, Walk

DT = 0.1


def kept(memory, angles, number, **options):
    """Whether each view of one person at these angles in image `number` is kept."""
    return memory.update(views_of([angles]), ["a"], number * DT, **options).tolist()


def watched(seen, memory=None, dt=DT):
    """Whether the one view of each image is believed."""
    memory = memory or FacingMemory()
    return [memory.update(views_of([[angle]]), ["a"], n * dt)[0].item() for n, angle in enumerate(seen)]


@pytest.mark.parametrize("true", [0, 20, -35, 180, 150])
@pytest.mark.parametrize("images", [1, 3, 6])
@pytest.mark.parametrize("dt", [0.1, 1 / 15, 1 / 30])
def test_a_walker_does_not_turn_round_for_a_few_images(true, images, dt):
    """Views that reflect the body for 1 to 6 images are refused, those before and after are believed."""
    believed = watched([true] * 20 + [180 - true] * images + [true] * 10, dt=dt)
    assert believed == [True] * 20 + [False] * images + [True] * 10


@pytest.mark.parametrize("seconds", [0.6, 1.0, 2.0])
@pytest.mark.parametrize("start", [0, 45, 180, -100])
@pytest.mark.parametrize("dt", [0.1, 1 / 15, 1 / 30])
def test_a_person_who_turns_through_the_side_is_followed_without_delay(seconds, start, dt):
    count = round(seconds / dt)
    turn = [start + 180 * n / count for n in range(count + 1)]
    assert all(watched([start] * 15 + turn + [start + 180] * 15, dt=dt))


def test_a_person_who_goes_on_turning_is_followed():
    assert all(watched([36 * n for n in range(50)]))


def test_a_first_image_that_is_wrong_is_outvoted_by_later_ones():
    """The first view is believed, as there is nothing else; a second later the other side is."""
    believed = watched([180, 180] + [0] * 20)
    assert believed[0]
    assert all(believed[12:])


def test_somebody_who_is_seen_from_behind_again_after_long_is_believed():
    """A turn that no image shows, e.g. behind a pillar: after 3 s nothing is remembered."""
    memory = FacingMemory()
    assert all(watched([0] * 20, memory))
    assert memory.update(views_of([[180]]), ["a"], 1.9 + 3.0).tolist() == [True]


def test_a_turn_that_lasts_is_believed_in_the_end():
    assert watched([0] * 20 + [180] * 100)[-1]


def test_of_views_that_disagree_the_memory_chooses():
    memory = FacingMemory()
    for number in range(10):
        kept(memory, [0, 5], number)
    assert kept(memory, [170, 3], 10) == [False, True]
    assert kept(memory, [2, 170], 11) == [True, False]


def test_what_contradicts_the_memory_is_named_and_not_remembered():
    memory = FacingMemory()
    assert not memory.contradicts(views_of([[0]]), ["a"], 0.0).any()
    watched([0] * 10, memory)
    for _ in range(50):
        assert memory.contradicts(views_of([[180, 3]]), ["a"], 1.0).tolist() == [True, False]
    assert kept(memory, [0], 10) == [True]


def test_people_do_not_affect_each_other():
    memory = FacingMemory()
    for number in range(10):
        memory.update(views_of([[0], [180, 175]]), ["a", "b"], number * DT)
    assert memory.update(views_of([[180, 10], [170, 0]]), ["b", "a"], 1.0).tolist() == [True, False, False, True]


def test_people_who_are_forgotten_start_anew():
    memory = FacingMemory()
    watched([0] * 10, memory)
    memory.forget_all_but({"b"})
    assert kept(memory, [180], 10) == [True]


def both_sides_seen(velocity, images=20):
    """Belief in views towards and away that are equally strong, of a person who moves."""
    memory, motion = FacingMemory(), {"a": Walk(velocity, 0.1)}
    for number in range(images):
        last = kept(memory, [0, 180], number, walks=motion)
    return last


def test_where_views_are_split_the_walk_decides():
    assert both_sides_seen((0.0, 0.0, -1.2)) == [True, False]
    assert both_sides_seen((0.0, 0.0, 1.2)) == [False, True]
    assert both_sides_seen((0.0, 0.0, 0.2)) == [True, True]


def test_a_camera_that_moves_does_not_turn_people_whose_views_agree():
    """A robot drives for 20 s towards somebody who stands with the back to it: the velocity points at the camera."""
    memory, motion = FacingMemory(), {"a": Walk((0.0, 0.0, -1.5), 0.1)}
    assert all(kept(memory, [180, 175], number, walks=motion) == [True, True] for number in range(200))


def test_somebody_who_lies_along_the_line_of_sight_has_no_angle():
    """Facing is not defined there, and no view is refused."""
    memory = FacingMemory()
    tilt = np.array([[1, 0, 0], [0, 0, 1], [0, -1, 0]], np.float32)
    for number in range(10):
        views = views_of([[0 if number % 3 else 180]])
        views.output.rotmats[:, 0] = tilt @ views.output.rotmats[:, 0]
        assert memory.update(views, ["a"], number * DT).all()


def test_beliefs_stay_probabilities():
    memory = FacingMemory()
    rng = np.random.default_rng(0)
    for number in range(300):
        angles = rng.uniform(0, 360, 3).tolist()
        memory.update(views_of([angles]), ["a"], number * DT)
        _, belief = memory._beliefs["a"]
        assert math.isclose(float(belief.sum()), 1.0, abs_tol=1e-4)
        assert belief.min() >= 0


def test_doubt_is_small_after_views_that_agree_and_grows_with_those_that_do_not():
    memory = FacingMemory()
    watched([0] * 20, memory)
    steady = memory.doubt(views_of([[0]]).output, ["a"])
    assert 0 <= steady[0] < 0.05
    assert memory.doubt(views_of([[180]]).output, ["a"])[0] == pytest.approx(1 - steady[0], abs=1e-3)
    for number in range(20, 26):
        memory.update(views_of([[180]]), ["a"], number * DT)
    confused = memory.doubt(views_of([[0]]).output, ["a"])
    assert steady[0] < confused[0] < 0.5


def test_doubt_is_that_of_each_person():
    memory = FacingMemory()
    for number in range(20):
        memory.update(views_of([[0], [90]]), ["a", "b"], number * DT)
    found = memory.doubt(views_of([[180], [90]]).output, ["a", "b"])
    assert found[0] > 0.9
    assert found[1] < 0.1
