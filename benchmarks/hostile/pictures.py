"""Pictures that state sizes that nobody sends, end too early, or are of kinds that few programs write."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable, Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import cv2
import numpy as np

from benchmarks.hostile.case import Case, file_of, sparse_file
from metrichmsr_ros.cli.predict import load_photo
from metrichmsr_ros.data.formats.labels import PersonLabel, read_image
from metrichmsr_ros.depth.sources.files import load_depth
from metrichmsr_ros.ros.inputs.image_conversion import image_from_compressed

_SOF = b"\xff\xc0"
_JPEG = "rgb8; jpeg compressed bgr8"


def encoded(extension: str, shape: tuple[int, ...] = (16, 16, 3), kind: type = np.uint8) -> bytes:
    """A small picture in OpenCV's coding."""
    return bytes(cv2.imencode(extension, np.zeros(shape, kind))[1].tobytes())


def jpeg(width: int, height: int) -> bytes:
    """A JPEG of 16x16 pixels whose header states another size."""
    content = encoded(".jpg")
    place = content.index(_SOF) + 5
    return content[:place] + struct.pack(">HH", height, width) + content[place + 4 :]


def png(width: int, height: int, colour: int = 2, depth: int = 8) -> bytes:
    """A PNG of this size with a kilobyte of content."""
    head = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + _chunk(b"IHDR", head) + _chunk(b"IDAT", zlib.compress(bytes(1000)))


def _chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def tiff(tags: Mapping[int, int]) -> bytes:
    """A TIFF whose directory has these numbers."""
    entries = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in sorted(tags.items()))
    return b"II*\0" + struct.pack("<IH", 8, len(tags)) + entries + bytes(4)


_TIFF = {256: 16, 257: 16, 258: 8, 259: 1, 262: 1, 277: 1}
PICTURES: Mapping[str, Callable[[], bytes]] = {
    "a JPEG of 32000x32000": lambda: jpeg(32_000, 32_000),
    "a JPEG of 65535x65535": lambda: jpeg(65_535, 65_535),
    "a JPEG with bytes between its segments": lambda: _between(jpeg(32_000, 32_000)),
    "a PNG of 2**31 x 2**31": lambda: png(2**31 - 1, 2**31 - 1),
    "a PNG of 40000x40000": lambda: png(40_000, 40_000),
    "a PNG with a part of 4 GB": lambda: encoded(".png")[:33] + b"\xf0\0\0\0" + encoded(".png")[37:],
    "a PNG without a size": lambda: png(0, 0),
    "a TIFF of 2**20 x 2**20": lambda: tiff({**_TIFF, 256: 2**20, 257: 2**20}),
    "a TIFF with tiles of a gigabyte": lambda: tiff({**_TIFF, 322: 2**15, 323: 2**15, 324: 8, 325: 8}),
    "a TIFF whose directory is a circle": lambda: tiff(_TIFF)[:-4] + struct.pack("<I", 8),
    "a WebP of 16383x16383": lambda: _webp(16_383, 16_383),
    "a BMP of 2**31": lambda: encoded(".bmp")[:18] + struct.pack("<ii", 2**31 - 1, -(2**31)) + bytes(100),
    "a PPM of 10**9 x 10**9": lambda: b"P6 1000000000 1000000000 255\n",
    "a GIF of 65535x65535": lambda: b"GIF89a\xff\xff\xff\xff\0\0\0",
    "a JPEG without its end": lambda: encoded(".jpg", (64, 64, 3))[:300],
    "a PNG without its end": lambda: encoded(".png", (64, 64, 3))[:60],
    "a WebP without its end": lambda: encoded(".webp", (64, 64, 3))[:30],
    "a TIFF without its end": lambda: encoded(".tiff", (64, 64, 3))[:100],
    "a text": lambda: b"no picture" * 10,
    "a drawing": lambda: b"<svg xmlns='http://www.w3.org/2000/svg' width='99999' height='99999'/>",
    "a document": lambda: b"%PDF-1.7\n" + bytes(100),
    "a film": lambda: b"\0\0\0\x18ftypisom" + bytes(100),
    "nothing": lambda: b"",
}
MESSAGES: Mapping[str, tuple[str, Callable[[], bytes]]] = {
    "an unknown Bayer pattern": ("bayer_xx8; png compressed bayer_", lambda: encoded(".png", (16, 16))),
    "32-bit pixels": ("rgb8; tiff compressed", lambda: encoded(".tiff", (16, 16), np.float32)),
    "a packet of video": ("h264", lambda: b"\0\0\0\1" + bytes(50)),
}
FAIR: Mapping[str, Callable[[], bytes]] = {
    "grey": lambda: encoded(".png", (16, 16)),
    "16 bits": lambda: encoded(".png", (16, 16, 3), np.uint16),
    "with transparency": lambda: encoded(".png", (16, 16, 4)),
    "a GIF of two pictures": lambda: _gif(),
}


