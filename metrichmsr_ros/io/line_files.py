"""Files to which lines are appended: a kill leaves whole lines and perhaps a part of one, which does not count."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from metrichmsr_ros.io.whole_files import full_disk, write_whole


def whole_lines(path: Path) -> list[str]:
    """The lines of a file that end in a line break, without it; none if the file does not exist."""
    content = path.read_bytes() if path.is_file() else b""
    return content[: content.rfind(b"\n") + 1].decode().split("\n")[:-1]


def keep_lines(path: Path, wanted: Callable[[str], bool]) -> None:
    """Remove from a file the lines that are not wanted, and the part of a line at its end."""
    if not path.is_file():
        return
    kept = "".join(f"{line}\n" for line in whole_lines(path) if wanted(line))
    if kept.encode() != path.read_bytes():
        write_whole(path, kept)


def append_line(path: Path, line: str) -> None:
    """Append a line, in place of the part of one that may be at the end.

    Raises:
        DiskFullError: there is no space for it.
    """
    keep_lines(path, lambda line: True)
    try:
        with path.open("a", encoding="utf-8") as file:
            file.write(f"{line}\n")
    except OSError as error:
        raise full_disk(error, path) or error from error
