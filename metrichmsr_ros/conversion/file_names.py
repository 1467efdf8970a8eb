"""File names from ids and sources, which may hold any characters."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import PurePosixPath
from string import Formatter

from metrichmsr_ros.conversion.recording import ConvertError

_NUMBER = re.compile(r"(0?[0-9]{1,2})?d?")  # how a number in a pattern may be written
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


def check_pattern(pattern: str) -> None:
    """Refuse a pattern for names of pictures that is empty or has other fields than source, frame and stamp_ns.

    Raises:
        ConvertError: it names the field and those that can be used.
    """
    remedy = "use {source}, {frame:06d} and {stamp_ns}"
    try:
        fields = [field for field in Formatter().parse(pattern) if field[1] is not None]
    except ValueError as error:
        raise ConvertError(f"--image-names {pattern!r}: {error}; {remedy}") from None
    if not pattern.strip():
        raise ConvertError(f"--image-names {pattern!r}: pictures need names; {remedy}")
    for _, name, form, conversion in fields:
        is_number = name in ("frame", "stamp_ns") and _NUMBER.fullmatch(form or "")
        if conversion or not (is_number or (name == "source" and not form)):
            text = f"{name}{f'!{conversion}' if conversion else ''}{f':{form}' if form else ''}"
            raise ConvertError(f"--image-names {pattern!r}: {{{text}}} cannot be written; {remedy}")


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
