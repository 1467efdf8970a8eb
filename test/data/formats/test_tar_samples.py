"""Samples of tar shards compared with `tarfile` and NumPy, and broken shards."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path

import numpy as np
import pytest

from metrichmsr_ros.data.formats.tar_samples import (
    ShardError,
    add_arrays,
    add_file,
    new_shard,
    read_file,
    tar_samples,
)

FILES = {
    "coco/0001.jpg": b"first",
    "coco/0001.data.pyd": b"about the first",
    "coco/0002.jpg": b"second",
    "0002.jpg": b"outside the folder",
    "a.txt": b"",
}


def write(path: Path, files: dict[str, bytes]) -> Path:
    with tarfile.open(path, "w") as tar:
        folder = tarfile.TarInfo("coco")
        folder.type = tarfile.DIRTYPE
        tar.addfile(folder)
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    return path


def test_files_of_one_name_are_one_sample(tmp_path):
    samples = {s.key: {e: s.read(e) for e in s.files} for s in tar_samples(write(tmp_path / "s.tar", FILES))}
    assert samples == {
        "coco/0001": {"jpg": b"first", "data.pyd": b"about the first"},
        "coco/0002": {"jpg": b"second"},
        "0002": {"jpg": b"outside the folder"},
        "a": {"txt": b""},
    }


def test_a_file_in_a_shard_has_a_path(tmp_path):
    shard = write(tmp_path / "s.tar", FILES)
    paths = {f"{s.key}.{e}": s.path(e) for s in tar_samples(shard) for e in s.files}
    assert {name: read_file(path) for name, path in paths.items()} == FILES
    assert read_file(tmp_path / "none.tar" / "@0+5" / "a.jpg") is None
    (tmp_path / "b.jpg").write_bytes(b"a file of its own")
    assert read_file(tmp_path / "b.jpg") == b"a file of its own"


def test_what_is_written_is_read_back(tmp_path):
    arrays = {"pose": np.arange(6.0).reshape(2, 3), "way": np.array(["image"])}
    with new_shard(tmp_path / "s.tar") as tar:
        add_arrays(tar, "0001.npz", arrays)
        add_file(tar, "0001.jpg", b"picture")
        assert not (tmp_path / "s.tar").exists()
    assert [path.name for path in tmp_path.iterdir()] == ["s.tar"]
    (sample,) = ((s.key, s.arrays(), s.read("jpg")) for s in tar_samples(tmp_path / "s.tar"))
    assert sample[0] == "0001"
    assert sample[2] == b"picture"
    for name, array in arrays.items():
        np.testing.assert_array_equal(sample[1][name], array)


def test_an_unfinished_shard_leaves_no_trace(tmp_path):
    def fail() -> None:
        with new_shard(tmp_path / "s.tar") as tar:
            add_file(tar, "0001.jpg", b"picture")
            raise RuntimeError("out of pictures")

    with pytest.raises(RuntimeError, match="out of pictures"):
        fail()
    assert list(tmp_path.iterdir()) == []


def test_broken_shards_are_named(tmp_path):
    with pytest.raises(ShardError, match=r"none\.tar is missing"):
        next(tar_samples(tmp_path / "none.tar"))
    whole = write(tmp_path / "s.tar", {"0001.npz": bytes(3000)}).read_bytes()
    (tmp_path / "cut.tar").write_bytes(whole[:2000])
    with pytest.raises(ShardError, match=r"cut\.tar: not a readable tar shard"):
        [sample.read("npz") for sample in tar_samples(tmp_path / "cut.tar")]
    for content in (b"", b"PK not a zip", bytes(3000)):
        write(tmp_path / "s.tar", {"0001.npz": content})
        with pytest.raises(ShardError, match=r"s\.tar:0001\.npz: not a readable npz"):
            [sample.arrays() for sample in tar_samples(tmp_path / "s.tar")]
