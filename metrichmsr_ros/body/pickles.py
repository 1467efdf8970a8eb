"""Read SMPL's pickles without running code that they may contain.

Unpickling calls the functions that the file names. This reader allows only NumPy arrays, SciPy arrays and plain
containers, replaces chumpy's array class by a data holder (chumpy no longer installs), and rejects everything else.
"""

from __future__ import annotations

import io
import pickle
import struct
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from metrichmsr_ros.errors import MetricHMRError

NUMPY_NAMES = {"ndarray", "dtype", "_reconstruct", "scalar", "_frombuffer"}
SPARSE_NAMES = {f"{kind}_{shape}" for kind in ("csc", "csr", "coo") for shape in ("matrix", "array")}
PLAIN_CONTAINERS = {("collections", "OrderedDict"), ("copy_reg", "_reconstructor"), ("copyreg", "_reconstructor")}
PLAIN_TYPES = {"object", "list", "dict", "set", "tuple", "bytes", "bytearray", "str", "int", "float", "bool", "complex"}

_UNREADABLE = (  # what unpickling bytes that are no pickle can end in
    *(pickle.UnpicklingError, EOFError, AttributeError, IndexError, KeyError, TypeError, ValueError),
    *(OverflowError, MemoryError, ImportError, AssertionError, NotImplementedError, struct.error),
)


class RefusedPickleError(MetricHMRError, ValueError):
    """A pickle names a class or function that is not on the list of allowed ones."""


class NotAPickleError(MetricHMRError, ValueError):
    """A file is damaged, or is not a pickled dictionary of arrays."""


class ChumpyArray:
    """Replaces every chumpy class: stores the pickled state, runs no code of the file and returns the array in it."""

    def __init__(self, *_: object, **__: object) -> None:
        self.state: dict[str, Any] = {}

    def __setstate__(self, state: object) -> None:
        """Store the state without calling anything in it."""
        self.state = state if isinstance(state, dict) else {}

    def array(self) -> NDArray[Any]:
        """The array inside (`x` of chumpy.Ch).

        Raises:
            RefusedPickleError: the object is a chumpy expression, which holds operations instead of an array.
        """
        inner = self.state.get("x")
        if isinstance(inner, ChumpyArray):
            return inner.array()
        if not isinstance(inner, np.ndarray):
            raise RefusedPickleError(
                "the pickle holds a chumpy expression, not a plain chumpy array; load it in an environment with chumpy "
                "and save the arrays with numpy.savez"
            )
        return inner


class _ArrayUnpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        root = module.split(".")[0]
        if root == "numpy" and name in NUMPY_NAMES:
            return super().find_class(_numpy_module(module), name)
        if module == "_codecs" and name == "encode":  # how protocol 2 writes bytes
            return super().find_class(module, name)
        if root == "scipy" and module.startswith("scipy.sparse") and name in SPARSE_NAMES:
            return super().find_class("scipy.sparse", name)
        if root == "chumpy":
            return ChumpyArray
        if (module, name) in PLAIN_CONTAINERS:
            return super().find_class(module, name)
        if module in ("builtins", "__builtin__") and name in PLAIN_TYPES:
            return super().find_class("builtins", name)
        raise RefusedPickleError(
            f"the pickle needs {module}.{name}; only NumPy and SciPy arrays are allowed. If you trust the file, "
            "convert it to .npz yourself"
        )


def load_array_pickle(path: Path) -> dict[str, Any]:
    """Read a pickled dictionary of arrays (SMPL's .pkl, also Python 2's), densifying sparse matrices.

    Raises:
        RefusedPickleError: the pickle needs anything but arrays; names the class.
        NotAPickleError: the file is not a pickle or does not hold a dictionary.
    """
    content = loads_arrays(Path(path).read_bytes(), str(path))
    if not isinstance(content, dict):
        raise NotAPickleError(f"{path}: holds a {type(content).__name__}, expected a dictionary of arrays")
    return {str(name): plain(value) for name, value in content.items()}


def loads_arrays(data: bytes, name: str) -> Any:
    """Unpickle `data` under the same restrictions; `name` appears in messages."""
    try:
        return _ArrayUnpickler(io.BytesIO(data), encoding="latin1").load()
    except RefusedPickleError as error:
        raise RefusedPickleError(f"{name}: {error}") from None
    except _UNREADABLE as error:
        raise NotAPickleError(_reason(data, name, error)) from error


def loads_array(data: bytes, name: str) -> Any:
    """The object inside a pickled NumPy array of one object, as `numpy.savez` writes sparse matrices."""
    value = loads_arrays(data, name)
    return value.item() if isinstance(value, np.ndarray) and value.shape == () else value


def _reason(data: bytes, name: str, error: BaseException) -> str:
    if not data:
        return f"{name}: not a readable pickle: it is empty; copy or download it again"
    if data[:64].lstrip().startswith(b"<"):
        return f"{name}: not a readable pickle but a web page: the download needs a login; download it in a browser"
    return f"{name}: not a readable pickle ({type(error).__name__}: {error}); copy or download it again"


def plain(value: Any) -> Any:
    """Convert chumpy and sparse arrays of the pickle to NumPy arrays; return any other value unchanged."""
    if isinstance(value, ChumpyArray):
        return value.array()
    if type(value).__module__.startswith("scipy.sparse"):
        return value.toarray()
    return value


def _numpy_module(module: str) -> str:
    """Module name for the installed NumPy: NumPy 2 renamed numpy.core to numpy._core; both read both kinds of file."""
    core = "numpy._core" if int(np.__version__.split(".")[0]) >= 2 else "numpy.core"
    return module.replace("numpy._core", core).replace("numpy.core", core)
