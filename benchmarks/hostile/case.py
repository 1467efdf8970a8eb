"""One hostile file: how it is made, what reads it, and what the reader should do."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal


@dataclass(frozen=True)
class Case:
    """A hostile file and its reader.

    Attributes:
        name: reader and fault, "pickle: forged type".
        write: makes the file, or folder, below a folder and returns its path.
        read: reads the path as a user would.
        expected: whether the reader refuses the file with an error that names it, or reads what is whole in it.
        named: text that the error must contain; the file's name where empty.
    """

    name: str
    write: Callable[[Path], Path]
    read: Callable[[Path], Any]
    expected: Literal["refused", "read"] = "refused"
    named: str = ""


def file_of(name: str, content: bytes | Callable[[], bytes]) -> Callable[[Path], Path]:
    """A writer of one file with this content."""

    def write(folder: Path) -> Path:
        path = folder / name
        path.write_bytes(content if isinstance(content, bytes) else content())
        return path

    return write


def sparse_file(path: Path, size: int, start: bytes = b"") -> Path:
    """A file of `size` bytes that takes no space on the disk: zeros behind `start`."""
    with path.open("wb") as file:
        file.write(start)
        file.truncate(size)
    return path
