"""The doors through which a user's pickles come: models of bodies, fits and annotations."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import numpy as np

from benchmarks.hostile.case import Case, file_of, sparse_file
from benchmarks.hostile.pickles import FORGED, PICKLES, content_of
from metrichmsr_ros.body.pickles import load_array_pickle
from metrichmsr_ros.body.smpl import read_smpl
from metrichmsr_ros.body.smplx_joints import SmplxJoints
from metrichmsr_ros.data.formats.scenes import read_prox
from metrichmsr_ros.data.formats.video_sequences import read_3dpw, read_emdb
from metrichmsr_ros.data.formats.webdataset import read_4dhumans_tar


def cases() -> list[Case]:
    """Every pickle at one door, and the forged type at all doors."""
    found = [Case(f"pickle: {name}", file_of("a.pkl", PICKLES[name]), load_array_pickle) for name in PICKLES]
    found.append(
        Case("pickle: 64 GiB of zeros", lambda folder: sparse_file(folder / "a.pkl", 2**36), load_array_pickle)
    )
    return [*found, *doors()]


def doors() -> list[Case]:
    """The forged type at every door."""
    forged_type = content_of(FORGED)
    return [
        Case("SMPL .pkl: forged type", file_of("smpl.pkl", forged_type), read_smpl),
        Case("SMPL .npz: forged type", lambda folder: _npz(folder / "smpl.npz", forged_type), read_smpl),
        Case("SMPL-X .npz: forged type", lambda folder: _npz(folder / "smplx.npz", forged_type), SmplxJoints),
        Case("3DPW: forged type", _written("sequenceFiles/test/a.pkl"), lambda root: read_3dpw(root, "a", _no_joints)),
        Case("EMDB: forged type", _written("a_data.pkl"), lambda root: read_emdb(root, _no_joints)),
        Case("PROX: forged type", _prox, lambda root: read_prox(root, "a_162_01", _no_joints)),
        Case("4D-Humans: forged type", lambda folder: _tar(folder / "a.tar", forged_type), read_4dhumans_tar),
    ]


def _no_joints(*_: Any) -> Any:
    raise AssertionError("the file should have been refused")


def _npz(path: Path, content: bytes) -> Path:
    """An npz file whose array of objects is this pickle."""
    with io.BytesIO() as header:
        np.lib.format.write_array_header_1_0(header, {"descr": "|O", "fortran_order": False, "shape": ()})
        np.savez(path, v_template=np.zeros(3))
        with ZipFile(path, "a") as archive:
            archive.writestr("J_regressor.npy", header.getvalue() + content)
    return path


def _written(name: str) -> Callable[[Path], Path]:
    def write(folder: Path) -> Path:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content_of(FORGED))
        return folder

    return write


def _prox(folder: Path) -> Path:
    _written("PROXD/a_162_01/results/s001/000.pkl")(folder)
    (folder / "calibration").mkdir()
    (folder / "calibration" / "Color.json").write_text('{"camera_mtx": [], "k": []}')
    return folder


def _tar(path: Path, content: bytes) -> Path:
    with tarfile.open(path, "w") as tar:
        for name, data in (("a.jpg", b""), ("a.data.pyd", content)):
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    return path
