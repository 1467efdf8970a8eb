"""Which CameraInfo an image gets, and when it waits for its own."""

from __future__ import annotations

import pytest

pytest.importorskip("rclpy")

from helpers.ros_messages import HEIGHT, WIDTH, make_header, make_info

from metrichmsr_ros.ros.inputs.camera_info import STEADY_INFOS, CameraInfos
from metrichmsr_ros.ros.inputs.stamp_gate import FrameDropped

SIZE = WIDTH, HEIGHT


@pytest.fixture
def infos(monkeypatch):
    """Infos that count how often somebody waits, and what comes meanwhile."""
    infos = CameraInfos()
    infos.waits, infos.coming = 0, []

    def wait_for(condition, timeout):
        infos.waits += 1
        while infos.coming:
            infos.add(infos.coming.pop())
        return condition()

    monkeypatch.setattr(infos._arrived, "wait_for", wait_for)
    return infos


def focal(infos, seconds, size=SIZE):
    return infos.camera(make_header(seconds), size, None).intrinsics[0, 0]


def steady(infos):
    """A camera that has said the same for a while."""
    for index in range(STEADY_INFOS):
        infos.add(make_info(index, focal=50.0))
        assert focal(infos, index) == 50.0
    assert infos.waits == 0
    return STEADY_INFOS


def test_the_first_images_wait_for_their_own_camera_info(infos):
    infos.add(make_info(1.0, focal=50.0))
    infos.coming = [make_info(2.0, focal=60.0)]
    assert focal(infos, 2.0) == 60.0
    assert (infos.waits, infos.pairing) == (1, "of the image's stamp")


def test_nobody_waits_for_a_calibration_that_stays_the_same(infos):
    now = steady(infos)
    assert focal(infos, now) == 50.0
    assert (infos.waits, infos.pairing) == (0, "the newest")


def test_while_calibration_changes_every_image_waits_for_its_own(infos):
    now = steady(infos)
    infos.add(make_info(now, focal=60.0))  # somebody zooms
    infos.coming = [make_info(now + 1, focal=70.0)]
    assert focal(infos, now + 1) == 70.0
    assert infos.waits == 1


def test_an_image_of_another_size_waits_for_its_own(infos):
    now = steady(infos)
    infos.coming = [make_info(now, width=2 * WIDTH, height=2 * HEIGHT, focal=100.0)]
    assert focal(infos, now, (2 * WIDTH, 2 * HEIGHT)) == 100.0
    assert infos.waits == 1


def test_a_doubtful_calibration_is_used_and_reported_for_every_image():
    told: list[tuple[str, str]] = []
    infos = CameraInfos(problem=lambda cause, text: told.append((cause, text)))
    for seconds in (1.0, 2.0):
        info = make_info(seconds, focal=50.0)
        info.k[2] = info.p[2] = WIDTH - 1.0  # cx of an image twice as wide
        infos.add(info)
        assert focal(infos, seconds) == 50.0
    assert [cause for cause, _ in told] == ["doubtful camera_info"] * 2
    assert f"({WIDTH - 1}, " in told[0][1]


def test_an_impossible_calibration_drops_the_image_with_the_number_and_the_remedy():
    infos = CameraInfos()
    infos.add(make_info(1.0, focal=0.8))
    with pytest.raises(FrameDropped, match=r"CameraInfo\.k has focal lengths 0\.8") as dropped:
        focal(infos, 1.0)
    assert dropped.value.cause == "bad camera_info"
