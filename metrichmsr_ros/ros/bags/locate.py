"""Find bags, and the data files of a bag."""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass
from pathlib import Path

from metrichmsr_ros.ros.bags.errors import BagChoiceError, Ros1BagError
from metrichmsr_ros.ros.bags.metadata import NAME, read_metadata
from metrichmsr_ros.ros.bags.packed import refuse_packed_among

ZSTD = (".zstd", ".zst")  # of rosbag2, and of the command zstd
SUFFIXES = tuple(kind + packed for kind in (".mcap", ".db3") for packed in ("", *ZSTD))
_ROS1_MAGIC = b"#ROSBAG V"


@dataclass(frozen=True)
class DataFiles:
    """The data files of one bag, the problem of its metadata, and the files that only the metadata names."""

    paths: tuple[Path, ...]
    metadata_problem: str = ""
    missing: str = ""


def find_bags(path: Path) -> list[Path]:
    """The bags at `path`: a bag (folder of one recording, or a single data file), or all bags below a folder.

    Raises:
        BagChoiceError: the path does not exist, or has no bag.
        Ros1BagError: the path has only bags of ROS 1.
        PackedBagError: the path has only packed files.
    """
    if not path.exists():
        raise BagChoiceError(f"there is no bag at {path}")
    if path.is_file() or is_bag(path):
        return [path]
    folders = {folder for folder in path.rglob("*") if folder.is_dir() and is_bag(folder)}
    loose = {file for file in path.rglob("*") if _is_data(file) and file.parent not in folders}
    bags = sorted(folders | loose)
    if not bags:
        for file in sorted(path.rglob("*.bag")):
            refuse_ros1(file)
        refuse_packed_among(path.rglob("*"))
        raise BagChoiceError(f"{path} holds no rosbag2: no {NAME}, no .mcap, no .db3")
    return bags


def data_files(path: Path) -> DataFiles:
    """The data files of the bag at `path`, a folder or a single file.

    These are the files that metadata.yaml names if all of them exist, else all data files of the folder.

    Raises:
        PackedBagError: the folder has only packed files.
    """
    if path.name == NAME:
        return data_files(path.parent)
    if path.is_file():
        return DataFiles((path,))
    found, metadata = _data_in(path), read_metadata(path)
    named = tuple(path / name for name in metadata.files)
    if named and all(file.is_file() for file in named):
        return DataFiles(named, _read_anyway(metadata.problem))
    if not found:
        refuse_packed_among(path.iterdir())
    return DataFiles(tuple(found), _read_anyway(metadata.problem or _renamed(path, named)), _gone(named, found))


def refuse_ros1(path: Path) -> None:
    """Raise an error with the remedy for a bag of ROS 1.

    Raises:
        Ros1BagError: `path` is a bag of ROS 1.
    """
    with path.open("rb") as file:
        is_ros1 = file.read(len(_ROS1_MAGIC)) == _ROS1_MAGIC
    if is_ros1:
        source, target = shlex.quote(str(path)), shlex.quote(str(path.with_suffix("")))
        raise Ros1BagError(
            f"{path} is a ROS 1 bag: convert it with `rosbags-convert --src {source} --dst {target}`, and read {target}"
        )


def without_zstd(name: str) -> str:
    """The name of a file without the suffix of zstd."""
    return next((name.removesuffix(suffix) for suffix in ZSTD if name.endswith(suffix)), name)


def is_bag(folder: Path) -> bool:
    """Whether a folder is one recording: it has metadata.yaml, or the data files of one split recording."""
    return (folder / NAME).is_file() or _is_split_recording(_data_in(folder))


def _is_split_recording(files: list[Path]) -> bool:
    """Whether the names are those of one split recording of rosbag2: NAME_0, NAME_1, ..."""
    parts = [re.fullmatch(r"(.*)_(\d+)", _stem(file)) for file in files]
    names = {part[1] for part in parts if part}
    numbers = sorted(int(part[2]) for part in parts if part)
    return len(files) > 1 and len(names) == 1 and numbers == list(range(len(files)))


def _data_in(folder: Path) -> list[Path]:
    """Data files of a folder by number; a file counts once if its unfinished compression is beside it."""
    files = [file for file in folder.iterdir() if _is_data(file)]
    whole = [f for f in files if not (f.suffix in ZSTD and f.with_suffix("") in files)]
    return sorted(whole, key=lambda file: [int(t) if t.isdigit() else t for t in re.split(r"(\d+)", file.name)])


def _is_data(file: Path) -> bool:
    return file.name.endswith(SUFFIXES) and file.is_file()


def _stem(file: Path) -> str:
    return without_zstd(file.name).rpartition(".")[0]


def _read_anyway(problem: str) -> str:
    return f"{problem}; the data were read without it. `ros2 bag reindex` writes a new one." if problem else ""


def _renamed(path: Path, named: tuple[Path, ...]) -> str:
    gone = ", ".join(file.name for file in named if not file.is_file())
    return f"{path / NAME} names {gone}, which does not exist"


def _gone(named: tuple[Path, ...], found: list[Path]) -> str:
    """Text about missing data files; a renamed file is not missing."""
    if len(found) >= len(named):
        return ""
    gone = ", ".join(file.name for file in named if file not in found)
    return f"{NAME} names {len(named)} data files, found {len(found)}; missing: {gone}."
