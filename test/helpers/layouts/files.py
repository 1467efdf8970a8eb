"""Files of a data set: pickles, members of a tar, JPEG pictures."""

from __future__ import annotations

import io
import pickle
import tarfile
from pathlib import Path

import cv2

from metrichmsr_ros.types import AnyArray, ImageArray

QUALITY = cv2.IMWRITE_JPEG_QUALITY, 100


def write_pickle(path: Path, content: object) -> None:
    """In the protocol of Python 2, which most sets are published in."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(pickle.dumps(content, protocol=2))


def add_to_tar(tar: tarfile.TarFile, name: str, content: bytes) -> None:
    """Add a file of this name and content."""
    member = tarfile.TarInfo(name)
    member.size = len(content)
    tar.addfile(member, io.BytesIO(content))


def save_picture(path: Path, image: AnyArray) -> None:
    """Write a BGR picture, or a depth image, by the ending of `path`; makes the folder."""
    path.parent.mkdir(parents=True, exist_ok=True)
    assert cv2.imwrite(str(path), image, QUALITY if path.suffix in (".jpg", ".jpeg") else ())


def jpeg(image: ImageArray) -> bytes:
    """A BGR picture as the content of a JPEG file."""
    return bytes(cv2.imencode(".jpg", image, QUALITY)[1])
