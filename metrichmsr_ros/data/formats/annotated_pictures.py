"""The pictures of an annotated source: files of photographs, and frames of a video, which are written out once.

Frames are read in order, because seeking lands on other frames in some videos.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import cv2
import numpy as np

from metrichmsr_ros.data.formats.annotations.folder import TableColumns
from metrichmsr_ros.data.formats.annotations.manifest import InputEntry
from metrichmsr_ros.data.formats.annotations.shard_writer import shard_name
from metrichmsr_ros.data.formats.labels import LabelError
from metrichmsr_ros.io.whole_files import write_whole
from metrichmsr_ros.types import AnyArray

MISSING = Path()
"""In place of a picture that is no file."""
FOLDER = "pictures"
"""Folder of an annotation folder that frames of videos are written to."""
_QUALITY = 95  # of JPEG


def pictures_of(
    folder: Path, entry: InputEntry, frames: TableColumns, places: AnyArray, images: Path | None
) -> dict[int, Path]:
    """The picture file of each of some frames, or `MISSING`, by the frame's row.

    Args:
        folder: the annotation folder. entry: the source.
        frames: its table. places: rows of it.
        images: folder of the inputs; None: where the manifest says.

    Raises:
        LabelError: the source has no pictures that are files, the video is another one, or cannot be written out.
    """
    if entry.kind == "video":
        return _of_video(folder, entry, frames, places, images)
    if entry.kind not in ("photographs", "image", "folder"):
        raise LabelError(
            f"annotated set {str(folder)!r}: {entry.source!r} is a {entry.kind}, whose pictures are no files; annotate "
            "its pictures as photographs or a video, or choose other sources with `sequences`"
        )
    found = {}
    for place in places.tolist():
        name = str(frames["image"][place])
        files = [] if not name else [path for path in _candidates(entry, name, images) if path.is_file()]
        found[place] = files[0] if files else MISSING
    return found


def _candidates(entry: InputEntry, name: str, images: Path | None) -> list[Path]:
    path = Path(entry.path).expanduser()
    if images is None:
        return [path / name, path] if path.name == name else [path / name]
    return [images / entry.source / name, images / name]


def _of_video(
    folder: Path, entry: InputEntry, frames: TableColumns, places: AnyArray, images: Path | None
) -> dict[int, Path]:
    into = folder / FOLDER / shard_name(entry.source)
    files = {place: into / f"{int(frames['frame'][place]):09d}.jpg" for place in places.tolist()}
    waiting = [place for place, file in files.items() if not file.is_file()]
    video = _video(entry, images)
    if waiting and video is None:
        return {place: MISSING if place in waiting else file for place, file in files.items()}
    if waiting and video is not None:
        _write(video, frames, waiting, files)
    return files


def _video(entry: InputEntry, images: Path | None) -> Path | None:
    path = Path(entry.path).expanduser()
    paths = [path] if images is None else [images / entry.source, images / path.name]
    return next((path for path in paths if path.is_file()), None)


def _write(video: Path, frames: TableColumns, waiting: Sequence[int], files: dict[int, Path]) -> None:
    decoded = _decoded(video, frames["frame"][waiting].tolist())
    for place in waiting:
        image = next(decoded, None)
        size = int(frames["width"][place]), int(frames["height"][place])
        if image is None or (image.shape[1], image.shape[0]) != size:
            seen = "is not in it" if image is None else f"has {image.shape[1]} x {image.shape[0]} px"
            number = int(frames["frame"][place])
            raise LabelError(
                f"{video}: frame {number}, which was annotated with {size[0]} x {size[1]} px, {seen}; name the folder "
                "of the video that was annotated with `images`"
            )
        try:
            files[place].parent.mkdir(parents=True, exist_ok=True)
            write_whole(files[place], cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, _QUALITY])[1].tobytes())
        except OSError as error:
            raise LabelError(
                f"{files[place]}: frames of videos are written there, which failed ({error.strerror or error}); copy "
                "the annotation folder to where files can be written"
            ) from error


def _decoded(video: Path, numbers: Sequence[int]) -> Iterator[np.ndarray]:
    """The frames (H, W, 3) BGR of these increasing numbers, as far as the video has them."""
    stream, last = cv2.VideoCapture(str(video)), -1
    try:
        for number in numbers:
            while last < number:
                if not stream.grab():
                    return
                last += 1
            is_decoded, image = stream.retrieve()
            if not is_decoded:
                return
            yield image
    finally:
        stream.release()
