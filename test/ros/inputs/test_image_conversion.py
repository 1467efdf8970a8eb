"""Images of every encoding against values computed by hand, without OpenCV's conversion tables."""

from __future__ import annotations

import array

import numpy as np
import pytest
from helpers.pictures import HEIGHT, WIDTH, encode, make_message, picture, smooth_picture

from metrichmsr_ros.ros.inputs.bit_depth import BitDepth
from metrichmsr_ros.ros.inputs.encodings import PACKED
from metrichmsr_ros.ros.inputs.image_conversion import (
    SUPPORTED_ENCODINGS,
    ConversionError,
    image_from_compressed,
    image_from_message,
)


def to_yuv(rgb):
    """BT.601 studio range, from the standard's definition: Kr = 0.299, Kb = 0.114."""
    r, g, b = (rgb[..., i].astype(np.float64) / 255 for i in range(3))
    y = 0.299 * r + 0.587 * g + 0.114 * b
    u, v = (b - y) / 1.772, (r - y) / 1.402
    return np.rint(np.stack([16 + 219 * y, 128 + 224 * u, 128 + 224 * v], axis=-1)).astype(np.uint8)


CHANNEL_ORDERS = {"rgb": (0, 1, 2), "bgr": (2, 1, 0), "rgba": (0, 1, 2, 3), "bgra": (2, 1, 0, 3)}


@pytest.mark.parametrize("padding", [0, 5])
@pytest.mark.parametrize("name", CHANNEL_ORDERS)
def test_colour_8_bit_is_exact(name, padding):
    rgb = picture()
    packed = np.dstack([rgb, np.full((HEIGHT, WIDTH), 77, np.uint8)])[..., CHANNEL_ORDERS[name]].reshape(HEIGHT, -1)
    rows = np.pad(packed, ((0, 0), (0, padding)), constant_values=255)
    np.testing.assert_array_equal(image_from_message(make_message(rows, f"{name}8")), rgb)


@pytest.mark.parametrize("order", ["<u2", ">u2"])
@pytest.mark.parametrize("padding", [0, 6])
@pytest.mark.parametrize("name", [*CHANNEL_ORDERS, "mono"])
def test_16_bit_is_scaled_and_byte_order_is_honoured(name, padding, order):
    numbers = np.random.default_rng(1).integers(0, 65536, (HEIGHT, WIDTH, 4), dtype=np.uint16)
    if name == "mono":
        packed, expected = numbers[..., 0], numbers[..., [0, 0, 0]]
    else:
        packed, expected = numbers[..., CHANNEL_ORDERS[name]].reshape(HEIGHT, -1), numbers[..., :3]
    raw = np.ascontiguousarray(packed.astype(order)).view(np.uint8)
    rows = np.pad(raw, ((0, 0), (0, padding)))
    message = make_message(rows, f"{name}16", is_bigendian=int(order == ">u2"))
    np.testing.assert_allclose(image_from_message(message), expected / 65535.0 * 255.0, atol=0.5001)


@pytest.mark.parametrize("encoding", ["mono8", "8UC1"])
def test_grey_fills_three_channels(encoding):
    grey = picture()[..., 0]
    np.testing.assert_array_equal(image_from_message(make_message(grey, encoding)), grey[..., None].repeat(3, axis=2))


def test_plain_opencv_types_are_bgr():
    rgb = picture()
    np.testing.assert_array_equal(image_from_message(make_message(rgb[..., ::-1], "8UC3")), rgb)


@pytest.mark.parametrize("bits", [8, 16])
@pytest.mark.parametrize("pattern", ["rggb", "bggr", "gbrg", "grbg"])
def test_bayer_patterns_put_colours_where_they_belong(pattern, bits):
    rgb = smooth_picture()
    mosaic = np.zeros((HEIGHT, WIDTH), np.uint16)
    for index, colour in enumerate(pattern):
        row, column = divmod(index, 2)
        mosaic[row::2, column::2] = rgb[row::2, column::2, "rgb".index(colour)]
    raw = mosaic.astype(np.uint8) if bits == 8 else (mosaic * 257).astype("<u2")
    found = image_from_message(make_message(raw, f"bayer_{pattern}{bits}"))
    np.testing.assert_allclose(found[2:-2, 2:-2].astype(int), rgb[2:-2, 2:-2].astype(int), atol=6)


