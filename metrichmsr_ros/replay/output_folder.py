"""The folder of a replay's results: what may be deleted in it, and where it may not be."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

from metrichmsr_ros.evaluation.trajectories import TUM_HEADER
from metrichmsr_ros.io.texts import is_json_with
from metrichmsr_ros.io.whole_files import remove_parts, write_whole
from metrichmsr_ros.replay.disk_reserve import LEAST_FREE_BYTES
from metrichmsr_ros.replay.disk_reserve import NAME as RESERVE
from metrichmsr_ros.replay.options import ExitCode, ReplayError, ReplayOptions

MARKER = "job.sha256"  # in every folder of a replay; after a finished job, its fingerprint
FIXED = "people_fixed.npz"
_UNFINISHED = "no finished job\n"
_FOLDERS = {"bag": (".mcap", ".yaml"), "trajectories": (".tum",)}
_FILES = ("metrics.json", "estimates.npz", FIXED, "frames.jsonl", "report.html", RESERVE)


def check_places(bag: Path, out: Path, options: ReplayOptions) -> None:
    """Raise ReplayError where results in `out` would replace an input, or would be written into the bag."""
    place = out.resolve()
    # out/bag may be a link to elsewhere
    if any(_is_in(bag.resolve(), results) for results in (place, (out / "bag").resolve())):
        raise ReplayError(f"--out {out} has the bag {bag} in it; name a folder beside the bag", ExitCode.USAGE)
    if _is_in(place, bag.resolve()):
        raise ReplayError(f"--out {out} lies in the bag {bag}; name a folder beside the bag", ExitCode.USAGE)
    for name, given in (("truth", options.truth), ("cameras", options.cameras)):
        if given and Path(given).is_file() and _is_in(Path(given).resolve(), place):
            raise ReplayError(f"--{name} {given} lies in --out {out}; name another folder for --out", ExitCode.USAGE)


def is_replay(folder: Path) -> bool:
    """Whether a folder holds results of a replay, finished or not: its marker or its metrics.json says so."""
    try:
        mark = (folder / MARKER).read_text(encoding="utf-8")
    except (OSError, ValueError):
        mark = ""
    if mark == _UNFINISHED or re.fullmatch("[0-9a-f]{64}", mark):
        return True
    return is_json_with(folder / "metrics.json", ("options", "result", "code_sha256"))


def prepare_folder(out: Path) -> None:
    """Prepare `out`: create it, check the free disk space, delete the results of an earlier replay, and mark it.

    Raises:
        ReplayError: `out` is a file, has files of another origin with the names of results, or its disk is nearly
            full.
        OSError: `out` cannot be created.
    """
    if out.is_file():
        raise ReplayError(f"--out {out} is a file; name a folder", ExitCode.USAGE)
    _refuse_foreign(out)
    out.mkdir(parents=True, exist_ok=True)
    for place in (out, out / "trajectories"):
        remove_parts(place)
    earlier = [path for name in (*_FOLDERS, *_FILES) for path in (out / name, *(out / name).glob("*"))]
    earlier = [path for path in earlier if path.is_file()]
    free = shutil.disk_usage(out).free + sum(path.stat().st_size for path in earlier)
    if free < LEAST_FREE_BYTES:
        raise ReplayError(
            f"the disk of {out} has {free >> 20} MB free; a replay needs at least {LEAST_FREE_BYTES >> 20} MB",
            ExitCode.OUTPUT,
        )
    write_whole(out / MARKER, _UNFINISHED)
    for path in earlier:
        path.unlink()
    for folder in _FOLDERS:
        if (out / folder).is_dir():
            (out / folder).rmdir()


def _refuse_foreign(out: Path) -> None:
    ours = is_replay(out)
    foreign = [out / name for name in (MARKER, *_FILES) if not ours and (out / name).exists()]
    for folder, suffixes in _FOLDERS.items():
        found = sorted((out / folder).glob("*"))
        foreign += [path for path in found if not ours or path.suffix not in suffixes or _is_foreign_tum(path)]
    if foreign:
        text = f"{foreign[0].parent} has {foreign[0].name}, which is not from a replay; choose another --out"
        raise ReplayError(text, ExitCode.USAGE)


def _is_foreign_tum(path: Path) -> bool:
    """Whether a trajectory, such as one to compare with, was put beside those of a replay."""
    if path.suffix != ".tum":
        return False
    with path.open("rb") as file:
        return file.readline(80).strip() != TUM_HEADER.encode()


def _is_in(path: Path, folder: Path) -> bool:
    return path == folder or folder in path.parents
