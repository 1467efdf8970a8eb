"""The restricted unpickler: arrays are read; everything else is rejected with its name and never run."""

from __future__ import annotations

import os
import pickle
import sys
import types
from pathlib import Path

import numpy as np
import pytest
import scipy.sparse

from metrichmsr_ros.body.pickles import RefusedPickleError, load_array_pickle


class Attack:
    """An object whose pickle calls a function."""

    def __init__(self, function: object, *arguments: object) -> None:
        self.call = (function, arguments)

    def __reduce__(self) -> tuple[object, tuple[object, ...]]:
        return self.call  # type: ignore[return-value]


@pytest.mark.parametrize("protocol", [0, 2, 4, 5])
def test_arrays_are_read(tmp_path: Path, protocol: int) -> None:
    content = {
        "dense": np.arange(12.0).reshape(3, 4),
        "integers": np.arange(3, dtype=np.uint32),
        "sparse": scipy.sparse.csc_matrix(np.eye(3)),
        "scalar": np.float64(2.5),
        "words": ["lbs", "lrotmin"],
        "text": np.array(["a", "b"]),
    }
    (tmp_path / "a.pkl").write_bytes(pickle.dumps(content, protocol))
    read = load_array_pickle(tmp_path / "a.pkl")
    np.testing.assert_array_equal(read["dense"], content["dense"])
    np.testing.assert_array_equal(read["sparse"], np.eye(3))
    assert read["integers"].dtype == np.uint32
    assert (read["scalar"], read["words"]) == (2.5, ["lbs", "lrotmin"])


@pytest.mark.parametrize(
    ("attack", "named"),
    [
        (Attack(os.system, "touch owned"), r"(posix|nt)\.system"),
        (Attack(eval, "1 + 1"), r"eval"),
        (Attack(getattr, [], "append"), r"getattr"),
        (Attack(np.load, "x.npy"), r"numpy.*load"),
        (Attack(np.fromfile, "x"), r"numpy.*fromfile"),
        (Attack(types.SimpleNamespace), r"SimpleNamespace"),
    ],
)
@pytest.mark.parametrize("protocol", [0, 2, 4])
def test_calls_are_refused_and_named(
    tmp_path: Path, attack: Attack, named: str, protocol: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.pkl").write_bytes(pickle.dumps({"v_template": attack}, protocol))
    with pytest.raises(RefusedPickleError, match=named):
        load_array_pickle(tmp_path / "a.pkl")
    assert not (tmp_path / "owned").exists()


def test_attributes_cannot_be_reached_by_a_dotted_name(tmp_path: Path) -> None:
    """Protocol 4 resolves dots: 'numpy' 'ndarray.tofile' must not pass as numpy's."""
    (tmp_path / "a.pkl").write_bytes(b"\x80\x04\x8c\x05numpy\x8c\x0endarray.tofile\x93.")
    with pytest.raises(RefusedPickleError, match=r"numpy\.ndarray\.tofile"):
        load_array_pickle(tmp_path / "a.pkl")


def chumpy_pickle(content: object, monkeypatch: pytest.MonkeyPatch) -> bytes:
    """Pickle `content(Ch)` with a class that claims to be chumpy.ch.Ch, as old SMPL files hold it."""
    module = types.ModuleType("chumpy.ch")

    class Ch:
        def __init__(self, x: object) -> None:
            self.x = x
            self._dirty_vars: set[str] = set()

    Ch.__module__, Ch.__qualname__ = "chumpy.ch", "Ch"
    module.Ch = Ch  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "chumpy", types.ModuleType("chumpy"))
    monkeypatch.setitem(sys.modules, "chumpy.ch", module)
    data = pickle.dumps({"v_template": Ch(content), "nested": Ch(Ch(content))}, protocol=2)
    monkeypatch.delitem(sys.modules, "chumpy.ch")
    monkeypatch.delitem(sys.modules, "chumpy")
    return data


def test_chumpy_arrays_are_unwrapped_without_chumpy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a.pkl").write_bytes(chumpy_pickle(np.arange(6.0), monkeypatch))
    read = load_array_pickle(tmp_path / "a.pkl")
    np.testing.assert_array_equal(read["v_template"], np.arange(6.0))
    np.testing.assert_array_equal(read["nested"], np.arange(6.0))


def test_chumpy_expressions_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a.pkl").write_bytes(chumpy_pickle("an operation", monkeypatch))
    with pytest.raises(RefusedPickleError, match="chumpy expression"):
        load_array_pickle(tmp_path / "a.pkl")


@pytest.mark.parametrize("content", [b"", b"not a pickle", pickle.dumps({"a": np.eye(4)})[:-20]])
def test_broken_files_are_named(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "broken.pkl").write_bytes(content)
    with pytest.raises(ValueError, match=r"broken\.pkl: not a readable pickle"):
        load_array_pickle(tmp_path / "broken.pkl")


def test_other_content_is_named(tmp_path: Path) -> None:
    (tmp_path / "list.pkl").write_bytes(pickle.dumps([1, 2]))
    with pytest.raises(ValueError, match="holds a list, expected a dictionary"):
        load_array_pickle(tmp_path / "list.pkl")


def test_pickles_of_numpy_1_and_2_are_read(tmp_path: Path) -> None:
    """NumPy 2 pickles name numpy._core, NumPy 1 files numpy.core; each must read the other's."""
    data = pickle.dumps({"a": np.eye(2)}, protocol=2)
    for name in (b"numpy.core.multiarray", b"numpy._core.multiarray"):
        renamed = data.replace(b"numpy._core.multiarray", name).replace(b"numpy.core.multiarray", name)
        (tmp_path / "a.pkl").write_bytes(renamed)
        np.testing.assert_array_equal(load_array_pickle(tmp_path / "a.pkl")["a"], np.eye(2))
