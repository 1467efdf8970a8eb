"""Files of arrays that a user names: whatever is wrong with them is one error that names the file."""

from __future__ import annotations

import numpy as np
import pytest

from metrichmsr_ros.io.npz import NpzError, read_npy, read_npz


def broken(path, kind):
    """A file of this name that is not what its name says."""
    if kind == "web page":
        path.write_text("<html>please sign in</html>")
    elif kind == "empty":
        path.write_bytes(b"")
    elif kind == "text":
        path.write_text("no arrays")
    elif kind == "folder":
        path.mkdir()
    elif kind in ("cut off", "changed inside"):
        np.savez_compressed(path, a=np.arange(1000))
        data = path.read_bytes()
        path.write_bytes(data[: len(data) // 2] + (bytes(20) + data[len(data) // 2 + 20 :]) * (kind != "cut off"))
    elif kind == "huge header":
        header = b"{'descr': '<f8', 'fortran_order': False, 'shape': (1000000000000, 1000), }".ljust(117) + b"\n"
        path.write_bytes(b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header)
    return path


KINDS = ["web page", "empty", "text", "folder", "cut off", "changed inside", "huge header", "missing"]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("read", [read_npz, read_npy])
def test_a_broken_file_is_named(tmp_path, kind, read):
    path = broken(tmp_path / "model.npz", kind)
    with pytest.raises(NpzError, match=r"model\.npz") as error:
        read(path)
    assert "allow_pickle" not in str(error.value)
    assert "\n" not in str(error.value)


def test_arrays_are_read_by_name(tmp_path):
    np.savez(tmp_path / "a.npz", a=np.arange(3), b=np.eye(2), c=np.array([{}], object))
    found = read_npz(tmp_path / "a.npz", {"a", "b", "z"})
    assert sorted(found) == ["a", "b"]
    np.testing.assert_array_equal(found["b"], np.eye(2))
    with pytest.raises(NpzError, match=r"a\.npz: c holds Python objects"):
        read_npz(tmp_path / "a.npz")


def test_one_array_and_several_are_told_apart(tmp_path):
    np.save(tmp_path / "one.npy", np.arange(3))
    np.savez(tmp_path / "several.npz", a=np.arange(3))
    np.testing.assert_array_equal(read_npy(tmp_path / "one.npy"), [0, 1, 2])
    with pytest.raises(NpzError, match=r"one\.npy holds one array"):
        read_npz(tmp_path / "one.npy")
    with pytest.raises(NpzError, match=r"several\.npz holds several arrays"):
        read_npy(tmp_path / "several.npz")


@pytest.mark.parametrize("compressed", [False, True])
def test_arrays_of_every_kind_are_read_as_numpy_reads_them(tmp_path, compressed):
    values = {
        "rows": np.arange(12.0).reshape(3, 4),
        "columns": np.asfortranarray(np.arange(12.0).reshape(3, 4)),
        "swapped": np.arange(3, dtype=">i2"),
        "text": np.array(["a", "bcd"]),
        "word": np.array("open"),
        "nothing": np.zeros((0, 3), np.float32),
        "empty text": np.array([""], "<U0"),
        "fields": np.zeros(3, [("a", "<f8"), ("b", "<i4")]),
        "flags": np.array([True, False]),
    }
    (np.savez_compressed if compressed else np.savez)(tmp_path / "a.npz", **values)
    found = read_npz(tmp_path / "a.npz")
    with np.load(tmp_path / "a.npz") as expected:
        assert found.keys() == set(expected.files)
        for name in expected.files:
            np.testing.assert_array_equal(found[name], expected[name])
            assert found[name].dtype == expected[name].dtype
            assert found[name].flags["F_CONTIGUOUS"] == expected[name].flags["F_CONTIGUOUS"]
            assert found[name].flags["WRITEABLE"]
    np.save(tmp_path / "a.npy", values["columns"])
    np.testing.assert_array_equal(read_npy(tmp_path / "a.npy"), values["columns"])


def test_a_file_that_unfolds_without_bounds_is_refused(tmp_path):
    np.savez_compressed(tmp_path / "a.npz", a=np.zeros(2**24))
    with pytest.raises(NpzError, match=r"a\.npz would unfold from \d+ bytes to 0\.1 GB"):
        read_npz(tmp_path / "a.npz")
