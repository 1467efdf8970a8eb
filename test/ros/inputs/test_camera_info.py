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


def test_where_the_info_follows_its_image_a_change_is_applied_to_its_first_image(infos):
    """As most drivers do: the image is published first, then its CameraInfo."""
    for index in range(STEADY_INFOS + 5):
        infos.coming = [make_info(index, focal=50.0)]
        assert focal(infos, index) == 50.0
    now = STEADY_INFOS + 5
    infos.coming = [make_info(now, focal=80.0)]  # another lens is swapped in
    assert focal(infos, now) == 80.0
    assert infos.pairing == "of the image's stamp"


def test_infos_that_stop_coming_in_time_are_not_waited_for(infos):
    for index in range(3):
        infos.coming = [make_info(index, focal=50.0 + index)]
        focal(infos, index)
    waits = infos.waits
    for index in range(3, 8):
        assert focal(infos, index) == 52.0
    assert infos.waits == waits + 1  # the first in vain
    for index in range(8, 11):  # the driver is back
        infos.add(make_info(index, focal=70.0))
        assert focal(infos, index) == 70.0
    infos.coming = [make_info(11, focal=80.0)]
    assert focal(infos, 11) == 80.0


@pytest.mark.parametrize(("seconds", "expected"), [(4.9, 50.0), (5.5, 60.0), (6.4, 60.0)])
def test_infos_of_other_stamps_apply_from_their_moment_on(infos, seconds, expected):
    """A zoom, reported at 1 Hz by stamps of its own: an image taken before the change keeps the old calibration."""
    for index, value in enumerate([50.0, 50.0, 50.0, 50.0, 50.0, 60.0, 60.0]):
        infos.add(make_info(index, focal=value))
    infos.add(make_info(6.5, focal=70.0))
    assert focal(infos, seconds) == expected


def test_one_info_published_long_ago_or_with_another_clock_serves_every_image(infos):
    infos.add(make_info(0.0, focal=50.0))
    assert [focal(infos, seconds) for seconds in (1.0, 2.0, 1e9)] == [50.0] * 3
    ahead = CameraInfos(wait_s=0.0)
    ahead.add(make_info(1e9, focal=60.0))
    assert focal(ahead, 5.0) == 60.0


def test_after_a_bag_loops_the_infos_of_the_new_round_apply(infos):
    for seconds, value in ((98.0, 50.0), (99.0, 50.0), (100.0, 50.0), (0.1, 60.0), (0.2, 60.0)):
        infos.add(make_info(seconds, focal=value))
    assert focal(infos, 0.25) == 60.0


FRAMES = [("", "cam"), ("/cam", "cam"), ("cam", "/cam"), ("cam", ""), ("//cam", "cam "), ("", "")]


@pytest.mark.parametrize(("of_info", "of_image"), FRAMES)
def test_slashes_and_empty_frames_are_no_other_frame(of_info, of_image):
    infos = CameraInfos(wait_s=0.0)
    infos.add(make_info(1.0, frame=of_info, focal=50.0))
    for seconds in (1.0, 2.0):
        assert infos.camera(make_header(seconds, of_image), SIZE, None).intrinsics[0, 0] == 50.0


def test_an_old_info_without_a_frame_does_not_speak_for_every_camera():
    infos = CameraInfos(wait_s=0.0)
    infos.add(make_info(1.0, frame="", focal=50.0))
    infos.add(make_info(2.0, frame="cam", focal=60.0))
    assert infos.camera(make_header(2.5, "cam"), SIZE, None).intrinsics[0, 0] == 60.0
    with pytest.raises(FrameDropped, match="of frame 'cam', the image of 'other'"):
        infos.camera(make_header(1.5, "other"), SIZE, None)
    infos.add(make_info(3.0, frame="", focal=70.0))  # the newest: a driver without a frame
    assert infos.camera(make_header(3.5, "other"), SIZE, None).intrinsics[0, 0] == 70.0
    assert infos.camera(make_header(3.5, "cam"), SIZE, None).intrinsics[0, 0] == 60.0
    assert infos.camera(make_header(3.5, ""), SIZE, None).intrinsics[0, 0] == 70.0


def test_infos_of_several_cameras_on_one_topic_are_told_apart():
    infos = CameraInfos(wait_s=0.0)
    for seconds in (1.0, 2.0):
        for index, frame in enumerate(("left", "/middle", "right")):
            infos.add(make_info(seconds, frame=frame, focal=50.0 + index))
    for seconds in (2.0, 2.01):  # synchronised cameras: equal stamps do not tell which is whose
        found = [
            infos.camera(make_header(seconds, f), SIZE, None).intrinsics[0, 0] for f in ("left", "middle", "right")
        ]
        assert found == [50.0, 51.0, 52.0]
    with pytest.raises(FrameDropped, match="of frame 'right', the image of 'top'") as dropped:
        infos.camera(make_header(2.0, "top"), SIZE, None)
    assert dropped.value.cause == "camera_info of another frame"


def test_an_info_of_the_images_size_is_preferred_to_a_newer_one():
    infos = CameraInfos(wait_s=0.0)
    infos.add(make_info(1.0, focal=50.0))
    infos.add(make_info(1.1, width=2 * WIDTH, height=2 * HEIGHT, focal=100.0))
    assert focal(infos, 1.2) == 50.0
