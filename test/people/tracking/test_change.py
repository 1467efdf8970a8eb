"""What counts as a change of the image since it was last searched."""

from __future__ import annotations

import numpy as np
import pytest

from metrichmsr_ros.people.tracking.change import ChangeWatch

SIZES = [(480, 640), (1080, 1920), (640, 360), (5, 900), (1, 2)]


def picture(shape, seed=0):
    """Blocks of colours."""
    blocks = np.random.default_rng(seed).integers(40, 200, (9, 9, 3), np.uint8)
    rows, columns = (np.arange(length) * 9 // length for length in shape)
    return blocks[rows][:, columns]


def noisy(image, seed):
    noise = np.random.default_rng(seed).normal(0, 6, image.shape)
    return np.clip(image + noise, 0, 255).astype(np.uint8)


def searched(image, known=()):
    watch = ChangeWatch()
    watch.cover(image.shape, known)
    assert watch.changed(image)  # nothing was searched before
    watch.searched()
    return watch


@pytest.mark.parametrize("shape", SIZES)
def test_noise_and_exposure_are_no_change(shape):
    image = picture(shape)
    watch = searched(noisy(image, 1) if min(shape) > 100 else image)
    watch.cover(image.shape, [])
    assert not watch.changed(noisy(image, 2) if min(shape) > 100 else image)
    assert not watch.changed(np.clip(image.astype(int) + 20, 0, 255).astype(np.uint8))


@pytest.mark.parametrize("shape", SIZES[:3])
def test_a_person_of_a_tenth_of_the_height_is_a_change(shape):
    image = picture(shape)
    watch = searched(image)
    high = shape[0] // 10
    image[high : 2 * high, high : high + high // 3] += 50
    watch.cover(image.shape, [])
    assert watch.changed(image)


def test_a_camera_that_turns_changes_everything():
    image = picture((480, 640))
    watch = searched(image)
    watch.cover(image.shape, [])
    assert watch.changed(np.roll(image, 8, axis=1))


def test_what_known_people_covered_since_the_search_does_not_count():
    """Neither where they are now nor where they were when the image was searched."""
    empty = picture((480, 640))
    boxes = [np.array([x, 200.0, x + 40, 330]) for x in (100.0, 130.0, 160.0)]

    def with_person(box):
        image = empty.copy()
        x0, y0, x1, y1 = box.astype(int)
        image[y0:y1, x0:x1] = 20
        return image

    watch = searched(with_person(boxes[0]), boxes[:1])
    for k in range(3):
        watch.cover(empty.shape, [boxes[k]])
        assert not watch.changed(with_person(boxes[k]))
    other = with_person(boxes[2])
    other[100:150, 500:520] = 20
    assert watch.changed(other)


def test_a_reset_forgets_the_last_image():
    image = picture((480, 640))
    watch = searched(image)
    watch.reset()
    smaller = picture((240, 320))
    watch.cover(smaller.shape, [])
    assert watch.changed(smaller)
