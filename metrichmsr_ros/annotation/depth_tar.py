"""The scene's depth of the frames of one shard, as 16-bit PNG in a tar in WebDataset's layout."""

from __future__ import annotations

import tarfile
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType

import cv2
import numpy as np

from metrichmsr_ros.data.formats.tar_samples import add_file
from metrichmsr_ros.io.whole_files import whole_file
from metrichmsr_ros.types import Float32Array

_LARGEST = 65535  # mm


def depth_path(folder: Path, shard: str) -> Path:
    """Path of the depth of a shard."""
    return folder / "depth" / f"{shard}.tar"


class DepthTar:
    """Writes depth maps; the file exists from the end of the `with` block on, and only if that has no error.

    Args:
        folder: the annotation folder. shard: name of the shard.
    """

    def __init__(self, folder: Path, shard: str) -> None:
        self._path = depth_path(folder, shard)
        self._stack = ExitStack()

    def __enter__(self) -> DepthTar:
        """Begin the file beside its place."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        with ExitStack() as stack:
            part = stack.enter_context(whole_file(self._path))
            self._tar = stack.enter_context(tarfile.open(part, "w"))
            self._stack = stack.pop_all()
        return self

    def add(self, index: int, metres: Float32Array) -> None:
        """Add the depth (H, W) m of a frame; NaN is stored as 0, and more than 65.5 m as 65.535 m."""
        stored = np.clip(np.nan_to_num(metres, nan=0.0, posinf=np.inf) * 1000, 0, _LARGEST)
        done, data = cv2.imencode(".png", np.rint(stored).astype(np.uint16))
        if not done:
            raise ValueError(f"OpenCV does not write a depth map of shape {metres.shape}")
        add_file(self._tar, f"{index:09d}.depth.png", data.tobytes())
        self._tar.members = []  # type: ignore[attr-defined]  # else it keeps an entry of every file

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Complete the file, or leave nothing of it."""
        self._stack.__exit__(kind, error, trace)
