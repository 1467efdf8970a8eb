"""Pickles that are made to hurt are refused by name, before they take memory; pickles of arrays are read as ever."""

from __future__ import annotations

import collections
import contextlib
import pickle
import tracemalloc
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.sparse
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.hostile.pickles import PICKLES, content_of
from metrichmsr_ros.body.pickles import NotAPickleError, RefusedPickleError, load_array_pickle, loads_arrays, plain

SLOW = {"five million sets", "200,000 nested lists"}  # in the benchmark alone
MATRIX = np.arange(6.0).reshape(2, 3)
CONTENT: dict[str, Any] = {
    "rows": MATRIX,
    "columns": np.asfortranarray(MATRIX),
    "strided": np.arange(10)[::2],
    "swapped": np.arange(3, dtype=">i2"),
    "flags": np.array([True, False]),
    "text": np.array(["a", "bcd"]),
    "bytes": np.array([b"a", b"bcd"]),
    "none": np.zeros((0, 3)),
    "point": np.array(3.5),
    "number": np.float32(3),
    "csc": scipy.sparse.csc_matrix(MATRIX),
    "csr": scipy.sparse.csr_matrix(MATRIX),
    "coo": scipy.sparse.coo_matrix(MATRIX),
    "set": {1, 2, "a"},
    "ordered": collections.OrderedDict(a=1, b=[2]),
    "raw": b"\xff\x00",
    "raw of nothing": b"",
    "raw that changes": bytearray(b"ab"),
    "tuples": ((), (1,), (1, 2), (1, 2, 3), (1, 2, 3, 4)),
    "numbers": [-5, 2**40, 2**70, 2.5, 1 + 2j, True, None],
    "accents": "é€",
}


@pytest.mark.parametrize("name", sorted(PICKLES.keys() - SLOW))
def test_hostile_pickles_are_refused_by_name_before_they_take_memory(tmp_path: Path, name: str) -> None:
    path = tmp_path / "fit.pkl"
    path.write_bytes(content_of(name))
    tracemalloc.start()
    with pytest.raises((NotAPickleError, RefusedPickleError), match=r"fit\.pkl: "):
        load_array_pickle(path)
    assert tracemalloc.get_traced_memory()[1] < 2**25
    tracemalloc.stop()


@pytest.mark.parametrize("protocol", range(6))
def test_every_value_of_a_data_set_is_read_from_every_protocol(protocol: int) -> None:
    read = loads_arrays(pickle.dumps(CONTENT, protocol), "a.pkl")
    assert read.keys() == CONTENT.keys()
    for name, value in CONTENT.items():
        found = plain(read[name])
        if scipy.sparse.issparse(value):
            np.testing.assert_array_equal(found, value.toarray())
        elif isinstance(value, (np.ndarray, np.generic)):
            np.testing.assert_array_equal(found, value)
            assert (found.dtype.kind, found.itemsize) == (value.dtype.kind, value.itemsize)
        else:
            assert found == value


@pytest.mark.parametrize("protocol", [0, 2, 4])
def test_arrays_of_objects_are_read(protocol: int) -> None:
    content = np.array([1, "a", None, np.eye(2)], object)
    read = loads_arrays(pickle.dumps({"mixed": content, "one": np.array({"a": 1}, object)}, protocol), "a.pkl")
    assert read["mixed"].shape == (4,)
    assert list(read["mixed"][:3]) == [1, "a", None]
    np.testing.assert_array_equal(read["mixed"][3], np.eye(2))
    assert read["one"].item() == {"a": 1}


def test_repeated_entries_of_a_sparse_matrix_are_added() -> None:
    matrix = scipy.sparse.coo_matrix(([1.0, 2.0], ([1, 1], [2, 2])), shape=(2, 3))
    np.testing.assert_array_equal(plain(loads_arrays(pickle.dumps(matrix), "a.pkl")), matrix.toarray())


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_damaged_pickles_are_read_or_refused(data: st.DataObject) -> None:
    """Cut anywhere and with changed bytes: no other error, whatever the damage makes of it."""
    content = bytearray(pickle.dumps(CONTENT, data.draw(st.integers(0, 5))))
    for _ in range(data.draw(st.integers(0, 3))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    with contextlib.suppress(NotAPickleError, RefusedPickleError):
        loads_arrays(bytes(content[: data.draw(st.integers(0, len(content)))]), "a.pkl")
