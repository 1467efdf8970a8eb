"""Files of NumPy arrays that a user names: every way in which such a file can be wrong ends in one error."""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Any

import numpy as np

from metrichmsr_ros.errors import MetricHMRError
from metrichmsr_ros.types import AnyArray

_UNREADABLE = (
    *(OSError, ValueError, TypeError, EOFError, KeyError, MemoryError, NotImplementedError, RuntimeError),
    *(zipfile.BadZipFile, zlib.error),
)


class NpzError(MetricHMRError, ValueError):
    """A file that does not hold NumPy arrays; the message names it and the remedy."""


def read_npz(
    path: Path,
    names: Collection[str] | None = None,
    read_object: Callable[[bytes, str], Any] | None = None,
) -> dict[str, Any]:
    """Arrays of an npz file by name.

    Args:
        path: the file.
        names: arrays to read, those of them that are there; None: all.
        read_object: unpickles an array of Python objects from its bytes and a name for messages; None: such arrays are
            an error, because pickles can run code.

    Raises:
        NpzError: the file is missing, damaged, not an npz file, or holds Python objects.
    """
    try:
        archive = np.load(path, allow_pickle=False)
        if not isinstance(archive, np.lib.npyio.NpzFile):
            raise NpzError(f"{path} holds one array, not several by name; save it with numpy.savez")
        with archive:
            wanted = [name for name in archive.files if names is None or name in names]
            return {name: _member(archive, name, f"{path}: {name}", read_object) for name in wanted}
    except MetricHMRError:
        raise
    except _UNREADABLE as error:
        raise NpzError(_reason(path, "npz", error)) from None


def names_in(path: Path) -> list[str]:
    """Names of the arrays in an npz file that can be read."""
    with zipfile.ZipFile(path) as archive:
        return [name.removesuffix(".npy") for name in archive.namelist()]


def read_npy(path: Path) -> AnyArray:
    """The array of an npy file. Raises NpzError as `read_npz`."""
    try:
        array = np.load(path, allow_pickle=False)
    except _UNREADABLE as error:
        raise NpzError(_reason(path, "npy", error)) from None
    if not isinstance(array, np.ndarray):
        raise NpzError(f"{path} holds several arrays; save the one that is needed with numpy.save")
    return array


def _member(archive: Any, name: str, where: str, read_object: Callable[[bytes, str], Any] | None) -> Any:
    with archive.zip.open(f"{name}.npy") as stream:
        version = np.lib.format.read_magic(stream)
        header = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
        if not header(stream)[2].hasobject:
            return archive[name]
        if read_object is None:
            raise NpzError(f"{where} holds Python objects, which are not read because they can run code; save arrays")
        return read_object(stream.read(), where)


def _reason(path: Path, kind: str, error: BaseException) -> str:
    if isinstance(error, FileNotFoundError):
        return f"{path} is not a file; check the path"
    if isinstance(error, OSError) and error.strerror:
        return f"{path} cannot be read: {error.strerror}"
    start = _start_of(path)
    if not start:
        return f"{path} is empty; copy or download it again"
    if start.lstrip().startswith(b"<"):
        return f"{path} is a web page, not an {kind} file: the download needs a login; download it in a browser"
    return f"{path} is not an {kind} file, or is damaged; copy or download it again"


def _start_of(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(64)
