"""Pickles that take memory or time, or forge NumPy's types; as bytes, for every door that reads pickles."""

from __future__ import annotations

import _codecs
import os
import pickle
import struct
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import scipy.sparse

_RECONSTRUCT = np.empty(0).__reduce__()[0]


class Made:
    """Pickles as a call of `function` with `arguments`, and a state for its result."""

    def __init__(self, function: Any, arguments: tuple[Any, ...] = (), state: Any = None) -> None:
        self.parts = (function, arguments) if state is None else (function, arguments, state)

    def __reduce__(self) -> Any:
        """The call, for pickle."""
        return self.parts


def pickled(value: Any, protocol: int = 2) -> bytes:
    """A pickled dictionary whose one entry is the value."""
    return pickle.dumps({"v_template": value}, protocol)


def array(shape: Any, dtype: Any, content: Any) -> Made:
    """An array with this state, which NumPy would never write."""
    return Made(_RECONSTRUCT, (np.ndarray, (0,), b"b"), (1, shape, dtype, False, content))


def forged(names: Any, fields: Any, size: int = 16, flags: int = 27) -> bytes:
    """An array of a forged structured type."""
    dtype = Made(np.dtype, (f"V{size}", False, True), (3, "|", None, names, fields, size, 1, flags))
    return pickled(array((2,), dtype, bytes(2 * size)))


def sparse(**changed: Any) -> bytes:
    """A sparse matrix with a changed state."""
    matrix = scipy.sparse.csc_matrix(np.eye(3))
    return pickled(Made(scipy.sparse.csc_matrix, (), {**matrix.__dict__, **changed}))


def key_of_tuples(depth: int) -> bytes:
    """A key of `depth` nested pairs, each part twice the same: its hash takes 2 ** depth steps."""
    value = b"K\x01"
    for _ in range(depth):
        value = value + b"2\x86"  # DUP, TUPLE2
    return b"\x80\x02}" + value + b"K\x01s."


def laughs(width: int, depth: int) -> bytes:
    """A list of lists of lists: `width` ** `depth` numbers in a few kilobytes."""
    value: Any = [1.0] * width
    for _ in range(depth - 1):
        value = [value] * width
    return pickled(value)


def of_itself() -> bytes:
    """A list that contains itself."""
    value: list[Any] = []
    value.append(value)
    return pickled(value)


_BEFORE = b"\x80\x04}\x8c\x0av_template"  # a dictionary and its first key
PICKLES: Mapping[str, bytes | Callable[[], bytes]] = {
    "a type with an object where bytes lie": lambda: forged(("a",), {"a": (np.dtype("O"), 0)}, flags=63),
    "a type with fields outside": lambda: forged(("a",), {"a": (np.dtype("f8"), 10**6)}),
    "a type with a negative offset": lambda: forged(("a",), {"a": (np.dtype("f8"), -64)}),
    "a type with another size": lambda: pickled(
        array((2,), Made(np.dtype, ("f8", False, True), (3, "<", None, None, None, 80, 8, 0)), bytes(16))
    ),
    "an array of objects beyond its list": lambda: pickled(array((1000,), np.dtype("O"), [1])),
    "an array beyond its bytes": lambda: pickled(array((1000,), np.dtype("f8"), bytes(8))),
    "an array of a terabyte": lambda: pickled(Made(_RECONSTRUCT, (np.ndarray, (2**40,), b"b"))),
    "texts of characters that do not exist": lambda: pickled(array((1,), np.dtype("<U1"), b"\xff" * 4)),
    "bytes(2e10)": lambda: pickled(Made(bytes, (20_000_000_000,))),
    "bytearray(2e10)": lambda: pickled(Made(bytearray, (20_000_000_000,))),
    "a sparse matrix of 298 GiB": lambda: sparse(_shape=(200_000, 200_000), indptr=np.zeros(200_001, np.int32)),
    "a sparse matrix with indices outside": lambda: sparse(indices=np.array([0, 1, 10**8], np.int32)),
    "a sparse matrix with indptr outside": lambda: sparse(indptr=np.array([0, 1, 2, 10**8], np.int32)),
    "a text of 2**31 bytes": _BEFORE + b"X\xff\xff\xff\x7fabc",
    "bytes of 2**62 bytes": _BEFORE + b"\x8e" + struct.pack("<Q", 2**62),
    "a bytearray of 2**40 bytes": b"\x80\x05}\x8c\x0av_template\x96" + struct.pack("<Q", 2**40),
    "a place in the memo at 2**32": _BEFORE + b"]r\xff\xff\xff\xffs.",
    "a number of a million digits": _BEFORE + b"I" + b"9" * 10**6 + b"\ns.",
    "a key whose hash takes 2**60 steps": key_of_tuples(60),
    "a name whose text has 2**60 parts": lambda: key_of_tuples(60)[:-4] + b"\x8c\x01a\x93.",
    "a type whose text has 2**60 parts": lambda: b"\x80\x02cnumpy\ndtype\n" + key_of_tuples(60)[3:-4] + b"\x85R.",
    "a list of 10**9 numbers in 2 kB": lambda: laughs(1000, 3),
    "200,000 nested lists": b"\x80\x02}U\x0av_template" + b"]" * 200_000 + b"a" * 199_999 + b"s.",
    "a list of itself": of_itself,
    "five million sets": b"\x80\x04}\x8c\x0av_template(" + b"\x8f" * 5_000_000 + b"ts.",
    "an unknown codec": lambda: pickled(Made(_codecs.encode, ("a", "no-such-codec"))),
    "a codec that unpacks": lambda: pickled(Made(_codecs.encode, ("a", "zlib_codec"))),
    "a text that is no UTF-8": _BEFORE + b"\x8c\x02\xff\xfes.",
    "a command for the shell": lambda: pickled(Made(os.system, ("echo hurt",))),
    "a state for a function": b"\x80\x02}cnumpy.core.multiarray\n_reconstruct\n}U\x07__doc__U\x01xsb.",
    "a list extended into an array": b"\x80\x02cnumpy.core.multiarray\n_reconstruct\n)R(K\x01e.",
    "the web page of a login": b"<html>please sign in</html>",
    "nothing": b"",
}
FORGED = "a type with fields outside"


def content_of(name: str) -> bytes:
    """The bytes of one of `PICKLES`."""
    made = PICKLES[name]
    return made if isinstance(made, bytes) else made()
