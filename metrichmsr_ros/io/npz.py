"""Files of NumPy arrays that a user names: every way in which such a file can be wrong ends in one error."""

from __future__ import annotations

import math
import zipfile
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, BinaryIO

import numpy as np

from metrichmsr_ros.errors import MetricHMRError
from metrichmsr_ros.io.pickled_arrays import check_text
from metrichmsr_ros.types import AnyArray

_LARGEST = 2**32  # bytes of all arrays that are read from one file
_SMALLEST_LIMIT = 2**26  # bytes that a small file may unfold to
_MOST_UNFOLDED = 50  # times its own size, of a larger one
_BLOCK = 2**24
_NPY_MAGIC, _ZIP_MAGIC = b"\x93NUMPY", b"PK"


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
    with _errors_of(path, "npz"), path.open("rb") as file:
        if file.read(len(_NPY_MAGIC)) == _NPY_MAGIC:
            raise NpzError(f"{path} holds one array, not several by name; save it with numpy.savez")
        return arrays_in(file, path.stat().st_size, str(path), names, read_object)


def arrays_in(
    file: BinaryIO,
    size: int,
    where: str,
    names: Collection[str] | None = None,
    read_object: Callable[[bytes, str], Any] | None = None,
) -> dict[str, Any]:
    """Arrays of an npz file of `size` bytes, as `read_npz`; `where` names it in messages.

    Raises:
        NpzError: it holds Python objects, or would take more memory than such a file should.
        Exception: what zipfile raises for a damaged file, or ValueError; the caller converts it.
    """
    with zipfile.ZipFile(file) as archive:
        wanted = {
            name: member
            for member in archive.infolist()
            if (name := member.filename.removesuffix(".npy")) != member.filename and (names is None or name in names)
        }
        most, total = max(_SMALLEST_LIMIT, _MOST_UNFOLDED * size), sum(member.file_size for member in wanted.values())
        if total > min(most, _LARGEST):
            raise NpzError(f"{where} would unfold from {size} bytes to {total / 1e9:.1f} GB; save less in one file")
        return {name: _member(archive, member, f"{where}: {name}", read_object) for name, member in wanted.items()}


def names_in(path: Path) -> list[str]:
    """Names of the arrays in an npz file that can be read."""
    with zipfile.ZipFile(path) as archive:
        return [name.removesuffix(".npy") for name in archive.namelist()]


def read_npy(path: Path) -> AnyArray:
    """The array of an npy file. Raises NpzError as `read_npz`."""
    with _errors_of(path, "npy"), path.open("rb") as file:
        if file.read(len(_ZIP_MAGIC)) == _ZIP_MAGIC:
            raise NpzError(f"{path} holds several arrays; save the one that is needed with numpy.save")
        file.seek(0)
        size = path.stat().st_size
        if size > _LARGEST:
            raise NpzError(f"{path} has {size / 1e9:.1f} GB, at most {_LARGEST / 1e9:.1f} are read; save a part of it")
        shape, is_fortran, dtype = _header(file)
        if dtype.hasobject:
            raise NpzError(f"{path} holds Python objects, which are not read because they can run code; save arrays")
        return _array(file, size - file.tell(), shape, is_fortran, dtype)


def _member(
    archive: zipfile.ZipFile,
    member: zipfile.ZipInfo,
    where: str,
    read_object: Callable[[bytes, str], Any] | None,
) -> Any:
    with archive.open(member) as stream:
        shape, is_fortran, dtype = _header(stream)
        if not dtype.hasobject:
            return _array(stream, member.file_size - stream.tell(), shape, is_fortran, dtype)
        if read_object is None:
            raise NpzError(f"{where} holds Python objects, which are not read because they can run code; save arrays")
        return read_object(stream.read(), where)


def _header(stream: IO[bytes]) -> tuple[tuple[int, ...], bool, np.dtype[Any]]:
    """Shape, whether columns lie together, and type."""
    version = np.lib.format.read_magic(stream)
    read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    shape, is_fortran, dtype = read(stream)
    return shape, bool(is_fortran), dtype


def _array(stream: IO[bytes], size: int, shape: tuple[int, ...], is_fortran: bool, dtype: np.dtype[Any]) -> AnyArray:
    """The array whose content follows; memory is taken when its `size` in bytes is the one that the header states."""
    count = math.prod(shape)
    if any(length < 0 for length in shape) or count * dtype.itemsize != size:
        raise ValueError(f"an array of shape {shape} and type {str(dtype)[:40]} in {size} bytes")
    array = np.zeros(count, dtype) if size == 0 else np.empty(count, dtype)
    content = array.view(np.uint8) if size else np.zeros(0, np.uint8)
    for start in range(0, size, _BLOCK):
        block = stream.read(min(_BLOCK, size - start))
        content[start : start + len(block)] = np.frombuffer(block, np.uint8)
        if len(block) < min(_BLOCK, size - start):
            raise EOFError("its end is missing")
    check_text(array)
    return array.reshape(shape, order="F" if is_fortran else "C")


@contextmanager
def _errors_of(path: Path, kind: str) -> Iterator[None]:
    try:
        yield
    except MetricHMRError:
        raise
    except Exception as error:  # of the system, zipfile, zlib and NumPy's header, up to MemoryError
        raise NpzError(_reason(path, kind, error)) from None


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
