"""Arrays of NumPy, SciPy and chumpy in a pickle: made of plain parts, which are compared with each other first.

Their own functions get no arguments from the file: NumPy takes a forged type with offsets outside the array, SciPy
indices outside a matrix.
"""

from __future__ import annotations

import math
import re
from typing import Any

import numpy as np

from metrichmsr_ros.errors import MetricHMRError
from metrichmsr_ros.types import AnyArray

_DTYPE = re.compile(r"[<>=|]?(\?|b1|[iu][1248]|f[248]|c8|c16|[SU]\d{1,7}|O[48]?)")
_STATE_LENGTH = 8  # version, byte order, then None three times: nested types, names and fields; sizes and flags
_MOST_AXES = 32
_LARGEST_DENSE = 2**26  # bytes of a sparse matrix after it is made dense; SMPL-X's largest takes 5 MB


class RefusedPickleError(MetricHMRError, ValueError):
    """A pickle names a class or function that is not on the list of allowed ones."""


class NotAPickleError(MetricHMRError, ValueError):
    """A file is damaged, or is not a pickled dictionary of arrays."""


class PlainDtype:
    """Replaces numpy.dtype: numbers, texts or objects, without fields, nested types or sizes of their own."""

    def __init__(self, code: object, *_: object) -> None:
        if not isinstance(code, (str, bytes)):  # the text of nested tuples has no end
            raise NotAPickleError(f"array of a type that is a {type(code).__name__}, not a text")
        text = code.decode("latin1") if isinstance(code, bytes) else code
        if not _DTYPE.fullmatch(text):
            raise NotAPickleError(f"array of type {text[:20]!r}; only numbers, texts and objects are read")
        self.dtype = np.dtype(object) if text.lstrip("<>=|").startswith("O") else np.dtype(text)

    def set_state(self, state: object) -> None:
        """Apply the byte order; refuse a state that changes anything else."""
        if not isinstance(state, tuple) or len(state) != _STATE_LENGTH or any(part is not None for part in state[2:5]):
            raise NotAPickleError("an array type with fields or nested types, which are not read")
        order, sizes = state[1], (state[5], self.dtype.itemsize, -1)
        if order not in ("<", ">", "=", "|", b"<", b">", b"=", b"|") or state[5] not in sizes[1:]:
            raise NotAPickleError("an array type that contradicts itself")
        self.dtype = self.dtype.newbyteorder(order.decode() if isinstance(order, bytes) else order)  # type: ignore[arg-type]

    def array(self, data: object, shape: object, order: str = "C") -> AnyArray:
        """The array of these bytes, without a copy."""
        content, sizes = _bytes(data), _shape(shape)
        if self.dtype.hasobject or len(content) != math.prod(sizes) * self.dtype.itemsize:
            raise NotAPickleError(f"an array of shape {sizes} and type {self.dtype} has {len(content)} bytes")
        if self.dtype.itemsize == 0:
            return np.zeros(sizes, self.dtype)
        values = np.frombuffer(content, self.dtype)
        check_text(values)
        return values.reshape(sizes, order="F" if order == "F" else "C")


class ChumpyArray:
    """Replaces every chumpy class: stores the pickled state, runs no code of the file and returns the array in it."""

    def __init__(self, *_: object) -> None:
        self.state: dict[str, Any] = {}

    def set_state(self, state: object) -> None:
        """Store the state without calling anything in it."""
        self.state = state if isinstance(state, dict) else {}

    def array(self) -> AnyArray:
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


