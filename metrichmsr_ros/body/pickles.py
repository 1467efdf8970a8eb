"""Read SMPL's pickles without running code that they may contain.

Unpickling calls the functions that the file names. `io.pickle_reader` calls none: it knows NumPy arrays, SciPy's sparse
matrices, chumpy's arrays (chumpy no longer installs) and plain containers, and rejects everything else.
"""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from metrichmsr_ros.errors import cause
from metrichmsr_ros.io.pickle_reader import read_pickle
from metrichmsr_ros.io.pickled_arrays import ChumpyArray, NotAPickleError, RefusedPickleError, SparseArray

__all__ = ["NotAPickleError", "RefusedPickleError", "load_array_pickle", "loads_array", "loads_arrays", "plain"]

_START = 64  # bytes that tell a web page


def load_array_pickle(path: Path) -> dict[str, Any]:
    """Read a pickled dictionary of arrays (SMPL's .pkl, also Python 2's), densifying sparse matrices.

    Raises:
        RefusedPickleError: the pickle needs anything but arrays; names the class.
        NotAPickleError: the file is not a pickle or does not hold a dictionary.
    """
    with Path(path).open("rb") as file:
        content = _read(file, Path(path).stat().st_size, str(path))
    if not isinstance(content, dict):
        raise NotAPickleError(f"{path}: holds a {type(content).__name__}, expected a dictionary of arrays")
    return {str(name): _plain_in(str(path), value) for name, value in content.items()}


def loads_arrays(data: bytes, name: str) -> Any:
    """Unpickle `data` under the same restrictions; `name` appears in messages."""
    return _read(io.BytesIO(data), len(data), name)


def loads_array(data: bytes, name: str) -> Any:
    """The object inside a pickled NumPy array of one object, as `numpy.savez` writes sparse matrices."""
    value = loads_arrays(data, name)
    return value.item() if isinstance(value, np.ndarray) and value.shape == () else value


def plain(value: Any) -> Any:
    """Convert chumpy and sparse arrays of the pickle to NumPy arrays; return any other value unchanged.

    Raises:
        RefusedPickleError, NotAPickleError: such an array cannot be converted; the message does not name the file.
    """
    return value.array() if isinstance(value, (ChumpyArray, SparseArray)) else value


def _plain_in(name: str, value: Any) -> Any:
    try:
        return plain(value)
    except (RefusedPickleError, NotAPickleError) as error:
        raise type(error)(f"{name}: {error}") from None


def _read(file: BinaryIO, size: int, name: str) -> Any:
    try:
        return read_pickle(file, size)
    except RefusedPickleError as error:
        raise RefusedPickleError(f"{name}: {error}") from None
    except NotAPickleError as error:
        raise NotAPickleError(_reason(file, name, str(error))) from None
    except Exception as error:  # what parsing numbers and texts raises, up to MemoryError
        raise NotAPickleError(_reason(file, name, cause(error))) from error


def _reason(file: BinaryIO, name: str, reason: str) -> str:
    file.seek(0)
    start = file.read(_START)
    if not start:
        return f"{name}: not a readable pickle: it is empty; copy or download it again"
    if start.lstrip().startswith(b"<"):
        return f"{name}: not a readable pickle but a web page: the download needs a login; download it in a browser"
    return f"{name}: not a readable pickle ({reason}); copy or download it again"
