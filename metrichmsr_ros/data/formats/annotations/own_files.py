"""Which tables in a folder are this package's: no others are deleted."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

from metrichmsr_ros.data.formats.annotations.schema import VERSION, arrow
from metrichmsr_ros.data.formats.annotations.shard_writer import is_shard_name, table_path

TABLES = ("people", "frames")


def own_shards(folder: Path, table: str) -> set[str]:
    """Shards whose `table` is in the folder: by the name of the file and by the layout that its metadata names."""
    paths = (folder / table).glob("part-*.parquet")
    names = {path.stem.removeprefix("part-"): path for path in paths}
    return {name for name, path in names.items() if is_shard_name(name) and _has_our_layout(path)}


def remove_tables(folder: Path, shard: str) -> None:
    """Delete the tables of a shard, the one first that says that it is complete."""
    for table in reversed(TABLES):
        with suppress(FileNotFoundError):
            table_path(folder, table, shard).unlink()


def _has_our_layout(path: Path) -> bool:
    try:
        about = arrow().parquet.read_metadata(path).metadata or {}
    except (OSError, ValueError):
        return False
    return bool(about.get(b"schema") == VERSION.encode())
