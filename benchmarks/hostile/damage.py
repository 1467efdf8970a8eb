"""Whole files with a part missing or changed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path


def cuts(content: bytes, count: int) -> Iterator[bytes]:
    """The file without its end, `count` times."""
    for number in range(count):
        yield content[: len(content) * number // count]


def damaged(content: bytes, count: int) -> Iterator[bytes]:
    """The file with sixteen wrong bytes, at `count` places."""
    for number in range(count):
        place = len(content) * number // count
        yield content[:place] + bytes(255 - byte for byte in content[place : place + 16]) + content[place + 16 :]


def several(suffix: str, contents: Callable[[], Iterator[bytes]]) -> Callable[[Path], Path]:
    """A writer of a folder of files."""

    def write(folder: Path) -> Path:
        for number, content in enumerate(contents()):
            (folder / f"{number:03d}{suffix}").write_bytes(content)
        return folder

    return write
