"""Sizes come from headers alone, so that a picture that is too large is refused before memory is taken for it."""

from __future__ import annotations

import struct
import tracemalloc
import zlib

import cv2
import numpy as np
import pytest
from helpers.exif import exif_of, jpeg_with_orientation, png_chunk, png_with_orientation

from metrichmsr_ros.cli.predict import InputError, load_photo
from metrichmsr_ros.io.image_header import exif_orientation, image_size
from metrichmsr_ros.io.images import ImageTooLargeError, decode_as_stored, decode_grey, decode_image

WRITTEN = [
    *(".jpg", ".png", ".webp", ".tiff", ".bmp", ".ppm", ".pgm", ".pbm", ".pnm", ".pxm", ".pam"),
    *(".jp2", ".ras", ".sr", ".hdr", ".pic", ".gif", ".avif", ".exr", ".pfm"),
]


def encoded(extension: str, width: int = 37, height: int = 23) -> bytes:
    image = np.random.default_rng(0).integers(0, 255, (height, width, 3), np.uint8)
    if extension in (".pgm", ".pbm"):
        image = image[..., 0]
    if extension in (".hdr", ".pic", ".pfm", ".exr"):
        image = image.astype(np.float32)
    try:
        done, data = cv2.imencode(extension, image)
    except cv2.error:
        done = False
    if not done:
        pytest.skip(f"this OpenCV does not write {extension}")
    return data.tobytes()


@pytest.mark.parametrize("extension", WRITTEN)
def test_the_size_of_every_format_that_opencv_writes(extension):
    content = encoded(extension)
    assert image_size(memoryview(content)) == (37, 23)
    for cut in range(0, min(len(content), 400), 7):
        image_size(memoryview(content)[:cut])  # no error, whatever is missing
    with pytest.raises(ImageTooLargeError, match="37x23"):
        decode_as_stored(content, max_pixels=37 * 23 - 1)


@pytest.mark.parametrize("parameters", [[cv2.IMWRITE_JPEG_PROGRESSIVE, 1], [cv2.IMWRITE_JPEG_RST_INTERVAL, 2]])
def test_sizes_of_other_kinds_of_jpeg(parameters):
    image = np.zeros((23, 37, 3), np.uint8)
    thumbnail = cv2.imencode(".jpg", image[:5, :5])[1].tobytes()
    content = cv2.imencode(".jpg", image, parameters)[1].tobytes()
    inside = b"Exif\0\0" + thumbnail
    content = content[:2] + b"\xff\xe1" + (len(inside) + 2).to_bytes(2, "big") + inside + b"\xff" + content[2:]
    assert image_size(memoryview(content)) == (37, 23)


def test_sizes_of_both_kinds_of_webp_and_tiff():
    image = np.zeros((23, 37, 3), np.uint8)
    for quality in (50, 101):  # lossy VP8, lossless VP8L
        content = cv2.imencode(".webp", image, [cv2.IMWRITE_WEBP_QUALITY, quality])[1].tobytes()
        assert image_size(memoryview(content)) == (37, 23)
    chunk = b"VP8X" + struct.pack("<I", 10) + b"\0\0\0\0" + (36).to_bytes(3, "little") + (22).to_bytes(3, "little")
    assert image_size(memoryview(b"RIFF\0\0\0\0WEBP" + chunk)) == (37, 23)
    entries = struct.pack(">HHIHHHHII", 256, 3, 1, 37, 0, 257, 4, 1, 23)
    assert image_size(memoryview(b"MM\0*" + struct.pack(">IH", 8, 2) + entries)) == (37, 23)
    big = struct.pack("<HHQQ", 256, 4, 1, 37) + struct.pack("<HHQQ", 257, 16, 1, 23)
    assert image_size(memoryview(b"II+\0" + struct.pack("<HHQQ", 8, 0, 16, 2) + big)) == (37, 23)


