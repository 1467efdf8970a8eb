"""Compressed images, whichever program wrote their format."""

from __future__ import annotations

import array
from types import SimpleNamespace

import cv2
import numpy as np
import pytest
from helpers.pictures import HEIGHT, WIDTH, encode, make_message, picture, smooth_picture

from metrichmsr_ros.ros.inputs.image_conversion import ConversionError, image_from_compressed, image_from_message


def test_png_and_jpeg():
    rgb = smooth_picture()
    png = encode(rgb[..., ::-1], ".png", "rgb8; png compressed bgr8")
    np.testing.assert_array_equal(image_from_compressed(png), rgb)
    jpeg = encode(rgb[..., ::-1], ".jpg", "jpeg", (cv2.IMWRITE_JPEG_QUALITY, 98))
    np.testing.assert_allclose(image_from_compressed(jpeg).astype(int), rgb.astype(int), atol=12)


def test_compressed_rgb_order_and_bayer_as_image_transport_writes_them():
    rgb = picture()
    np.testing.assert_array_equal(image_from_compressed(encode(rgb, ".png", "rgb8; png compressed rgb8")), rgb)
    mosaic = picture()[..., 0]
    found = image_from_compressed(encode(mosaic, ".png", "bayer_rggb8; png compressed bayer_rggb8"))
    np.testing.assert_array_equal(found, image_from_message(make_message(mosaic, "bayer_rggb8")))


@pytest.mark.parametrize(
    ("format_text", "data", "words"),
    [
        ("jpeg", b"", "without data"),
        ("jpeg", b"not a picture at all", "cannot be decoded"),
        ("16UC1; compressedDepth png", b"\x00" * 64, "depth image"),
        ("", b"", "without data"),
        ("bayer_xx8; png compressed bayer_", None, "'bayer_xx8' is not a Bayer pattern"),
    ],
)
def test_bad_compressed_images(format_text, data, words):
    if data is None:
        data = encode(picture()[..., 0], ".png", "").data
    with pytest.raises(ConversionError, match=words):
        image_from_compressed(SimpleNamespace(format=format_text, data=array.array("B", data)))


DEPTH_FORMATS = [
    "16UC1; png compressed ", "16UC1; jpeg compressed ", "16uc1;png", " 16UC1 ; png compressed 16UC1",
    "32FC1; tiff compressed", "32FC1; compressedDepth rvl", "compressedDepth", "mono16; compressedDepth png",
    "png; 16UC1", "Z16; png",
]  # fmt: skip


@pytest.mark.parametrize("format_text", DEPTH_FORMATS)
def test_compressed_depth_is_refused_in_the_words_for_raw_depth(format_text):
    depth = np.tile(np.linspace(500, 6000, WIDTH).astype(np.uint16), (HEIGHT, 1))
    with pytest.raises(ConversionError) as raw:
        image_from_message(make_message(depth, "16UC1"))
    with pytest.raises(ConversionError) as compressed:
        image_from_compressed(encode(depth, ".png", format_text))
    assert str(compressed.value).partition("is not")[2] == str(raw.value).partition("is not")[2]


ANNEX_B = b"\0\0\0\1\x67" + bytes(range(256))
VIDEO = [
    ("h264", ANNEX_B), ("H264", ANNEX_B), ("hevc", ANNEX_B), ("h265; yuv420p", ANNEX_B), ("av1", b"\x12\0" * 50),
    ("vp9", b"DKIF" * 9), ("libx264;yuv420p;bgr8;bgr8", ANNEX_B), ("ffmpeg", b"1" * 99), ("video/mp4", b"1" * 99),
    ("h264_nvenc", b"1" * 99), ("hevc_vaapi", b"1" * 99), ("mpeg4", b"1" * 99), ("theora", b"OggS" * 9),
    ("jpeg", ANNEX_B), ("", b"\0\0\0\x18ftypmp42" * 9),
]  # fmt: skip


@pytest.mark.parametrize(("format_text", "data"), VIDEO)
def test_packets_of_video_are_named_as_such_with_the_remedy(format_text, data):
    with pytest.raises(ConversionError, match=r"video.*republish") as told:
        image_from_compressed(SimpleNamespace(format=format_text, data=array.array("B", data)))
    assert "cut off" not in str(told.value)


@pytest.mark.parametrize("format_text", ["jpeg", "jpg", "JPEG", "image/jpeg", "mjpeg", "", "rgb8; jpeg compressed bgr8",
                                         "bgr8; jpeg compressed bgr8", "bayer_rggb8; jpeg compressed bgr8",
                                         "yuv422; jpeg compressed ", "nonsense"])  # fmt: skip
def test_jpeg_is_read_whatever_program_wrote_the_format(format_text):
    rgb = smooth_picture()
    jpeg = encode(rgb[..., ::-1], ".jpg", format_text, (cv2.IMWRITE_JPEG_QUALITY, 98))
    np.testing.assert_allclose(image_from_compressed(jpeg).astype(int), rgb.astype(int), atol=12)


@pytest.mark.parametrize("format_text", ["bayer_rggb8; png compressed bayer_rggb8", "bayer_rggb8; png compressed ",
                                         "bayer_rggb8; png compressed bayer_", "BayerRG8;png", "bayer_rggb8",
                                         "bayer_rggb16; png compressed "])  # fmt: skip
def test_a_compressed_mosaic_is_read_whatever_program_wrote_the_format(format_text):
    mosaic = picture()[..., 0]
    expected = image_from_message(make_message(mosaic, "bayer_rggb8"))
    np.testing.assert_array_equal(image_from_compressed(encode(mosaic, ".png", format_text)), expected)


@pytest.mark.parametrize("bits", [10, 12, 16])
@pytest.mark.parametrize("channels", [1, 3, 4])
def test_png_of_16_bits_is_scaled_as_raw_images_are(channels, bits):
    ramp = np.linspace(0, (1 << bits) - 1, WIDTH).astype(np.uint16)
    numbers = ramp[None, :, None].repeat(HEIGHT, 0).repeat(channels, 2)
    found = image_from_compressed(encode(numbers.squeeze(), ".png", "png"))
    np.testing.assert_allclose(found[3, :, 0], np.linspace(0, 255, WIDTH), atol=1)


def test_a_huge_header_is_refused_before_memory_is_taken():
    png = bytearray(encode(picture(), ".png", "png").data)
    png[16:24] = (60_000).to_bytes(4, "big") * 2
    with pytest.raises(ConversionError, match="60000x60000"):
        image_from_compressed(SimpleNamespace(format="png", data=bytes(png)))


@pytest.mark.parametrize("extension", [".jpg", ".png", ".webp"])
@pytest.mark.parametrize("kept", [0.1, 0.5, 0.99])
def test_compressed_images_that_are_cut_off_are_refused(extension, kept):
    message = encode(smooth_picture(), extension, extension[1:])
    message.data = message.data[: int(kept * len(message.data))]
    with pytest.raises(ConversionError, match="cut off" if extension == ".jpg" else "cannot be decoded"):
        image_from_compressed(message)
