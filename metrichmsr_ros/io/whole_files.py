"""Files that are either complete or absent, whenever the process is killed."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

PART = ".part"  # suffix of a file that is being written


@contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """A temporary path for writing `path`: renamed to `path` at the end of the block, deleted after an error.

    Each call has its own temporary path in the folder of `path`, so that two processes may write the same file.
    """
    part = path.with_name(f".{path.name}.{uuid.uuid4().hex[:12]}{PART}")
    try:
        yield part
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def remove_parts(folder: Path) -> None:
    """Delete what killed processes left half written in `folder`."""
    for part in folder.glob(f".*{PART}"):
        part.unlink(missing_ok=True)
