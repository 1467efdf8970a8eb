"""Pictures are decoded as they were encoded; JPEGs cut off anywhere are told from whole ones."""

from __future__ import annotations

import array
import io

import cv2
import numpy as np
import pytest
from helpers.exif import jpeg_with_orientation, png_with_orientation, tiff_with_orientation

from metrichmsr_ros.io.cut_off import is_jpeg_cut_off, is_png_cut_off
from metrichmsr_ros.io.images import ImageDataError, decode_as_stored, decode_grey, decode_image, read_photograph

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
def test_bytes_after_the_end_are_ignored(behind):
    assert not is_jpeg_cut_off(jpeg() + behind)


def test_buffers_of_messages_and_other_formats():
    content = jpeg()
    for buffer in (array.array("B", content), np.frombuffer(content, np.uint8), memoryview(content)):
        assert not is_jpeg_cut_off(buffer)
        assert is_jpeg_cut_off(buffer[:500])
    assert not is_jpeg_cut_off(b"")
    assert not is_jpeg_cut_off(cv2.imencode(".png", picture(16))[1].tobytes()[:100])


@pytest.mark.parametrize("pack", [bytes, bytearray, memoryview, lambda data: np.frombuffer(data, np.uint8)])
def test_colours_come_as_rgb(pack):
    image = np.random.default_rng(0).integers(0, 255, (5, 7, 3), np.uint8)
    found = decode_image(pack(cv2.imencode(".png", image[..., ::-1])[1].tobytes()), upright=False)
    np.testing.assert_array_equal(found, image)
    assert found.flags.c_contiguous


def test_grey_pictures_come_as_rgb_too():
    image = np.random.default_rng(0).integers(0, 255, (5, 7), np.uint8)
    content = cv2.imencode(".png", image)[1].tobytes()
    np.testing.assert_array_equal(decode_image(content, upright=True), np.repeat(image[..., None], 3, axis=-1))
    np.testing.assert_array_equal(decode_grey(content), image)


@pytest.mark.parametrize(("orientation", "turns"), [(1, 0), (3, 2), (6, -1), (8, 1)])
def test_photographs_are_turned_as_their_exif_says(orientation, turns):
    stored = cv2.imencode(".jpg", picture(64)[:40])[1].tobytes()
    as_stored = decode_image(stored, upright=True)
    content = jpeg_with_orientation(stored, orientation)
    np.testing.assert_array_equal(decode_image(content, upright=True), np.rot90(as_stored, turns))
    np.testing.assert_array_equal(decode_image(content, upright=False), as_stored)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_every_orientation_is_turned_as_opencv_turns_it(orientation):
    content = jpeg_with_orientation(cv2.imencode(".jpg", picture(64)[:40])[1].tobytes(), orientation)
    expected = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_COLOR)[..., ::-1]
    np.testing.assert_array_equal(decode_image(content, upright=True), expected)
    stored = cv2.imencode(".png", picture(64)[:40])[1].tobytes()
    turned = decode_image(png_with_orientation(stored, orientation), upright=True)
    assert turned.shape == expected.shape
    assert (turned.astype(int) - expected).std() < 10  # the same picture, but for the JPEG's losses


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_a_tiff_is_turned_once_and_says_how_it_was_stored(orientation, dtype, tmp_path):
    image = picture(64)[:40].astype(dtype) * (1 if dtype == np.uint8 else 257)
    plain = cv2.imencode(".tiff", image)[1].tobytes()
    content = tiff_with_orientation(plain, orientation)
    turned = decode_image(png_with_orientation(cv2.imencode(".png", image)[1].tobytes(), orientation), upright=True)
    np.testing.assert_array_equal(decode_image(content, upright=True), turned)
    np.testing.assert_array_equal(decode_image(content, upright=False), decode_image(plain, upright=False))
    np.testing.assert_array_equal(decode_grey(content), decode_grey(plain))
    (tmp_path / "a.tiff").write_bytes(content)
    assert read_photograph(tmp_path / "a.tiff").orientation == orientation


@pytest.mark.parametrize("orientation", range(1, 9))
def test_an_avif_is_turned_as_its_properties_say(orientation):
    image = pytest.importorskip("PIL.Image")
    if not pytest.importorskip("PIL.features").check("avif"):
        pytest.skip("this Pillow does not write AVIF")
    pixels = np.zeros((40, 64, 3), np.uint8)
    pixels[:20, :32], pixels[20:, :32], pixels[:20, 32:] = (200, 0, 0), (0, 200, 0), (0, 0, 200)
    exif, file = image.Exif(), io.BytesIO()
    exif[274] = orientation
    image.fromarray(pixels).save(file, "AVIF", exif=exif, quality=100)
    try:
        found = decode_image(file.getvalue(), upright=True)
    except ImageDataError:
        pytest.skip("this OpenCV does not read AVIF")
    stored = cv2.imencode(".png", pixels[..., ::-1])[1].tobytes()
    turned = decode_image(png_with_orientation(stored, orientation), upright=True)
    assert found.shape == turned.shape
    assert np.abs(found.astype(int) - turned).mean() < 10
    assert np.abs(decode_image(file.getvalue(), upright=False).astype(int) - pixels).mean() < 10


@pytest.mark.parametrize(("dtype", "extension"), [(np.uint8, ".png"), (np.uint16, ".png"), (np.float32, ".tiff")])
def test_numbers_come_as_stored(dtype, extension):
    depth = (np.random.default_rng(0).random((6, 9)) * 250).astype(dtype)
    found = decode_as_stored(cv2.imencode(extension, depth)[1].tobytes())
    assert found.dtype == dtype
    np.testing.assert_array_equal(found, depth)


def test_the_end_of_a_png_is_missed_where_a_part_states_more_than_there_is():
    content = cv2.imencode(".png", picture(32))[1].tobytes()
    assert not is_png_cut_off(content)
    assert not is_png_cut_off(content + b"behind the end")
    assert not is_png_cut_off(jpeg())
    place = content.index(b"IDAT")
    lies = content[: place - 4] + b"\xf0\0\0\0" + content[place:]  # 4 GB, which OpenCV would ask for
    for cut in (lies, content[:200], content[: place + 4]):
        assert is_png_cut_off(cut)


@pytest.mark.parametrize("decode", [lambda data: decode_image(data, upright=True), decode_grey, decode_as_stored])
def test_what_is_not_a_whole_picture_is_refused(decode):
    content = jpeg()
    for data, words in ((b"", "0 bytes"), (b"text" * 50, "not an image"), (content[:900], "cut off after 900 bytes")):
        with pytest.raises(ImageDataError, match=words):
            decode(data)
    with pytest.raises(ImageDataError, match="cut off after 200 bytes"):
        decode(cv2.imencode(".png", picture(32))[1].tobytes()[:200])
