"""Numbers that cannot be a calibration are refused, unusual ones are doubted, and real cameras pass in silence."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from helpers.camera_infos import plain_info

from metrichmsr_ros.errors import CalibrationWarning
from metrichmsr_ros.geometry.camera import Camera, CameraError, calibration_doubts
from metrichmsr_ros.geometry.camera_info import camera_from_info
from metrichmsr_ros.geometry.camera_options import CameraOptions


def k_of(fx, fy, cx, cy):
    return [fx, 0, cx, 0, fy, cy, 0, 0, 1]


def p_of(fx, fy, cx, cy):
    return [fx, 0, cx, 0, 0, fy, cy, 0, 0, 0, 1, 0]


# (width, height), (fx, fy, cx, cy), words of the refusal
IMPOSSIBLE = {
    "negative": ((512, 512), (-443.0, -443.0, 255.5, 255.5), "focal lengths -443"),
    "identity": ((512, 512), (1.0, 1.0, 0.0, 0.0), "identity"),
    "normalised": ((512, 512), (0.86, 0.86, 0.5, 0.5), "multiply fx, cx by its width"),
    "normalised, wide image": ((1920, 1080), (0.7, 1.24, 0.5, 0.5), "multiply fx, cx by its width"),
    "millimetres": ((1920, 1080), (4.0, 4.0, 960.0, 540.0), "millimetres"),
    "fx ten times fy": ((512, 512), (4430.0, 443.0, 255.5, 255.5), "fx 4430 and fy 443"),
    "fy ten times fx": ((640, 480), (600.0, 6000.0, 320.0, 240.0), "fx 600 and fy 6000"),
    "centre at the corner": ((512, 512), (443.0, 443.0, 0.0, 0.0), "corner"),
    "centre far outside": ((512, 512), (443.0, 443.0, 2000.0, 255.0), "(2000, 255)"),
    "centre far above": ((512, 512), (443.0, 443.0, 255.0, -900.0), "(255, -900)"),
}
DOUBTFUL = {
    "half the resolution": ((512, 512), (221.5, 221.5, 127.5, 127.5), "one of 256x256"),
    "twice the resolution": ((512, 512), (886.0, 886.0, 511.5, 511.5), "one of 1024x1024"),
    "1080p on 720p": ((1280, 720), (1400.0, 1400.0, 959.5, 539.5), "one of 1920x1080"),
    "VGA on 720p": ((1280, 720), (600.0, 600.0, 319.5, 239.5), "one of 640x480"),
    "720p on 1080p": ((1920, 1080), (930.0, 930.0, 639.5, 359.5), "one of 1280x720"),
    "centre outside": ((512, 512), (443.0, 443.0, 600.0, 255.0), "(600, 255)"),
    "fx three times fy": ((512, 512), (1329.0, 443.0, 255.5, 255.5), "squeezed"),
    "nanometres": ((640, 480), (6e5, 6e5, 320.0, 240.0), "very long"),
}
REAL = {
    "webcam": ((640, 480), (600.0, 610.0, 322.5, 241.25)),
    "portrait": ((1080, 1920), (1500.0, 1500.0, 540.0, 955.0)),
    "4K": ((3840, 2160), (5000.0, 5000.0, 1935.0, 1075.0)),
    "anamorphic": ((1920, 1080), (1200.0, 2400.0, 960.0, 540.0)),
    "wide fisheye": ((848, 800), (170.0, 170.0, 424.5, 408.2)),
    "cut off-centre": ((640, 480), (900.0, 900.0, 240.0, 310.0)),
    "zoom": ((1920, 1080), (30000.0, 30000.0, 980.0, 530.0)),
}


def told(width, height, **fields):
    """Camera and the texts of its doubts."""
    with warnings.catch_warnings(record=True) as found:
        warnings.simplefilter("always")
        camera = camera_from_info(plain_info(width, height, **fields))
    assert all(issubclass(warning.category, CalibrationWarning) for warning in found)
    return camera, [str(warning.message) for warning in found]


@pytest.mark.parametrize(("size", "numbers", "words"), IMPOSSIBLE.values(), ids=IMPOSSIBLE)
def test_impossible_numbers_are_refused_wherever_they_come_from(size, numbers, words):
    for p in ((), p_of(*numbers), p_of(450.0, 450.0, size[0] / 2, size[1] / 2)):
        with pytest.raises(CameraError) as refusal:
            camera_from_info(plain_info(*size, k=k_of(*numbers), p=p))
        assert words in str(refusal.value)
        assert "CameraInfo.k" in str(refusal.value)
    with pytest.raises(CameraError):
        CameraOptions(intrinsics=numbers).camera(*size)
    if min(numbers) >= 0:
        with pytest.raises(CameraError) as refusal:
            calibration_doubts(Camera(*size, np.reshape(k_of(*numbers), (3, 3))))
        assert words in str(refusal.value)


@pytest.mark.parametrize(("size", "numbers", "words"), DOUBTFUL.values(), ids=DOUBTFUL)
def test_unusual_numbers_are_used_and_doubted(size, numbers, words):
    camera, texts = told(*size, k=k_of(*numbers))
    assert camera.intrinsics.ravel().tolist() == k_of(*numbers)
    assert any(words in text for text in texts), texts
    found: list[str] = []
    assert CameraOptions(intrinsics=numbers).camera(*size, doubt=found.append).size == size
    assert any(words in text and text.startswith("--intrinsics") for text in found), found
    assert any(words in text for text in calibration_doubts(camera))


@pytest.mark.parametrize(("size", "numbers"), REAL.values(), ids=REAL)
def test_real_cameras_pass_in_silence(size, numbers):
    camera, texts = told(*size, k=k_of(*numbers), p=p_of(*numbers))
    assert not texts
    assert not calibration_doubts(camera)


def test_windows_and_binning_are_judged_in_the_pixels_of_the_calibration():
    k = k_of(2000.0, 2000.0, 1919.5, 1079.5)
    camera, texts = told(3840, 2160, k=k, roi=(0, 0, 640, 480))  # the axis passes far outside this corner
    assert (camera.intrinsics[0, 2], texts) == (1919.5, [])
    camera, texts = told(3840, 2160, k=k, binning=(4, 1))
    assert (camera.intrinsics[0, 0], camera.intrinsics[1, 1], texts) == (500.0, 2000.0, [])


@pytest.mark.parametrize(
    "p", [p_of(1.0, 1.0, 0.0, 0.0), p_of(-443.0, -443.0, 255.5, 255.5), p_of(0.86, 0.86, 0.5, 0.5)]
)
@pytest.mark.parametrize("rectified", [None, True])
def test_an_impossible_projection_beside_good_intrinsics_is_left_out(p, rectified):
    good = k_of(443.0, 443.0, 255.5, 255.5)
    found: list[str] = []
    for d in ([0.0] * 5, [-0.1, 0.01, 0, 0, 0]):
        camera = camera_from_info(plain_info(512, 512, d=d, k=good, p=p), rectified=rectified, doubt=found.append)
        assert camera.rectified().intrinsics.ravel().tolist() == good
        assert "CameraInfo.p" in found[-1]
        assert found[-1].endswith("CameraInfo.k is used instead")


def test_a_projection_of_another_scale_is_doubted():
    k, p = k_of(600.0, 600.0, 320.0, 240.0), p_of(100.0, 100.0, 320.0, 240.0)
    camera, texts = told(640, 480, d=[-0.1, 0.01, 0, 0, 0], k=k, p=p)
    assert camera.rectified().intrinsics[0, 0] == 100.0
    assert "fx 100 px and CameraInfo.k 600 px" in texts[0]


def test_a_lens_that_turns_back_inside_the_image_is_doubted():
    """r (1 + k1 r^2) turns at r^2 = -1 / (3 k1): for k1 = -3 at 1/3, 200 of 320 pixels."""
    _, texts = told(640, 480, d=[-3.0, 0, 0, 0, 0], k=k_of(600.0, 600.0, 319.5, 239.5))
    assert "turns back inside the image" in texts[0]
    assert not told(640, 480, d=[-0.3, 0.1, 0, 0, 0], k=k_of(600.0, 600.0, 319.5, 239.5))[1]


@pytest.mark.parametrize("r", [[1, 0, 0, 0, 1, 0, 0, 0, -1], [-1, 0, 0, 0, 1, 0, 0, 0, -1]])
def test_a_rectification_that_looks_backwards_is_refused(r):
    info = plain_info(640, 480, d=[-0.1, 0, 0, 0, 0], k=k_of(600.0, 600.0, 320.0, 240.0), r=np.array(r, float))
    with pytest.raises(CameraError, match=r"CameraInfo\.r"):
        camera_from_info(info)
