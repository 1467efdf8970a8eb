"""Bags that were packed by gzip, xz, zip and the like, which must be unpacked first. Only zstd is read as it is."""

from __future__ import annotations

import shlex
from collections.abc import Iterable
from pathlib import Path

from metrichmsr_ros.ros.bags.errors import PackedBagError

SUFFIXES = (".gz", ".tgz", ".xz", ".txz", ".bz2", ".zip", ".7z", ".lz4", ".tar")
_FORMATS = (  # first bytes, name, command that unpacks it
    (b"\x1f\x8b", "gzip", "gunzip -k"),
    (b"\xfd7zXZ\0", "xz", "unxz -k"),
    (b"BZh", "bzip2", "bunzip2 -k"),
    (b"PK\3\4", "zip", "unzip"),
    (b"7z\xbc\xaf\x27\x1c", "7z", "7z x"),
    (b"\x04\x22\x4d\x18", "lz4", "unlz4 -k"),
)
_TAR_MARK, _TAR_MARK_AT = b"ustar", 257
_UNTAR = "tar -xf"


def refuse_packed(path: Path) -> None:
    """Raise an error with the remedy for a packed file.

    Raises:
        PackedBagError: `path` is packed in a format that is not read.
    """
    with path.open("rb") as file:
        start = file.read(_TAR_MARK_AT + len(_TAR_MARK))
    name, command = next(((n, c) for magic, n, c in _FORMATS if start.startswith(magic)), ("", ""))
    if start[_TAR_MARK_AT:] == _TAR_MARK or (name and _is_packed_tar(path)):
        name, command = name or "tar", _UNTAR
    if name:
        raise PackedBagError(f"{path} is packed with {name}: unpack it first with `{command} {shlex.quote(str(path))}`")


def refuse_packed_among(files: Iterable[Path]) -> None:
    """Raise an error for the first packed file among those that are named like one.

    Raises:
        PackedBagError: there is one.
    """
    for file in sorted(files):
        if file.suffix.lower() in SUFFIXES and file.is_file():
            refuse_packed(file)


def _is_packed_tar(path: Path) -> bool:
    return Path(path.stem).suffix == ".tar" or path.suffix in (".tgz", ".txz")