class SparseArray:
    """Replaces SciPy's matrices of the kinds csc, csr and coo.

    SciPy's own conversion trusts the indices, and writes outside the array where they are wrong.
    """

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self.state: dict[str, Any] = {}

    def set_state(self, state: object) -> None:
        """Store the state without calling anything in it."""
        self.state = state if isinstance(state, dict) else {}

    def array(self) -> AnyArray:
        """The dense array.

        Raises:
            NotAPickleError: parts are missing or contradict each other, or it would take too much memory.
        """
        shape, data = _shape(self.state.get("_shape")), self._part("data", "biufc")
        if len(shape) != 2 or math.prod(shape) * data.itemsize > _LARGEST_DENSE:
            raise NotAPickleError(
                f"a sparse matrix of shape {shape}, larger than {_LARGEST_DENSE >> 20} MiB when it is dense"
            )
        rows, columns = self._places(shape)
        if not len(rows) == len(columns) == len(data):
            raise NotAPickleError("a sparse matrix whose indices and values differ in number")
        for places, length in ((rows, shape[0]), (columns, shape[1])):
            if len(places) and not 0 <= places.min() <= places.max() < length:
                raise NotAPickleError(f"a sparse matrix of shape {shape} with indices outside it")
        dense = np.zeros(shape, data.dtype)
        np.add.at(dense, (rows, columns), data)
        return dense

    def _places(self, shape: tuple[int, ...]) -> tuple[AnyArray, AnyArray]:
        """Row and column of each value."""
        if self.kind == "coo":
            pair = self.state.get("coords") or (self.state.get("row"), self.state.get("col"))
            if not isinstance(pair, tuple) or len(pair) != 2:
                raise NotAPickleError("a sparse matrix without indices")
            return _vector(pair[0], "iu"), _vector(pair[1], "iu")
        within, ends = self._part("indices", "iu"), self._part("indptr", "iu")
        count = shape[1 if self.kind == "csc" else 0]
        if len(ends) != count + 1 or ends[0] != 0 or ends[-1] != len(within) or (np.diff(ends) < 0).any():
            raise NotAPickleError("a sparse matrix whose indptr does not fit its shape")
        lines = np.repeat(np.arange(count), np.diff(ends))
        return (within, lines) if self.kind == "csc" else (lines, within)

    def _part(self, name: str, kinds: str) -> AnyArray:
        return _vector(self.state.get(name), kinds)


def fill_array(array: AnyArray, state: object) -> None:
    """Give an empty array, which numpy's `_reconstruct` made, its type, shape and content.

    Raises:
        NotAPickleError: they contradict each other.
    """
    if not isinstance(state, tuple) or len(state) != 5 or not isinstance(state[2], PlainDtype):
        raise NotAPickleError("an array without shape, type and content")
    _, shape, kind, is_fortran, content = state
    sizes, dtype = _shape(shape), kind.dtype
    if not dtype.hasobject:
        kind.array(content, sizes)  # checks sizes and texts
        array.__setstate__((1, sizes, dtype, bool(is_fortran), bytes(_bytes(content))))  # type: ignore[arg-type]
        return
    if not isinstance(content, list) or len(content) != math.prod(sizes):
        raise NotAPickleError(f"an array of objects and shape {sizes} with another number of them")
    array.__setstate__((1, sizes, dtype, bool(is_fortran), content))  # type: ignore[arg-type]


def check_text(values: AnyArray) -> None:
    """Refuse texts with characters that do not exist, of which reading the array would fail later.

    Raises:
        ValueError: there is one.
    """
    if values.dtype.kind == "U" and values.size:
        codes = np.ascontiguousarray(values).reshape(-1).view(f"{values.dtype.byteorder}u4")
        if codes.max() > 0x10FFFF:
            raise ValueError("a text with characters that do not exist")


def _bytes(data: object) -> bytes | bytearray:
    if isinstance(data, str):  # Python 2 wrote bytes as text
        return data.encode("latin1")
    if not isinstance(data, (bytes, bytearray)):
        raise NotAPickleError(f"an array whose content is a {type(data).__name__}, not bytes")
    return data


def _shape(shape: object) -> tuple[int, ...]:
    sizes = (shape,) if isinstance(shape, int) else shape
    if not isinstance(sizes, tuple) or len(sizes) > _MOST_AXES:
        raise NotAPickleError("an array without a shape")
    if not all(isinstance(size, (int, np.integer)) and 0 <= size < 2**62 for size in sizes):
        raise NotAPickleError("an array with a negative, huge or missing length in its shape")
    return tuple(map(int, sizes))


def _vector(value: object, kinds: str) -> AnyArray:
    if not isinstance(value, np.ndarray) or value.ndim != 1 or value.dtype.kind not in kinds:
        raise NotAPickleError("a sparse matrix without its indices or values")
    return value.astype(np.int64) if kinds == "iu" else value