def cases() -> list[Case]:
    """Photographs of `predict`, messages of the node, images of data sets and depth images."""
    found = [Case(f"photograph: {name}", file_of("a.jpg", content), load_photo) for name, content in PICTURES.items()]
    for name, content in PICTURES.items():
        says = "format" if name == "a film" else "compressed image"
        found.append(Case(f"CompressedImage: {name}", file_of("a", content), compressed(_JPEG), named=says))
    for name, (form, content) in MESSAGES.items():
        says = form.partition(";")[0]
        found.append(Case(f"CompressedImage: {name}", file_of("a", content), compressed(form), named=says))
    for name, content in FAIR.items():
        found.append(Case(f"photograph: {name}", file_of("a.png", content), shape_of, "read"))
    return [
        *found,
        Case("photograph: 64 GiB of zeros", lambda folder: sparse_file(folder / "a.jpg", 2**36), load_photo),
        Case("data set: a JPEG of 32000x32000", file_of("a.jpg", PICTURES["a JPEG of 32000x32000"]), labelled),
        Case("data set: 64 GiB of zeros", lambda folder: sparse_file(folder / "a.jpg", 2**36), labelled),
        Case("depth: a PNG of 40000x40000", file_of("a.png", lambda: png(40_000, 40_000, 0, 16)), load_depth),
        Case("depth: 64 GiB of zeros", lambda folder: sparse_file(folder / "a.png", 2**36), load_depth),
    ]


def compressed(form: str) -> Callable[[Path], Any]:
    """Read a file as the data of a sensor_msgs/CompressedImage of this format."""
    return lambda path: image_from_compressed(SimpleNamespace(format=form, data=path.read_bytes())).shape


def shape_of(path: Path) -> tuple[int, ...]:
    """Size of a photograph."""
    return load_photo(path).image.shape


def labelled(path: Path) -> Any:
    """Read a file as the image of a person in a data set."""
    return read_image(_label(path))


def _label(path: Path) -> PersonLabel:
    return cast(PersonLabel, SimpleNamespace(person="a", image=path, turn=""))


def _between(content: bytes) -> bytes:
    place = content.index(_SOF)
    return content[:place] + bytes(100) + content[place:]


def _webp(width: int, height: int) -> bytes:
    content = encoded(".webp")
    place = content.index(b"\x9d\x01\x2a") + 3 if b"\x9d\x01\x2a" in content else 21
    return content[:place] + struct.pack("<HH", width, height) + content[place + 4 :]


def _gif() -> bytes:
    """Two pictures of one pixel."""
    head = b"GIF89a" + struct.pack("<HHBBB", 1, 1, 0x80, 0, 0) + b"\0\0\0\xff\xff\xff"
    picture = b"," + struct.pack("<HHHHB", 0, 0, 1, 1, 0) + b"\x02\x02\x44\x01\0"
    return head + picture * 2 + b";"