@pytest.mark.parametrize(("encoding", "luma"), [("yuv422", 1), ("uyvy", 1), ("yuv422_yuy2", 0), ("yuyv", 0)])
@pytest.mark.parametrize("padding", [0, 8])
def test_yuv422(encoding, luma, padding):
    rgb = smooth_picture()
    yuv = to_yuv(rgb)
    packed = np.zeros((HEIGHT, WIDTH, 2), np.uint8)
    packed[..., luma] = yuv[..., 0]
    packed[:, 0::2, 1 - luma] = yuv[:, 0::2, 1]
    packed[:, 1::2, 1 - luma] = yuv[:, 0::2, 2]
    rows = np.pad(packed.reshape(HEIGHT, -1), ((0, 0), (0, padding)))
    found = image_from_message(make_message(rows, encoding))
    np.testing.assert_allclose(found.astype(int), rgb.astype(int), atol=6)


@pytest.mark.parametrize("padding", [0, 4])
@pytest.mark.parametrize("encoding", ["nv12", "nv21", "nv24"])
def test_semi_planar_yuv(encoding, padding):
    rgb = smooth_picture()
    yuv = to_yuv(rgb)
    chroma = yuv[..., [2, 1]] if encoding == "nv21" else yuv[..., 1:]
    if encoding == "nv24":
        chroma_rows = np.pad(chroma.reshape(HEIGHT, -1), ((0, 0), (0, 2 * padding))).reshape(2 * HEIGHT, -1)
    else:
        chroma_rows = np.pad(chroma[::2, ::2].reshape(HEIGHT // 2, -1), ((0, 0), (0, padding)))
    rows = np.vstack([np.pad(yuv[..., 0], ((0, 0), (0, padding))), chroma_rows])
    found = image_from_message(make_message(rows, encoding, step=WIDTH + padding))
    np.testing.assert_allclose(found.astype(int), rgb.astype(int), atol=9)


def test_semi_planar_with_the_step_of_two_channels():
    yuv = to_yuv(smooth_picture())
    rows = np.vstack([yuv[..., 0], yuv[::2, ::2, 1:].reshape(HEIGHT // 2, -1)])
    tight = image_from_message(make_message(rows, "nv12", step=WIDTH))
    np.testing.assert_array_equal(image_from_message(make_message(rows, "nv12", step=2 * WIDTH)), tight)


@pytest.mark.parametrize("encoding", SUPPORTED_ENCODINGS)
def test_every_encoding_refuses_truncated_data_and_takes_whole_data(encoding):
    size = WIDTH * HEIGHT * 8
    message = make_message(np.full(size, 128, np.uint8), encoding, step=WIDTH * 8)
    image = image_from_message(message)
    assert image.shape == (HEIGHT, WIDTH, 3)
    assert image.dtype == np.uint8
    message.data = message.data[: WIDTH * HEIGHT // 2]
    with pytest.raises(ConversionError, match="truncated"):
        image_from_message(message)


def test_missing_padding_of_the_last_row_is_no_truncation():
    rgb = picture()
    rows = np.pad(rgb.reshape(HEIGHT, -1), ((0, 0), (0, 7)))
    message = make_message(rows, "rgb8")
    message.data = message.data[:-7]
    np.testing.assert_array_equal(image_from_message(message), rgb)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"encoding": "klingon8"}, "klingon8.*supported.*bgr8"),
        ({"encoding": ""}, "encoding ''.*the driver did not set it.*bgr8"),
        ({"encoding": "16UC1"}, "depth encoding"),
        ({"encoding": "32FC1"}, "depth encoding"),
        ({"step": 10}, "step 10"),
        ({"width": 100_000, "height": 100_000}, "100000x100000, more than 67 megapixels"),
        ({"width": 2**32 - 1}, "megapixels"),
        ({"encoding": "jpeg"}, "CompressedImage"),
        ({"encoding": "h264"}, "is video.*republish"),
        ({"encoding": "Mono12p"}, "packed across bytes"),
        ({"encoding": "SRGGB10_CSI2P"}, "packed across bytes"),
        ({"encoding": "16uc1 "}, "depth encoding"),
        ({"encoding": "Z16"}, "depth encoding"),
        ({"encoding": "TYPE_32FC1"}, "depth encoding"),
        ({"width": 0}, "0x12"),
        ({"height": 0}, "16x0"),
        ({"data": array.array("B")}, "0 bytes"),
        ({"encoding": "yuyv", "width": 15}, "even width"),
        ({"encoding": "nv12", "height": 11}, "even size"),
    ],
)
def test_errors_name_the_field_and_the_value(change, words):
    message = make_message(picture(), "rgb8")
    vars(message).update(change)
    with pytest.raises(ConversionError, match=words):
        image_from_message(message)


SPELLINGS = {
    "rgb8": ["RGB8", " rgb8", "Rgb8\n", "R8G8B8", "RGB_INT8", "rgb", "RGB888"],
    "bgr8": ["BGR8", "bgr8 ", "bgr", "BGR24", "BGR8Packed"],
    "rgba8": ["RGBA8", "RGBa8", "R8G8B8A8", "rgbx", "RGB0"],
    "bgra8": ["BGRA8", "BGRa8", "BGRx8"],
    "8UC3": ["8uc3", "CV_8UC3", "TYPE_8UC3"],
    "mono8": ["MONO8", "Mono8", "GREY", "gray", "Y8", "L8", "8uc1"],
    "mono16": ["MONO16", "Mono16", "Y16 ", "L16"],
    "yuv422": ["YUV422", "UYVY", "uyvy ", "YUV422_8_UYVY", "yuv422-uyvy", "uyvy422"],
    "yuv422_yuy2": ["YUYV", "YUY2", "yuv422_YUY2", "YUV422_8", "yuyv422"],
    "yvyu": ["YVYU", "yuv422_yvyu"],
    "rgba16": ["RGBA16"],
    "16UC4": ["CV_16UC4", "16uc4"],
    "nv12": ["NV12", " nv12"],
    "nv21": ["NV21"],
    "nv24": ["NV24"],
    "bayer_rggb8": ["BAYER_RGGB8", "BayerRG8", "bayerrg8", "bayer_rg8", "RGGB8", "RGGB", "SRGGB8"],
    "bayer_gbrg8": ["BayerGB8", "Bayer_GBRG8"],
    "bayer_bggr16": ["BayerBG16", "SBGGR16", "bggr16"],
    "bayer_grbg12": ["BayerGR12"],
}


@pytest.mark.parametrize(("name", "spelt"), [(name, spelt) for name, all_ in SPELLINGS.items() for spelt in all_])
def test_encodings_are_read_however_they_are_spelt(name, spelt):
    rows = np.random.default_rng(2).integers(0, 256, (HEIGHT * 3, WIDTH * 8), dtype=np.uint8)
    images = [image_from_message(make_message(rows, e, step=WIDTH * 8)) for e in (name, spelt)]
    np.testing.assert_array_equal(images[1], images[0])


@pytest.mark.parametrize("padding", [0, 6])
@pytest.mark.parametrize("encoding", SUPPORTED_ENCODINGS)
def test_a_step_of_zero_was_not_filled_in(encoding, padding):
    rng = np.random.default_rng(3)
    if encoding.startswith("nv"):
        row, rows = WIDTH, HEIGHT * 3 if encoding == "nv24" else HEIGHT * 3 // 2
        padding = 0
    else:
        layout = PACKED[encoding]
        row, rows = WIDTH * layout.channels * layout.bits // 8, HEIGHT
    pixels = rng.integers(0, 256, (rows, row + padding), dtype=np.uint8)
    said = image_from_message(make_message(pixels, encoding, step=row + padding))
    np.testing.assert_array_equal(image_from_message(make_message(pixels, encoding, step=0)), said)
    with pytest.raises(ConversionError, match=r"truncated|step is 0.*equal rows"):
        image_from_message(make_message(pixels[:-1], encoding, step=0))


@pytest.mark.parametrize("bits", [8, 10, 12, 14, 16])
@pytest.mark.parametrize("encoding", ["mono16", "rgb16", "bgra16", "bayer_rggb16"])
def test_sixteen_bits_are_scaled_by_the_range_in_use(encoding, bits):
    channels = PACKED[encoding].channels
    grey = np.linspace(0, (1 << bits) - 1, WIDTH).astype("<u2")[None, :, None].repeat(HEIGHT, 0).repeat(channels, 2)
    found = image_from_message(make_message(grey.reshape(HEIGHT, -1), encoding))
    expected = np.linspace(0, 255, WIDTH)
    np.testing.assert_allclose(found[4, 2:-2, 0], expected[2:-2], atol=2 if "bayer" not in encoding else 20)


def test_the_bit_depth_of_a_video_is_remembered_so_that_brightness_does_not_flicker():
    depth, grey = BitDepth(), np.full((HEIGHT, WIDTH), 4000, "<u2")
    assert image_from_message(make_message(grey, "mono16"), depth).max() == round(4000 / 4095 * 255)
    assert image_from_message(make_message(grey // 8, "mono16"), depth).max() == round(500 / 4095 * 255)
    assert depth.bits == 12
    png = encode(grey // 8, ".png", "mono16; png compressed ")
    assert image_from_compressed(png, depth).max() == round(500 / 4095 * 255)


@pytest.mark.parametrize(("encoding", "bits"), [("Mono10", 10), ("Mono12", 12), ("BayerRG12", 12)])
def test_the_bits_that_an_encoding_names_count_from_the_first_dark_image_on(encoding, bits):
    dark = np.full((HEIGHT, WIDTH), 60, "<u2")
    assert image_from_message(make_message(dark, encoding)).max() == round(60 / ((1 << bits) - 1) * 255)
