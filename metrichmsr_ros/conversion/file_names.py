"""File names from ids and sources, which may hold any characters."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import PurePosixPath

LONGEST = 80  # characters; some systems allow 255 bytes for a name with its ending


def file_names(names: Iterable[str], reserved: Iterable[str] = ()) -> dict[str, str]:
    """A file name without ending for each name: letters, digits, `.`, `_` and `-` of ASCII; no two equal.

    Names that differ only in replaced characters or in case, and those in `reserved`, get a number.
    """
    names = list(names)
    return dict(zip(names, _unique(names, reserved), strict=True))


def source_names(sources: Iterable[str]) -> dict[str, str]:
    """`file_names` of sources; of a source that is an absolute path its last part counts, e.g. `walk.mp4`."""
    sources = list(sources)
    parts = [PurePosixPath(source).name if source.startswith("/") else source for source in sources]
    return dict(zip(sources, _unique(parts, ()), strict=True))


def _unique(names: Iterable[str], reserved: Iterable[str]) -> list[str]:
    found: list[str] = []
    taken = {name.lower() for name in reserved}
    for name in names:
        plain = re.sub(r"[^A-Za-z0-9._-]", "_", name)[:LONGEST].lstrip(".") or "_"
        unique, number = plain, 1
        while unique.lower() in taken:
            number += 1
            unique = f"{plain}-{number}"
        taken.add(unique.lower())
        found.append(unique)
    return found
