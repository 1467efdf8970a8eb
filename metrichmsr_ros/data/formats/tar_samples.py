"""Images that lie inside tar shards, as paths: reading one reads its bytes alone, whatever the shard's size.

Such a path is `<shard>.tar/@<offset>+<size>/<name in the shard>`.
"""

from __future__ import annotations

import re
import tarfile
from pathlib import Path

_PLACE = re.compile(r"^(?P<tar>.+)/@(?P<offset>\d+)\+(?P<size>\d+)/")


def path_in_tar(tar: Path, member: tarfile.TarInfo) -> Path:
    """The path of a file `member` of `tar`."""
    return tar / f"@{member.offset_data}+{member.size}" / member.name


def read_file(path: Path) -> bytes | None:
    """The bytes of a file, in a tar or not; None where it cannot be read."""
    place = _PLACE.match(path.as_posix())
    try:
        if place is None:
            return path.read_bytes()
        with Path(place["tar"]).open("rb") as tar:
            tar.seek(int(place["offset"]))
            return tar.read(int(place["size"]))
    except OSError:
        return None
