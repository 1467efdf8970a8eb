"""Where bags are, and the data files of each."""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass
from pathlib import Path

from metrichmsr_ros.ros.bags.errors import BagChoiceError, Ros1BagError
from metrichmsr_ros.ros.bags.metadata import NAME, read_metadata

ZSTD = ".zstd"
SUFFIXES = (".mcap", ".db3", f".mcap{ZSTD}", f".db3{ZSTD}")
_ROS1_MAGIC = b"#ROSBAG V"


@dataclass(frozen=True)
class DataFiles:
    """The data files of one bag; what is wrong with its metadata, and what the metadata names that is gone."""

    paths: tuple[Path, ...]
    metadata_problem: str = ""
    missing: str = ""


def find_bags(path: Path) -> list[Path]:
    """The bags at `path`: a bag (folder of one recording, or a single data file), or all bags below a folder.

    Raises:
        BagChoiceError: there is no such path, or no bag in it.
        Ros1BagError: all that is there are ROS 1 bags.
    """
    if not path.exists():
        raise BagChoiceError(f"there is no bag at {path}")
    if path.is_file() or _is_bag(path):
        return [path]
    folders = {folder for folder in path.rglob("*") if folder.is_dir() and _is_bag(folder)}
    loose = {file for file in path.rglob("*") if _is_data(file) and file.parent not in folders}
    bags = sorted(folders | loose)
    if not bags:
        for file in sorted(path.rglob("*.bag")):
            refuse_ros1(file)
        raise BagChoiceError(f"{path} holds no rosbag2: no {NAME}, no .mcap, no .db3")
    return bags


def data_files(path: Path) -> DataFiles:
    """The data files of the bag at `path`, a folder or a single file.

    Those that metadata.yaml names, where all of them are there; otherwise all in the folder.
    """
    if path.name == NAME:
        return data_files(path.parent)
    if path.is_file():
        return DataFiles((path,))
    found, metadata = _data_in(path), read_metadata(path)
    named = tuple(path / name for name in metadata.files)
    if named and all(file.is_file() for file in named):
        return DataFiles(named, _read_anyway(metadata.problem))
    return DataFiles(tuple(found), _read_anyway(metadata.problem or _renamed(path, named)), _gone(named, found))


def refuse_ros1(path: Path) -> None:
    """Raise an error with the remedy for a bag of ROS 1.

    Raises:
        Ros1BagError: `path` is one.
    """
    with path.open("rb") as file:
        is_ros1 = file.read(len(_ROS1_MAGIC)) == _ROS1_MAGIC
    if is_ros1:
        source, target = shlex.quote(str(path)), shlex.quote(str(path.with_suffix("")))
        raise Ros1BagError(
            f"{path} is a ROS 1 bag: convert it with `rosbags-convert --src {source} --dst {target}`, and read {target}"
        )


def _is_bag(folder: Path) -> bool:
    return (folder / NAME).is_file() or _is_split_recording(_data_in(folder))


def _is_split_recording(files: list[Path]) -> bool:
    """Whether the files are parts of one recording by their names: NAME_0, NAME_1, ... as rosbag2 writes them."""
    parts = [re.fullmatch(r"(.*)_(\d+)", _stem(file)) for file in files]
    names = {part[1] for part in parts if part}
    numbers = sorted(int(part[2]) for part in parts if part)
    return len(files) > 1 and len(names) == 1 and numbers == list(range(len(files)))


def _data_in(folder: Path) -> list[Path]:
    """Data files in a folder by number; a file beside its own unfinished compression counts once."""
    files = [file for file in folder.iterdir() if _is_data(file)]
    whole = [f for f in files if not (f.suffix == ZSTD and f.with_suffix("") in files)]
    return sorted(whole, key=lambda file: [int(t) if t.isdigit() else t for t in re.split(r"(\d+)", file.name)])


def _is_data(file: Path) -> bool:
    return file.name.endswith(SUFFIXES) and file.is_file()


def _stem(file: Path) -> str:
    return file.name.removesuffix(ZSTD).rpartition(".")[0]


def _read_anyway(problem: str) -> str:
    return f"{problem}; the data were read without it. `ros2 bag reindex` writes it anew." if problem else ""


def _renamed(path: Path, named: tuple[Path, ...]) -> str:
    gone = ", ".join(file.name for file in named if not file.is_file())
    return f"{path / NAME} names {gone}, which is not there"


def _gone(named: tuple[Path, ...], found: list[Path]) -> str:
    """What of the recording is missing; a file under another name is not."""
    if len(found) >= len(named):
        return ""
    gone = ", ".join(file.name for file in named if file not in found)
    return f"{NAME} names {len(named)} data files, of which {len(found)} are there; missing: {gone}."
