"""The classes and functions that a pickle of arrays may name, and what stands for each of them.

No function of NumPy, SciPy or Python gets arguments from the file: each name stands for a function of this package.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from metrichmsr_ros.io.pickled_arrays import (
    ChumpyArray,
    NotAPickleError,
    PlainDtype,
    RefusedPickleError,
    SparseArray,
)
from metrichmsr_ros.types import AnyArray


@dataclass(frozen=True)
class Named:
    """A class or function that a pickle names.

    Attributes:
        call: what calling it gives.
        is_class: whether an empty instance may be made of it.
    """

    call: Callable[..., Any]
    is_class: bool = False


def named(module: str, name: str) -> Named:
    """The stand-in of a class or function.

    Raises:
        RefusedPickleError: it is not on the list.
    """
    root = module.partition(".")[0]
    if root == "chumpy":
        return Named(ChumpyArray, is_class=True)
    kind = re.fullmatch(r"(csc|csr|coo)_(matrix|array)", name)
    if kind and root == "scipy" and module.startswith("scipy.sparse"):
        return Named(lambda: SparseArray(kind[1]), is_class=True)
    found = _NAMES.get((_MODULES.get(root, module), name))
    if found is None:
        raise RefusedPickleError(
            f"the pickle needs {module}.{name}; only NumPy and SciPy arrays are allowed. If you trust the file, "
            "convert it to .npz yourself"
        )
    return found


def is_scalar(value: object) -> bool:
    """Whether a value may be a key: its hash takes no time that the file chooses."""
    return value is None or isinstance(value, (str, bytes, bool, int, float))


def pairs_as_dict(into: dict[Any, Any], items: list[Any]) -> None:
    """Add keys and values, which alternate.

    Raises:
        NotAPickleError: a key is no text or number, or has no value.
    """
    if len(items) % 2 or not all(is_scalar(key) for key in items[::2]):
        raise NotAPickleError("a dictionary whose keys are not texts or numbers")
    into.update(zip(items[::2], items[1::2], strict=True))


def dict_of(items: list[Any]) -> dict[Any, Any]:
    """A dictionary of keys and values, which alternate; errors as `pairs_as_dict`."""
    made: dict[Any, Any] = {}
    pairs_as_dict(made, items)
    return made


def _reconstruct(_kind: object = None, shape: object = None, *_: object) -> AnyArray:
    if shape != (0,):
        raise NotAPickleError("an array that is not empty before its content comes")
    return np.ndarray((0,), np.int8)  # its state follows, see `fill_array`


def _scalar(kind: object, data: object = b"") -> Any:
    if not isinstance(kind, PlainDtype):
        raise NotAPickleError("a number without a type")
    return kind.array(data, ())[()]


def _from_buffer(data: object, kind: object, shape: object, order: object = "C") -> AnyArray:
    if not isinstance(kind, PlainDtype):
        raise NotAPickleError("an array without a type")
    return kind.array(data, shape, "F" if order == "F" else "C").copy(order="K")


def _encoded(text: object = "", encoding: object = "latin1") -> bytes:
    if isinstance(text, bytes):
        return text
    if not isinstance(text, str) or str(encoding).replace("-", "").lower() not in ("latin1", "ascii", "utf8"):
        raise NotAPickleError("bytes that are not written as a text")
    return text.encode(str(encoding))


def _list(items: object = ()) -> list[Any]:
    if not isinstance(items, (list, tuple)):
        raise NotAPickleError(f"a list made of a {type(items).__name__}")
    return list(items)


def made_set(items: object = ()) -> set[Any]:
    """A set of texts and numbers; NotAPickleError for other values."""
    values = _list(items)
    if not all(is_scalar(value) for value in values):
        raise NotAPickleError("a set of other things than texts and numbers")
    return set(values)


def _dict(pairs: object = ()) -> dict[Any, Any]:
    made: dict[Any, Any] = {}
    for pair in _list(pairs):
        pairs_as_dict(made, _list(pair))
    return made


def _complex(real: object = 0.0, imaginary: object = 0.0) -> complex:
    if not isinstance(real, (int, float)) or not isinstance(imaginary, (int, float)):
        raise NotAPickleError("a complex number that is not made of two numbers")
    return complex(real, imaginary)


def _empty_instance(kind: object, *_: object) -> Any:
    if not isinstance(kind, Named) or not kind.is_class:
        raise NotAPickleError("an instance of something else than a chumpy or SciPy array")
    return kind.call()


def _no_call(*_: object) -> Any:
    raise NotAPickleError("a call of a class that has no meaning here")


_MODULES = {"numpy": "numpy", "builtins": "builtins", "__builtin__": "builtins", "copy_reg": "copyreg"}
_NAMES: Mapping[tuple[str, str], Named] = {
    ("numpy", "ndarray"): Named(_no_call),
    ("numpy", "dtype"): Named(PlainDtype),
    ("numpy", "_reconstruct"): Named(_reconstruct),
    ("numpy", "scalar"): Named(_scalar),
    ("numpy", "_frombuffer"): Named(_from_buffer),
    ("_codecs", "encode"): Named(_encoded),  # how protocol 2 writes bytes
    ("copyreg", "_reconstructor"): Named(_empty_instance),
    ("collections", "OrderedDict"): Named(_dict),
    ("builtins", "dict"): Named(_dict),
    ("builtins", "list"): Named(_list),
    ("builtins", "tuple"): Named(lambda items=(): tuple(_list(items))),
    ("builtins", "set"): Named(made_set),
    ("builtins", "bytes"): Named(_encoded),
    ("builtins", "bytearray"): Named(lambda *of: bytearray(_encoded(*of))),
    ("builtins", "complex"): Named(_complex),
    **{("builtins", name): Named(_no_call) for name in ("object", "str", "int", "float", "bool")},
}
