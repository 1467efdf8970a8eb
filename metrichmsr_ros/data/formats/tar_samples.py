"""Read and write samples in tar shards in the WebDataset layout.

The files of a sample are consecutive and have the same name up to the first dot, the sample's key. Each file in a shard
also has a path `<shard>.tar/@<offset>+<size>/<name in the shard>`: `read_file` reads only these bytes of the shard.
"""

from __future__ import annotations

import io
import re
import tarfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path
from typing import BinaryIO

import numpy as np

from metrichmsr_ros.errors import MetricHMRError, errors_as
from metrichmsr_ros.io.npz import arrays_in
from metrichmsr_ros.io.whole_files import whole_file
from metrichmsr_ros.types import AnyArray

_PLACE = re.compile(r"^(?P<tar>.+)/@(?P<offset>\d+)\+(?P<size>\d+)/")


_LARGEST_FILE = 2**28  # bytes of one file in a shard; an image has some MB
_UNREADABLE = "not a readable tar shard; copy or render it again"


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
        member = self.files[extension]
        if member.size > _LARGEST_FILE:
            raise ShardError(f"{self.shard}: {member.name[:80]} has {member.size / 1e9:.1f} GB, which no sample has")
        with errors_as(ShardError, f"{self.shard}: {_UNREADABLE}"):
            content = self.tar.extractfile(member)
            assert content is not None  # `tar_samples` lists plain files only
            return content.read()

    def arrays(self, extension: str = "npz") -> dict[str, AnyArray]:
        """The arrays of a file in NumPy's npz format; raises ShardError if it is not one."""
        content, where = self.read(extension), f"{self.shard}:{self.key}.{extension}"
        with errors_as(ShardError, f"{where}: not a readable npz file; copy or render the shard again"):
            return arrays_in(io.BytesIO(content), len(content), where)

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
    with (
        errors_as(ShardError, f"{shard}: {_UNREADABLE}"),
        shard.open("rb") as file,
        tarfile.open(fileobj=_Bounded(file), mode="r:") as tar,  # type: ignore[call-overload]
    ):
        members = (_stored_whole(shard, member) for member in tar if member.isfile())
        for key, group in groupby(members, lambda member: _split(member.name)[0]):
            yield TarSample(shard, key, {_split(member.name)[1]: member for member in group}, tar)
        file.seek(tar.offset)  # tarfile takes a damaged header, or the end of the file, for the end of the archive
        if file.read(tarfile.BLOCKSIZE) != tarfile.NUL * tarfile.BLOCKSIZE:
            raise ShardError(f"{shard}: cut off or damaged at byte {tar.offset}; copy or render it again")


def read_file(path: Path) -> bytes | None:
    """The bytes of a file, in a tar or not; None if it cannot be read, or is larger than any image."""
    place = _PLACE.match(path.as_posix())
    try:
        if place is None:
            return path.read_bytes() if path.stat().st_size <= _LARGEST_FILE else None
        if int(place["size"]) > _LARGEST_FILE:
            return None
        with Path(place["tar"]).open("rb") as tar:
            tar.seek(int(place["offset"]))
            return tar.read(int(place["size"]))
    except OSError:
        return None


@contextmanager
def new_shard(path: Path) -> Iterator[tarfile.TarFile]:
    """A tar file to write to. It has a temporary name until it is complete; it is deleted after an error."""
    with whole_file(path) as part, tarfile.open(part, "w") as tar:
        yield tar


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


def _stored_whole(shard: Path, member: tarfile.TarInfo) -> tarfile.TarInfo:
    if member.issparse():
        raise ShardError(f"{shard}: {member.name[:80]} is stored as a sparse file; pack it without --sparse")
    return member


class _Bounded:
    """A tar file of which no part is read that is larger than any sample's: lengths in its headers may be any."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.tell, self.seek, self.name = file.tell, file.seek, file.name

    def read(self, size: int) -> bytes:
        """`size` bytes, or those that are left."""
        if not 0 <= size <= _LARGEST_FILE + tarfile.BLOCKSIZE:
            raise tarfile.ReadError(f"a header of {size} bytes")
        return self._file.read(size)
