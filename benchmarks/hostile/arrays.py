"""Files of arrays, shards and states of training: cut off, or stating sizes that they do not have."""

from __future__ import annotations

import io
import json
import tarfile
import tempfile
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.numpy import save

from benchmarks.hostile.case import Case, file_of, sparse_file
from benchmarks.hostile.damage import cuts, damaged, several
from metrichmsr_ros.assets import asset_path
from metrichmsr_ros.body.open_tables import FILES, OpenTables
from metrichmsr_ros.data.formats.tar_samples import add_arrays, add_file, new_shard
from metrichmsr_ros.data.formats.webdataset import read_open
from metrichmsr_ros.data.synthesis.crops.shard_files import VERSION, read_crops
from metrichmsr_ros.data.synthesis.landmark_rows import PERSON_ARRAYS, read_rows
from metrichmsr_ros.errors import MetricHMRError
from metrichmsr_ros.io.npz import read_npy, read_npz
from metrichmsr_ros.training.checkpoints import load_state, write_state

_CPU = torch.device("cpu")


def npy(descr: str, shape: Any, content: bytes = b"") -> bytes:
    """An npy file with this header."""
    header = f"{{'descr': {descr}, 'fortran_order': False, 'shape': {shape}, }}".encode()
    header += b" " * (117 - len(header)) + b"\n"
    return b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header + content


def zipped(content: bytes, method: int = zipfile.ZIP_STORED) -> bytes:
    """An npz file with one array of this content."""
    with io.BytesIO() as file:
        with zipfile.ZipFile(file, "w", method) as archive:
            archive.writestr("a.npy", content)
        return file.getvalue()


NPYS: Mapping[str, bytes] = {
    "a shape of 8 PB": npy("'<f8'", "(1000000000000, 1000)"),
    "a shape of 2 GB": npy("'<f8'", "(250000000,)", bytes(8)),
    "a text of 2 GB": npy("'<U500000000'", "(1,)", bytes(8)),
    "a negative shape": npy("'<f8'", "(-1, -1)", bytes(8)),
    "a nested header": b"\x93NUMPY\x01\x00\x10\x27" + b"(" * 10_000,
    "objects": npy("'|O'", "(1,)", b"\x80\x02N."),
    "objects in fields": npy("[('a', '<f8'), ('b', '|O')]", "(1,)", bytes(16)),
    "texts of characters that do not exist": npy("'<U1'", "(1,)", b"\xff" * 4),
    "nothing": b"",
}
ZIPS: Mapping[str, Callable[[], bytes]] = {
    "a gigabyte in a megabyte": lambda: zipped(
        npy("'<f8'", "(134217728,)") + bytes(2**30), method=zipfile.ZIP_DEFLATED
    ),
    "an archive of nothing else": lambda: zipped(b"no array"),
    **{name: lambda content=content: zipped(content) for name, content in NPYS.items() if content},  # type: ignore[misc]
}


def each(read: Callable[[Path], Any], may_be_read: bool = False) -> Callable[[Path], Any]:
    """A reader of all files of a folder, which raises the last error when every file was refused by name."""

    def check(folder: Path) -> str:
        errors, files = [], sorted(folder.iterdir())
        for file in files:
            try:
                read(file)
            except MetricHMRError as error:
                if file.name not in str(error):
                    raise ValueError(f"{file.name} is not named by {error}") from error
                errors.append(error)
        if len(errors) == len(files) or (errors and may_be_read):
            raise errors[-1]
        return f"{len(files) - len(errors)} of {len(files)} damaged files were read"

    return check


def landmark_shard(people: int = 3, images: int = 4) -> bytes:
    """A small shard of landmark sets."""
    arrays = {name: np.ones((people, *shape), np.float32) for name, shape in PERSON_ARRAYS.items()}
    arrays |= {"intrinsics": np.eye(3, dtype=np.float32), "image_size": np.array([640, 480], np.float32)}
    with io.BytesIO() as file:
        with tarfile.open(fileobj=file, mode="w") as tar:
            for number in range(images):
                add_arrays(tar, f"{number:03d}.npz", arrays)
                add_file(tar, f"{number:03d}.jpg", b"no picture")
        return file.getvalue()