def test_sizes_of_formats_that_few_builds_of_opencv_write():
    jp2 = b"\0\0\0\x0cjP  \r\n\x87\n" + b"\0\0\0\x14ftypjp2 " + b"\0\0\0\x16ihdr" + struct.pack(">II", 23, 37)
    assert image_size(memoryview(jp2)) == (37, 23)
    j2k = b"\xff\x4f\xff\x51" + struct.pack(">HHIIII", 47, 0, 40, 30, 3, 7)  # the picture begins at (3, 7)
    assert image_size(memoryview(j2k)) == (37, 23)
    window = b"dataWindow\0box2i\0" + struct.pack("<Iiiii", 16, -2, 5, 34, 27)
    assert image_size(memoryview(b"\x76\x2f\x31\x01\x02\0\0\0" + window)) == (37, 23)


@pytest.mark.parametrize("data", [b"", b"text" * 20, b"\xff\xd8", b"P6 x y", b"BM", b"RIFF____WEBP", b"\0" * 100])
def test_what_is_no_picture_has_no_size(data):
    assert image_size(memoryview(data)) is None
    assert exif_orientation(memoryview(data)) == 1


def huge(kind: str) -> bytes:
    """40000 x 40000 pixels by the header, and next to nothing behind it."""
    if kind == "png":
        head = png_chunk(b"IHDR", struct.pack(">IIBBBBB", 40000, 40000, 8, 2, 0, 0, 0))
        return b"\x89PNG\r\n\x1a\n" + head + png_chunk(b"IDAT", zlib.compress(bytes(1000))) + png_chunk(b"IEND", b"")
    if kind == "ppm":
        return b"P6\n# made by hand\n40000 40000\n255\n" + bytes(100)
    small = cv2.imencode(f".{kind}", np.zeros((16, 16, 3), np.uint8))[1].tobytes()
    if kind == "jpg":
        place = small.index(b"\xff\xc0") + 5
        return small[:place] + struct.pack(">HH", 40000, 40000) + small[place + 4 :]
    return small[:18] + struct.pack("<ii", 40000, -40000) + small[26:]  # bmp


@pytest.mark.parametrize("kind", ["png", "jpg", "bmp", "ppm"])
@pytest.mark.parametrize("decode", [lambda data: decode_image(data, upright=True), decode_grey, decode_as_stored])
def test_gigapixels_are_refused_before_memory_is_taken(kind, decode):
    data = huge(kind)
    tracemalloc.start()
    with pytest.raises(ImageTooLargeError, match=r"40000x40000 pixels \(1600\.0 megapixels\)"):
        decode(data)
    assert tracemalloc.get_traced_memory()[1] < 2**20
    tracemalloc.stop()


def test_a_large_photograph_names_the_option(tmp_path):
    path = tmp_path / "giga.png"
    path.write_bytes(huge("png"))
    with pytest.raises(InputError, match=r"giga\.png: the header says .*--max-pixels"):
        load_photo(path)
    path.write_bytes(b"\xff\xd8" + bytes(2**21))
    with pytest.raises(InputError, match=r"a file of 2 MB"):
        load_photo(path, max_pixels=1000)


def test_64_megapixels_of_a_telephone_are_taken():
    content = cv2.imencode(".jpg", np.zeros((16, 16, 3), np.uint8))[1].tobytes()
    place = content.index(b"\xff\xc0") + 5
    telephone = content[:place] + struct.pack(">HH", 6944, 9248) + content[place + 4 :]
    try:
        decode_grey(telephone)
    except ImageTooLargeError as error:
        pytest.fail(str(error))


@pytest.mark.parametrize("orientation", range(1, 9))
def test_orientations_of_all_formats(orientation):
    assert exif_orientation(memoryview(jpeg_with_orientation(encoded(".jpg"), orientation))) == orientation
    assert exif_orientation(memoryview(png_with_orientation(encoded(".png"), orientation))) == orientation
    exif = exif_of(orientation)
    webp = encoded(".webp") + b"EXIF" + struct.pack("<I", len(exif)) + exif
    assert exif_orientation(memoryview(webp)) == orientation


@pytest.mark.parametrize("orientation", [0, 9, 65535])
def test_orientations_that_do_not_exist_are_upright(orientation):
    assert exif_orientation(memoryview(jpeg_with_orientation(encoded(".jpg"), orientation))) == 1
