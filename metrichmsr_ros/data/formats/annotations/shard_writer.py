"""Write one shard: the people and the frames of one source or of a part of it."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np

from metrichmsr_ros.data.formats.annotations.rows import FrameRow, PersonRow
from metrichmsr_ros.data.formats.annotations.schema import FRAMES, PEOPLE, VERSION, Column, arrow, arrow_schema
from metrichmsr_ros.io.whole_files import whole_file

FRAMES_IN_MEMORY = 512  # then they become a row group of each table
_READABLE = 40  # characters of a source in the name of its shards
_SHARD = re.compile(r"[A-Za-z0-9_-]+-[0-9a-f]{12}-[0-9]{5,}")


def shard_name(source: str, part: int = 0) -> str:
    """The name of a shard: the same for the same source and part, different for sources of the same base name."""
    stem = re.sub(r"[^A-Za-z0-9_-]+", "_", Path(source).stem).strip("_")[:_READABLE]
    return f"{stem or 'input'}-{hashlib.sha256(source.encode()).hexdigest()[:12]}-{part:05d}"


def is_shard_name(name: str) -> bool:
    """Whether `shard_name` can have made this name, which so is no path."""
    return _SHARD.fullmatch(name) is not None


def table_path(folder: Path, table: str, shard: str) -> Path:
    """Path of the table `people` or `frames` of a shard."""
    return folder / table / f"part-{shard}.parquet"


class ShardWriter:
    """Writes frames in order; the shard exists from the end of the `with` block on, and only if that has no error.

    The file of frames appears last: where it is, the shard is complete.

    Args:
        folder: the annotation folder.
        shard: from `shard_name`.
        source: name of the input.
        body_model: the body that betas belong to.
        package_version: of this package.
        about: further metadata of the files.
    """

    def __init__(
        self,
        folder: Path,
        shard: str,
        source: str,
        body_model: str,
        package_version: str,
        about: Mapping[str, str] | None = None,
    ) -> None:
        self._folder, self._shard = folder, shard
        self._source, self._body_model = source, body_model
        self.metadata = {
            "schema": VERSION, "source": source, "body_model": body_model, "package_version": package_version,
            **(about or {}),
        }  # fmt: skip
        self._waiting: list[FrameRow] = []
        self._stack = ExitStack()
        self._tables: dict[str, Any] = {}

    def __enter__(self) -> ShardWriter:
        """Begin both files beside their places.

        Raises:
            MissingPackageError: pyarrow is not installed.
            OSError: the folder cannot be written to.
        """
        parquet = arrow().parquet
        with self._stack as stack:
            for table, columns in (("frames", FRAMES), ("people", PEOPLE)):  # closed and renamed in reverse order
                path = table_path(self._folder, table, self._shard)
                path.parent.mkdir(parents=True, exist_ok=True)
                part = stack.enter_context(whole_file(path))
                schema = arrow_schema(columns, self.metadata)
                writer = parquet.ParquetWriter(part, schema, compression="zstd", write_page_checksum=True)
                self._tables[table] = stack.enter_context(writer)
            self._stack = stack.pop_all()
        return self

    def write(self, frame: FrameRow) -> None:
        """Add the next frame."""
        self._waiting.append(frame)
        if len(self._waiting) >= FRAMES_IN_MEMORY:
            self._flush()

    def tell(self, key: str, text: str) -> None:
        """Add metadata that is known only now, to the file of frames."""
        self._tables["frames"].add_key_value_metadata({key: text})

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Complete the shard, or leave nothing of it."""
        if error is not None:
            self._stack.__exit__(kind, error, trace)
            return
        with self._stack:
            self._flush()

    def _flush(self) -> None:
        frames, self._waiting = self._waiting, []
        people = [(frame, person) for frame in frames for person in frame.people]
        self._append("frames", FRAMES, [self._of_frame(frame) for frame in frames])
        self._append("people", PEOPLE, [self._of_person(frame, person) for frame, person in people])

    def _append(self, table: str, columns: tuple[Column, ...], rows: list[dict[str, Any]]) -> None:
        if rows:
            schema = self._tables[table].schema
            self._tables[table].write_table(arrow().table(_arrays(columns, rows, schema), schema=schema))

    def _of_frame(self, frame: FrameRow) -> dict[str, Any]:
        return {**vars(frame), "source": self._source, "people": len(frame.people)}

    def _of_person(self, frame: FrameRow, person: PersonRow) -> dict[str, Any]:
        about = {"source": self._source, "body_model": self._body_model}
        return {**vars(person), **about, "frame": frame.frame, "stamp_ns": frame.stamp_ns}


def _arrays(columns: tuple[Column, ...], rows: list[dict[str, Any]], schema: Any) -> list[Any]:
    return [_array(column, [row[column.name] for row in rows], schema.field(column.name).type) for column in columns]


def _array(column: Column, values: list[Any], kind: Any) -> Any:
    pa = arrow()
    if not column.shape:
        return pa.array(values, type=kind)
    unknown = np.array([value is None for value in values])
    empty = np.zeros(column.shape, column.kind)
    full = [empty if value is None else np.asarray(value, column.kind).reshape(column.shape) for value in values]
    flat = pa.array(np.stack(full).ravel(), type=kind.value_type)
    return pa.FixedSizeListArray.from_arrays(flat, type=kind, mask=pa.array(unknown) if unknown.any() else None)
