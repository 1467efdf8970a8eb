"""SMPL files through smplx: our own skinning must equal it on the same arrays."""

from __future__ import annotations

import pickle
import sys
from pathlib import Path

import numpy as np
import pytest
import scipy.sparse
import torch

from metrichmsr_ros.body.engine import BodyError
from metrichmsr_ros.body.load import load_body
from metrichmsr_ros.body.open_body import OpenBody
from metrichmsr_ros.body.open_tables import FILES, load_arrays, to_smpl_dict
from metrichmsr_ros.body.pickles import RefusedPickleError
from metrichmsr_ros.body.smpl import read_smpl
from metrichmsr_ros.errors import MetricHMRError

needs_smplx = pytest.mark.skipif(
    not __import__("importlib.util").util.find_spec("smplx"), reason="smplx is not installed (extra: smpl)"
)


@pytest.fixture(scope="module")
def smpl_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("smpl") / "SMPL_LIKE.npz"
    np.savez(path, **to_smpl_dict(load_arrays(FILES["open_light"])))
    return path


def pickled(folder: Path, **changes: object) -> Path:
    content = {**to_smpl_dict(load_arrays(FILES["open_light"])), **changes}
    path = folder / "model.pkl"
    path.write_bytes(pickle.dumps(content, protocol=2))
    return path


@needs_smplx
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_our_skinning_equals_smplx(smpl_file: Path, dtype: torch.dtype) -> None:
    from metrichmsr_ros.body.smpl import SmplBody

    reference, ours = SmplBody(smpl_file, dtype), OpenBody.load("open_light", dtype)
    generator = torch.Generator().manual_seed(0)
    inputs = [scale * torch.randn(8, n, generator=generator, dtype=dtype) for n, scale in ((10, 1), (72, 0.7), (3, 3))]
    betas, pose, transl = inputs
    expected, got = reference.smpl(betas, pose[:, 3:], pose[:, :3], transl), ours(*inputs)
    expected.joints = expected.joints[:, :24]
    torch.testing.assert_close(reference(*inputs).vertices, expected.vertices, atol=1e-5, rtol=0)
    torch.testing.assert_close(reference(*inputs).joints, expected.joints, atol=1e-5, rtol=0)
    torch.testing.assert_close(got.vertices, expected.vertices, atol=1e-5, rtol=0)
    torch.testing.assert_close(got.joints, expected.joints, atol=1e-5, rtol=0)
    torch.testing.assert_close(reference.joints(*inputs), expected.joints, atol=1e-5, rtol=0)
    torch.testing.assert_close(reference.height(betas), ours.height(betas), atol=1e-5, rtol=0)


@needs_smplx
def test_pose_blend_shapes_equal_those_of_smplx(tmp_path: Path) -> None:
    from metrichmsr_ros.body.smpl import SmplBody

    generator = torch.Generator().manual_seed(1)
    shapes = 0.01 * torch.randn(1229, 3, 207, generator=generator)
    body = SmplBody(pickled(tmp_path, posedirs=shapes.numpy()))
    betas, pose, transl = (torch.randn(4, n, generator=generator) for n in (10, 72, 3))
    expected = body.smpl(betas, pose[:, 3:], pose[:, :3], transl)
    unbent = body(betas, torch.zeros_like(pose), transl)
    torch.testing.assert_close(body(betas, pose, transl).vertices, expected.vertices, atol=1e-5, rtol=0)
    torch.testing.assert_close(unbent.vertices, body.shaped(betas) + transl[:, None], atol=1e-5, rtol=0)


