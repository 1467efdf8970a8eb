"""Names of pixel encodings in ROS, GenICam, Video4Linux, OpenCV and simulators, and their pixel layouts.

`canonical` gives the name in `sensor_msgs/image_encodings.hpp`, or a name of the same style if that file has none.
It ignores capitals, spaces, underscores, dashes, and the `CV_` or `TYPE_` before OpenCV's types.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

import cv2


@dataclass(frozen=True)
class Packed:
    """One plane of interleaved pixels.

    Attributes:
        bits: stored bits per value, 8 or 16. channels: values per pixel.
        code: OpenCV's code of the conversion to RGB; None for RGB.
        used_bits: used bits per value if the encoding names them, else 0.
    """

    bits: int
    channels: int
    code: int | None
    used_bits: int = 0


# OpenCV names a Bayer pattern by pixels 2 and 3 of row 2; ROS and GenICam by the first two pixels of row 1.
_BAYER = {
    "rggb": cv2.COLOR_BayerBG2RGB,
    "bggr": cv2.COLOR_BayerRG2RGB,
    "gbrg": cv2.COLOR_BayerGR2RGB,
    "grbg": cv2.COLOR_BayerGB2RGB,
}
_UNPACKED_BITS = (10, 12, 14)  # each value in two bytes


def _packed_layouts() -> dict[str, Packed]:
    layouts = {}
    for bits in (8, 16):
        layouts[f"rgb{bits}"] = Packed(bits, 3, None)
        layouts[f"rgba{bits}"] = Packed(bits, 4, cv2.COLOR_RGBA2RGB)
        layouts[f"bgr{bits}"] = layouts[f"{bits}UC3"] = Packed(bits, 3, cv2.COLOR_BGR2RGB)
        layouts[f"bgra{bits}"] = layouts[f"{bits}UC4"] = Packed(bits, 4, cv2.COLOR_BGRA2RGB)
        layouts[f"mono{bits}"] = Packed(bits, 1, cv2.COLOR_GRAY2RGB)
        layouts |= {f"bayer_{name}{bits}": Packed(bits, 1, code) for name, code in _BAYER.items()}
    for used in _UNPACKED_BITS:
        layouts[f"mono{used}"] = Packed(16, 1, cv2.COLOR_GRAY2RGB, used)
        layouts |= {f"bayer_{name}{used}": Packed(16, 1, code, used) for name, code in _BAYER.items()}
    layouts["8UC1"] = layouts["mono8"]  # 16UC1 is not mono16: in REP-118 it is depth in millimetres
    layouts["yuv422"] = layouts["uyvy"] = Packed(8, 2, cv2.COLOR_YUV2RGB_UYVY)
    layouts["yuv422_yuy2"] = layouts["yuyv"] = Packed(8, 2, cv2.COLOR_YUV2RGB_YUY2)
    layouts["yvyu"] = Packed(8, 2, cv2.COLOR_YUV2RGB_YVYU)
    return layouts


PACKED: Mapping[str, Packed] = _packed_layouts()
SEMI_PLANAR: Mapping[str, int] = {"nv12": cv2.COLOR_YUV2RGB_NV12, "nv21": cv2.COLOR_YUV2RGB_NV21}
DEPTH = ("16UC1", "32FC1", "64FC1", "16SC1", "32SC1")
SUPPORTED_ENCODINGS = (*sorted(PACKED), *sorted(SEMI_PLANAR), "nv24")

_OTHER_NAMES = {
    "mono8": "mono gray grey grayscale gray8 grey8 y8 y800 l8 lint8 luminance8 8uc",
    "mono16": "gray16 grey16 y16 l16 lint16 16uc",
    "mono10": "y10 gray10",
    "mono12": "y12 gray12",
    "rgb8": "rgb rgb24 rgb888 r8g8b8 rgbint8 rgb8packed rgb3",
    "bgr8": "bgr bgr24 bgr888 b8g8r8 bgrint8 bgr8packed bgr3",
    "rgba8": "rgba rgba32 rgba8888 r8g8b8a8 rgbaint8 rgba8packed rgbx rgbx8 rgb0",
    "bgra8": "bgra bgra32 bgra8888 b8g8r8a8 bgraint8 bgra8packed bgrx bgrx8 bgr0",
    "rgb16": "rgb48 r16g16b16 rgbint16 rgb16packed",
    "bgr16": "bgr48 b16g16r16 bgrint16 bgr16packed",
    "uyvy": "yuv422uyvy yuv4228uyvy yuv422packed ycbcr4228cbycry 2vuy uyvy422",
    "yuyv": "yuy2 yuv422yuyv yuv4228 yuv422yuyvpacked ycbcr4228 yuyv422",
    "yvyu": "yvyu422 yuv422yvyu",
    "16UC1": "z16 depth16",
    "32FC1": "rfloat32 float32 depth32f",
}  # fmt: skip


def _key(name: str) -> str:
    return re.sub(r"[\s_\-]+", "", name).lower()


def _names() -> dict[str, str]:
    names = {_key(name): name for name in (*SUPPORTED_ENCODINGS, *DEPTH)}
    names |= {other: name for name, others in _OTHER_NAMES.items() for other in others.split()}
    for bits in (8, 16, *_UNPACKED_BITS):
        for pattern in _BAYER:
            others = f"bayer{pattern[:2]}{bits}", f"{pattern}{bits}", f"s{pattern}{bits}"  # GenICam, ROS, Video4Linux
            names |= dict.fromkeys(others, f"bayer_{pattern}{bits}")
    return names | {pattern: f"bayer_{pattern}8" for pattern in _BAYER}


_NAMES = _names()


def canonical(encoding: str) -> str:
    """The ROS name of an encoding; an unknown one is only stripped of spaces."""
    return _NAMES.get(re.sub(r"^(cv|type)(?=\d)", "", _key(encoding)), encoding.strip())


def is_bayer(encoding: str) -> bool:
    """Whether the name of an encoding is that of a Bayer mosaic, with a supported pattern or not."""
    return canonical(encoding).lower().startswith("bayer")
