"""Photographs: files beside each other, and the pictures of a WebDataset tar."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path

from metrichmsr_ros.annotation.frames import Cameras, SourceFrame
from metrichmsr_ros.annotation.inputs import IMAGES
from metrichmsr_ros.annotation.options import SourceError
from metrichmsr_ros.data.formats.tar_samples import ShardError, tar_samples
from metrichmsr_ros.geometry.camera import CameraError
from metrichmsr_ros.io.image_header import exif_orientation
from metrichmsr_ros.io.images import ImageDataError, Photograph, decode_image, read_photograph
from metrichmsr_ros.io.texts import escaped

_DEPTH = "depth.png"  # of an annotation's depth maps, which are no pictures


class PhotographFrames:
    """Photographs of a folder; see `frames.FrameStream`. A damaged one is a frame with a problem.

    Args:
        files: in order. first: index of the first of them in the source.
        cameras: give the camera of each.
        max_pixels: larger ones are refused.
    """

    is_video = False

    def __init__(self, files: Sequence[Path], first: int, cameras: Cameras, max_pixels: int) -> None:
        self.damage = ""
        self.total: int | None = len(files)
        self._files, self._first, self._cameras, self._max_pixels = files, first, cameras, max_pixels

    def __iter__(self) -> Iterator[SourceFrame]:
        """Every photograph."""
        for index, path in enumerate(self._files, self._first):
            yield _frame(index, path.name, partial(read_photograph, path, self._max_pixels), self._cameras)


class TarFrames:
    """Pictures of a tar in WebDataset's layout, one a sample; see `frames.FrameStream`.

    Args:
        path: the tar. cameras: give the camera of each picture. max_pixels: larger ones are refused.
    """

    is_video = False

    def __init__(self, path: Path, cameras: Cameras, max_pixels: int) -> None:
        self.damage = ""
        self.total: int | None = None
        self._path, self._cameras, self._max_pixels = path, cameras, max_pixels

    def __iter__(self) -> Iterator[SourceFrame]:
        """Every sample that has a picture.

        Raises:
            SourceError: it is no tar, or the first sample cannot be read.
        """
        index = 0
        try:
            for sample in tar_samples(self._path):
                pictures = [extension for extension in sample.files if _is_picture(extension)]
                if not pictures:
                    continue
                data = sample.read(pictures[0])
                yield _frame(index, sample.key, partial(self._decoded, data), self._cameras)
                index += 1
        except ShardError as error:
            if index == 0:
                raise SourceError(str(error)) from error
            self.damage = f"the tar was read up to sample {index}: {error}"
        if index == 0:
            raise SourceError(f"the tar has no sample with a picture ({' '.join(IMAGES)})")

    def _decoded(self, data: bytes) -> Photograph:
        image = decode_image(data, upright=True, max_pixels=self._max_pixels)
        return Photograph(image, exif_orientation(memoryview(data)))


def _is_picture(extension: str) -> bool:
    return f".{extension}".lower().endswith(IMAGES) and not extension.endswith(_DEPTH)


def _frame(index: int, name: str, read: Callable[[], Photograph], cameras: Cameras) -> SourceFrame:
    if name != (plain := escaped(name)):
        return SourceFrame(index, None, None, name=plain, problem=f"the name {plain} is not UTF-8; rename it")
    try:
        found = read()
        return SourceFrame(index, found.image, cameras.of(found.image, found.orientation), name=name)
    except (ImageDataError, CameraError) as error:
        return SourceFrame(index, None, None, name=name, problem=str(error))
    except OSError as error:
        return SourceFrame(index, None, None, name=name, problem=error.strerror or str(error))