@needs_smplx
def test_load_body_finds_smpl_and_prints_nothing(smpl_file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    body = load_body(f"smpl:{smpl_file}")
    assert (body.name, body.num_vertices, body.faces.dtype) == ("smpl", 1229, torch.int64)
    assert capsys.readouterr().out == ""


def test_the_error_without_smplx_names_the_extra(smpl_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "smplx", None)
    with pytest.raises(ImportError, match=r"metrichmsr_ros\[smpl\].*non-commercial"):
        load_body(f"smpl:{smpl_file}")


def test_a_pickle_and_an_npz_give_the_same_body(smpl_file: Path, tmp_path: Path) -> None:
    regressor = to_smpl_dict(load_arrays(FILES["open_light"]))["J_regressor"]
    path = pickled(tmp_path, J_regressor=scipy.sparse.csc_matrix(regressor), bs_type="lrotmin")
    expected = read_smpl(smpl_file)
    for name, array in read_smpl(path).items():
        np.testing.assert_array_equal(array, expected[name])


def test_betas_beyond_ten_are_cut(tmp_path: Path) -> None:
    path = pickled(tmp_path, shapedirs=np.zeros((1229, 3, 300)))
    assert read_smpl(path)["shapedirs"].shape == (1229, 3, 10)


def test_bad_files_are_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"nowhere\.npz is not a file"):
        load_body(f"smpl:{tmp_path}/nowhere.npz")
    np.savez(tmp_path / "half.npz", v_template=np.zeros((5, 3)))
    with pytest.raises(ValueError, match="array\\(s\\) missing: shapedirs, posedirs"):
        read_smpl(tmp_path / "half.npz")
    with pytest.raises(ValueError, match="52 joints, SMPL has 24"):
        read_smpl(pickled(tmp_path, weights=np.zeros((1229, 52))))
    with pytest.raises(ValueError, match="shapedirs"):
        read_smpl(pickled(tmp_path, shapedirs=np.zeros((1229, 3, 5))))


def test_sparse_matrices_that_savez_pickled_are_read(smpl_file: Path, tmp_path: Path) -> None:
    """`numpy.savez(path, **pickle)` writes SMPL's sparse regressor as a pickled object."""
    arrays = to_smpl_dict(load_arrays(FILES["open_light"]))
    for kind in (scipy.sparse.csc_matrix, scipy.sparse.csr_matrix, scipy.sparse.coo_array):
        np.savez(tmp_path / "sparse.npz", **{**arrays, "J_regressor": kind(arrays["J_regressor"])})
        expected = read_smpl(smpl_file)
        for name, array in read_smpl(tmp_path / "sparse.npz").items():
            np.testing.assert_array_equal(array, expected[name])


def test_an_npz_runs_no_code(tmp_path: Path) -> None:
    class Evil:
        def __reduce__(self) -> tuple[object, tuple[str]]:
            return eval, (f"open({str(tmp_path / 'ran')!r}, 'w')",)

    arrays = to_smpl_dict(load_arrays(FILES["open_light"]))
    np.savez(tmp_path / "evil.npz", **{**arrays, "J_regressor": np.array(Evil(), object)})
    with pytest.raises(RefusedPickleError, match=r"evil\.npz: J_regressor"):
        read_smpl(tmp_path / "evil.npz")
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("page.npz", b"<html>please sign in</html>", "web page"),
        ("page.pkl", b"<!DOCTYPE html>", "web page"),
        ("empty.npz", b"", "is empty"),
        ("empty.pkl", b"", "is empty"),
        ("text.pkl", b"hello", "not a readable pickle"),
        ("cut.npz", b"PK\x03\x04" + bytes(50), "not an npz file"),
    ],
)
def test_files_that_are_something_else_are_named(tmp_path: Path, name: str, content: bytes, words: str) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(MetricHMRError, match=words) as error:
        read_smpl(tmp_path / name)
    assert name in str(error.value)


@pytest.mark.parametrize(
    "change",
    [
        {"v_template": np.zeros(3)},
        {"v_template": np.array("text")},
        {"posedirs": np.zeros((1229, 3, 93))},
        {"J_regressor": np.zeros((24, 5))},
        {"weights": np.zeros(24)},
        {"f": np.full((2, 3), 5000)},
        {"kintree_table": np.array([["a"] * 24] * 2)},
    ],
)
def test_arrays_of_another_shape_are_named(tmp_path: Path, change: dict[str, np.ndarray]) -> None:
    np.savez(tmp_path / "odd.npz", **{**to_smpl_dict(load_arrays(FILES["open_light"])), **change})
    with pytest.raises(BodyError, match=r"odd\.npz"):
        read_smpl(tmp_path / "odd.npz")
