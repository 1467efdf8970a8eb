"""`metadata.yaml` of a rosbag2: the names of the data files, and problems of the file itself.

The data can be read without it, so a problem of the metadata does not count as damage of the data.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import Any

from metrichmsr_ros.config import YamlError, parse_yaml

NAME = "metadata.yaml"
NEWEST_VERSION = 9


@dataclass(frozen=True)
class Metadata:
    """Names of the listed data files, without folders; `problem` describes an error of the metadata, or is empty."""

    files: tuple[str, ...] = ()
    problem: str = ""


def read_metadata(folder: Path) -> Metadata:
    """The metadata of the bag in `folder`; never raises."""
    path = folder / NAME
    try:
        content = parse_yaml(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return Metadata(problem=f"{folder} has no {NAME}")
    except (OSError, UnicodeDecodeError, YamlError) as error:
        return Metadata(problem=f"{path} cannot be read ({' '.join(str(error).split())})")
    if content is None:
        return Metadata(problem=f"{path} is empty")
    about = content.get("rosbag2_bagfile_information") if isinstance(content, dict) else None
    if not isinstance(about, dict):
        return Metadata(problem=f"{path} has no rosbag2_bagfile_information")
    return Metadata(_file_names(about), _problem(path, about))


def _file_names(about: dict[str, Any]) -> tuple[str, ...]:
    named = about.get("relative_file_paths")
    return tuple(PurePath(str(name)).name for name in named) if isinstance(named, list) else ()


def _problem(path: Path, about: dict[str, Any]) -> str:
    version, storage = about.get("version"), about.get("storage_identifier")
    if not _file_names(about):
        return f"{path} names no data files"
    if not isinstance(version, int) or version > NEWEST_VERSION:
        return f"{path} is of version {version}; the newest one supported is {NEWEST_VERSION}"
    if storage not in ("mcap", "sqlite3"):
        return f"{path} has the storage_identifier {storage!r} instead of mcap or sqlite3"
    return ""
