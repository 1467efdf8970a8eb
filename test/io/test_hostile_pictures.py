"""Pictures that state sizes that nobody sends, or end too early, at every door: refused before memory is taken."""

from __future__ import annotations

import tracemalloc
from types import SimpleNamespace

import cv2
import numpy as np
import pytest

from benchmarks.hostile import pictures
from metrichmsr_ros.errors import MetricHMRError
from metrichmsr_ros.io.image_header import image_size
from metrichmsr_ros.io.images import ImageTooLargeError, decode_image
from metrichmsr_ros.ros.inputs.conversion_errors import ConversionError
from metrichmsr_ros.ros.inputs.image_conversion import image_from_compressed, image_from_message

REFUSED = [case for case in pictures.cases() if case.expected == "refused"]
FAIR = [case for case in pictures.cases() if case.expected == "read" and "GIF" not in case.name]  # read since 4.11


@pytest.mark.parametrize("case", REFUSED, ids=lambda case: case.name)
def test_hostile_pictures_are_refused_by_name_before_they_take_memory(tmp_path, case):
    path = case.write(tmp_path)
    tracemalloc.start()
    with pytest.raises(MetricHMRError) as error:
        case.read(path)
    assert tracemalloc.get_traced_memory()[1] < 2**22
    tracemalloc.stop()
    assert (case.named or path.name) in str(error.value)


@pytest.mark.parametrize("case", FAIR, ids=lambda case: case.name)
def test_unusual_pictures_are_read(tmp_path, case):
    assert case.read(case.write(tmp_path))[2] == 3


def test_a_jpeg_with_bytes_between_its_segments_is_read():
    """Its decoder skips them, so the header's reader must too."""
    image = np.full((16, 24, 3), 200, np.uint8)
    content = cv2.imencode(".jpg", image)[1].tobytes()
    place = content.index(b"\xff\xc0")
    odd = content[:place] + bytes(50) + content[place:]
    assert image_size(memoryview(odd)) == (24, 16)
    assert np.abs(decode_image(odd, upright=True).astype(int) - 200).max() < 4


def test_the_limit_of_the_node_is_the_callers():
    data = cv2.imencode(".png", np.zeros((10, 20, 3), np.uint8))[1].tobytes()
    message = SimpleNamespace(format="rgb8; png compressed bgr8", data=data)
    assert image_from_compressed(message, max_pixels=200).shape == (10, 20, 3)
    with pytest.raises(ConversionError, match=r"20x10 .*max_megapixels"):
        image_from_compressed(message, max_pixels=199)
    raw = SimpleNamespace(encoding="rgb8", width=20, height=10, step=60, is_bigendian=0, data=bytes(600))
    assert image_from_message(raw, max_pixels=200).shape == (10, 20, 3)
    with pytest.raises(ConversionError, match="raise max_megapixels"):
        image_from_message(raw, max_pixels=199)


@pytest.mark.parametrize("digits", [12, 400, 3000])
@pytest.mark.parametrize("form", ["P6\n{0} 2\n255\n", "P7\nWIDTH {0}\nHEIGHT 2\n", "#?RADIANCE\n\n-Y {0} +X 2\n"])
def test_a_size_of_many_digits_is_too_large(form, digits):
    with pytest.raises(ImageTooLargeError, match="megapixels"):
        decode_image(form.format("9" * digits).encode() + bytes(50), upright=True)


def test_zeros_before_a_size_are_no_size():
    content = b"P6\n" + b"0" * 30 + b"2 1\n255\n" + bytes(6)
    assert image_size(memoryview(content)) == (2, 1)


def test_a_picture_of_no_pixels_is_none():
    with pytest.raises(MetricHMRError):
        decode_image(b"P6\n0 2\n255\n" + bytes(50), upright=True)
