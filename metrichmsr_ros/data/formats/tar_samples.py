"""Read and write samples in tar shards in the WebDataset layout.

The files of a sample are consecutive and have the same name up to the first dot, the sample's key. Each file in a shard
also has a path `<shard>.tar/@<offset>+<size>/<name in the shard>`: `read_file` reads only these bytes of the shard.
"""

from __future__ import annotations

import io
import os
import re
import tarfile
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path

import numpy as np

from metrichmsr_ros.errors import MetricHMRError
from metrichmsr_ros.types import AnyArray

_PLACE = re.compile(r"^(?P<tar>.+)/@(?P<offset>\d+)\+(?P<size>\d+)/")


class ShardError(MetricHMRError, ValueError):
    """A shard is missing, is not a readable tar file, or does not have the expected layout."""


@dataclass(frozen=True, eq=False)
class TarSample:
    """One sample of a shard; its files can be read while `tar_samples` is iterated, because the shard is open then.

    Attributes:
        shard: path of the tar file.
        key: common name of the files, with their folder.
        files: entries of the tar by extension, the part after the first dot, such as "npz" or "data.pyd".
        tar: the open tar file.
    """

    shard: Path
    key: str
    files: Mapping[str, tarfile.TarInfo]
    tar: tarfile.TarFile = field(repr=False)

    def read(self, extension: str) -> bytes:
        """The bytes of one file; raises ShardError if the tar is truncated inside it."""
        content = self.tar.extractfile(self.files[extension])
        assert content is not None  # `tar_samples` lists plain files only
        with _shard_errors(f"{self.shard}: not a readable tar shard"):
            return content.read()

    def arrays(self, extension: str = "npz") -> dict[str, AnyArray]:
        """The arrays of a file in NumPy's npz format; raises ShardError if it is not one."""
        stream = io.BytesIO(self.read(extension))
        with _shard_errors(f"{self.shard}:{self.key}.{extension}: not a readable npz file"), np.load(stream) as arrays:
            return dict(arrays)

    def path(self, extension: str) -> Path:
        """Path of the file in the shard, for `read_file`."""
        member = self.files[extension]
        return self.shard / f"@{member.offset_data}+{member.size}" / member.name


def tar_samples(shard: Path) -> Iterator[TarSample]:
    """The samples of a shard, in their order.

    Raises:
        ShardError: the shard is missing or not a readable tar file.
    """
    if not shard.is_file():
        raise ShardError(f"shard {shard} is missing")
    with _shard_errors(f"{shard}: not a readable tar shard"), tarfile.open(shard) as tar:
        members = (member for member in tar if member.isfile())
        for key, group in groupby(members, lambda member: _split(member.name)[0]):
            yield TarSample(shard, key, {_split(member.name)[1]: member for member in group}, tar)


def read_file(path: Path) -> bytes | None:
    """The bytes of a file, in a tar or not; None if it cannot be read."""
    place = _PLACE.match(path.as_posix())
    try:
        if place is None:
            return path.read_bytes()
        with Path(place["tar"]).open("rb") as tar:
            tar.seek(int(place["offset"]))
            return tar.read(int(place["size"]))
    except OSError:
        return None


def unfinished(path: Path, process: int) -> Path:
    """The temporary name of a shard while it is written."""
    return path.with_suffix(f".{process}.part")


@contextmanager
def new_shard(path: Path, process: int | None = None) -> Iterator[tarfile.TarFile]:
    """A tar file to write to. It has a temporary name until it is complete; it is deleted after an error.

    Args:
        path: path of the complete shard.
        process: process id in the temporary name; this process's id by default.
    """
    partial = unfinished(path, os.getpid() if process is None else process)
    try:
        with tarfile.open(partial, "w") as tar:
            yield tar
        partial.rename(path)
    finally:
        partial.unlink(missing_ok=True)


def add_file(tar: tarfile.TarFile, name: str, content: bytes) -> None:
    """Append one file to a shard."""
    info = tarfile.TarInfo(name)
    info.size = len(content)
    tar.addfile(info, io.BytesIO(content))


def add_arrays(tar: tarfile.TarFile, name: str, arrays: Mapping[str, AnyArray]) -> None:
    """Append arrays to a shard as one file in NumPy's npz format."""
    buffer = io.BytesIO()
    np.savez(buffer, **arrays)  # type: ignore[arg-type]
    add_file(tar, name, buffer.getvalue())


def _split(name: str) -> tuple[str, str]:
    """Key and extension of a file name."""
    folder, slash, last = name.rpartition("/")
    stem, _, extension = last.partition(".")
    return folder + slash + stem, extension


@contextmanager
def _shard_errors(text: str) -> Iterator[None]:
    """Convert read errors inside the block to a ShardError whose message starts with `text`."""
    try:
        yield
    except (tarfile.TarError, zipfile.BadZipFile, EOFError, OSError, ValueError) as error:
        raise ShardError(f"{text} ({error})") from None
