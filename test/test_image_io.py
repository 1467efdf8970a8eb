"""JPEGs cut off anywhere are told from whole ones, whatever is inside them or behind their end."""

from __future__ import annotations

import array

import cv2
import numpy as np
import pytest

from metrichmsr_ros.image_io import is_jpeg_cut_off

KINDS = {
    "baseline": [],
    "progressive, several scans": [cv2.IMWRITE_JPEG_PROGRESSIVE, 1],
    "restart markers": [cv2.IMWRITE_JPEG_RST_INTERVAL, 2],
}


def picture(size: int) -> np.ndarray:
    return cv2.GaussianBlur(np.random.default_rng(3).integers(0, 255, (size, size, 3), np.uint8), (0, 0), 2)


def jpeg(size: int = 96, parameters: list[int] | None = None) -> bytes:
    return cv2.imencode(".jpg", picture(size), [*(parameters or []), cv2.IMWRITE_JPEG_QUALITY, 95])[1].tobytes()


def with_thumbnail(content: bytes, thumbnail: bytes) -> bytes:
    """A whole JPEG inside a segment of another, as EXIF has it."""
    inside = b"Exif\0\0" + thumbnail
    return content[:2] + b"\xff\xe1" + (len(inside) + 2).to_bytes(2, "big") + inside + content[2:]


@pytest.mark.parametrize("parameters", KINDS.values(), ids=KINDS.keys())
def test_every_cut_is_seen(parameters):
    content = jpeg(parameters=parameters)
    assert not is_jpeg_cut_off(content)
    assert all(is_jpeg_cut_off(content[:kept]) for kept in range(2, len(content), 97))
    assert is_jpeg_cut_off(content[:-1])
    assert is_jpeg_cut_off(content[:-2])


def test_the_end_of_a_thumbnail_is_not_the_end():
    content = with_thumbnail(jpeg(), thumbnail := jpeg(16))
    assert not is_jpeg_cut_off(content)
    assert cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_COLOR).shape == (96, 96, 3)
    behind_thumbnail = 2 + 4 + 6 + len(thumbnail)
    assert all(is_jpeg_cut_off(content[:kept]) for kept in range(behind_thumbnail + 1, len(content), 97))


@pytest.mark.parametrize("behind", [b"\0" * 40, b"\0" * 5000, b"trailer of a camera", jpeg(16)[:100]])
def test_what_follows_the_end_is_no_matter(behind):
    assert not is_jpeg_cut_off(jpeg() + behind)


def test_buffers_of_messages_and_other_formats():
    content = jpeg()
    for buffer in (array.array("B", content), np.frombuffer(content, np.uint8), memoryview(content)):
        assert not is_jpeg_cut_off(buffer)
        assert is_jpeg_cut_off(buffer[:500])
    assert not is_jpeg_cut_off(b"")
    assert not is_jpeg_cut_off(cv2.imencode(".png", picture(16))[1].tobytes()[:100])