def cases() -> list[Case]:
    """Arrays, open bodies, shards and states of training."""
    found = [Case(f"npy: {name}", file_of("a.npy", content), read_npy) for name, content in NPYS.items()]
    found += [Case(f"npz: {name}", file_of("a.npz", content), read_npz) for name, content in ZIPS.items()]
    body, shard = asset_path(FILES["open_light"]).read_bytes(), landmark_shard()
    return [
        *found,
        Case("npy: 64 GiB", lambda folder: sparse_file(folder / "a.npy", 2**36, npy("'<f8'", 2**33)), read_npy),
        Case("open body: 150 cuts", several(".npz", lambda: cuts(body, 150)), each(OpenTables.read)),
        Case("open body: 100 places", several(".npz", lambda: damaged(body, 100)), each(OpenTables.read, True)),
        Case("landmark shard: 120 cuts", several(".tar", lambda: cuts(shard, 120)), each(_rows, True)),
        Case("landmark shard: 120 places", several(".tar", lambda: damaged(shard, 120)), each(_rows, True)),
        Case("open shard: 120 cuts", several(".tar", lambda: cuts(shard, 120)), each(read_open, True)),
        Case("open shard: 120 places", several(".tar", lambda: damaged(shard, 120)), each(read_open, True)),
        *(Case(f"shard: {name}", write, _rows) for name, write in SHARDS.items()),
        Case("shard of crops: 50 cuts", several(".safetensors", lambda: cuts(crops(), 50)), each(read_crops)),
        Case("checkpoint.pt: 100 cuts", several(".pt", lambda: cuts(state(), 100)), each(_load)),
        Case("checkpoint.pt: 100 places", several(".pt", lambda: damaged(state(), 100)), each(_load, True)),
        Case("checkpoint.pt: bytearray(2e10)", file_of("a.pt", asks_for_bytearray), _load),
        Case("checkpoint.pt: a gigabyte in a megabyte", file_of("a.pt", ZIPS["a gigabyte in a megabyte"]), _load),
    ]


def _rows(path: Path) -> Any:
    return read_rows([path])


def _load(path: Path) -> Any:
    return load_state(path, _CPU)


def _member(name: str, size: int, kind: bytes = tarfile.REGTYPE) -> bytes:
    info = tarfile.TarInfo(name)
    info.size, info.type = size, kind
    return info.tobuf(tarfile.GNU_FORMAT)


def _gnu_sparse(size: int) -> bytes:
    """A member of `size` bytes of which none is stored (GNU's format of sparse members)."""
    block = bytearray(_member("a.npz", 0, tarfile.GNUTYPE_SPARSE))
    block[483:495] = b"%011o\0" % min(size, 8**11 - 1)
    block[148:156] = b" " * 8
    block[148:156] = b"%06o\0 " % sum(block)
    return bytes(block) + bytes(1024)


SHARDS: Mapping[str, Callable[[Path], Path]] = {
    "a file of 64 GiB": lambda folder: sparse_file(folder / "a.tar", 2**36, _member("a.npz", 2**35)),
    "a sparse member of 8 GiB": file_of("a.tar", lambda: _gnu_sparse(2**33)),
    "a name of 64 GiB": lambda folder: sparse_file(
        folder / "a.tar", 2**36, _member("././@LongLink", 2**35, tarfile.GNUTYPE_LONGNAME)
    ),
    "attributes of 64 GiB": lambda folder: sparse_file(folder / "a.tar", 2**36, _member("a", 2**35, tarfile.XHDTYPE)),
    "an npz that unfolds": lambda folder: _with_npz(folder, ZIPS["a gigabyte in a megabyte"]()),
    "an npz of words": lambda folder: _with_npz(folder, zipped(npy("'<U1'", "(3,)", bytes(12)))),
    "a packed tar": file_of("a.tar", b"\x1f\x8b\x08" + bytes(100)),
}


def _with_npz(folder: Path, content: bytes) -> Path:
    with new_shard(folder / "a.tar") as tar:
        add_file(tar, "a.npz", content)
    return folder / "a.tar"


def crops() -> bytes:
    """A small shard of crops."""
    return save({"person": np.arange(1000)}, {"about": json.dumps({"version": VERSION})})


def state() -> bytes:
    """A small state of a training."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "checkpoint.pt")
        write_state(path, {"config": {"a": 1}, "step": 3, "model": {"w": torch.ones(50, 50)}})
        return path.read_bytes()


def asks_for_bytearray() -> bytes:
    """A state whose list of tensors asks for a bytearray of 20 GB, which torch.load allows."""
    with io.BytesIO() as file:
        with zipfile.ZipFile(file, "w") as archive:
            archive.writestr("a/data.pkl", b"\x80\x02cbuiltins\nbytearray\n\x8a\x05\x00\xc8\x17\xa8\x04\x85R.")
            archive.writestr("a/version", b"3\n")
            archive.writestr("a/byteorder", b"little")
        return file.getvalue()
