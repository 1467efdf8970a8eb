"""Read an annotation folder: frames, people and tracks of each source as NumPy arrays."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

import numpy as np

from metrichmsr_ros.data.formats.annotations.manifest import AnnotationError, Manifest
from metrichmsr_ros.data.formats.annotations.schema import FRAMES, PEOPLE, VERSION, Column, arrow
from metrichmsr_ros.data.formats.annotations.shard_writer import table_path
from metrichmsr_ros.errors import errors_as
from metrichmsr_ros.io.texts import check_utf8
from metrichmsr_ros.types import AnyArray

_COUNTS = tuple(column for column in FRAMES if column.name in ("frame", "people"))
_SIDES: tuple[Literal["left", "right"], ...] = ("left", "right")
TableColumns = dict[str, AnyArray]  # name -> (N, *shape of the column)


class AnnotationFolder:
    """The complete shards of an annotation folder, by source.

    Unknown numbers are NaN, unknown texts are empty. Values have the shapes of `schema.PEOPLE` and `schema.FRAMES`,
    e.g. `joints_cam` (N, 24, 3).

    Args:
        path: the `--out` of `metrichmsr annotate`.

    Raises:
        AnnotationError: it has no manifest of this layout, or its name is not UTF-8.
        MissingPackageError: pyarrow is not installed.
    """

    def __init__(self, path: Path) -> None:
        arrow()
        check_utf8(AnnotationError, str(path), "rename the folder")
        self.path = path
        self.manifest = Manifest.read(path)
        self._shards: dict[str, tuple[str, ...]] = {
            entry.source: entry.shards for entry in self.manifest.inputs if entry.shards
        }

    @property
    def sources(self) -> tuple[str, ...]:
        """Names of the inputs that have annotations, in the order of the manifest."""
        return tuple(self._shards)

    def frames(self, source: str) -> TableColumns:
        """Every frame of a source, by index.

        Raises:
            AnnotationError: an unknown source, or a file that is missing, damaged or of another layout.
        """
        return self._table(source, "frames", FRAMES)

    def people(self, source: str) -> TableColumns:
        """Every person of every frame of a source, by index of the frame.

        Raises:
            AnnotationError: as for `frames`; or the tables are of different recordings.
        """
        people = self._table(source, "people", PEOPLE)
        counts = self._table(source, "frames", _COUNTS)
        first, last = (np.searchsorted(people["frame"], counts["frame"], side=side) for side in _SIDES)
        if not np.array_equal(last - first, counts["people"]) or len(people["frame"]) != counts["people"].sum():
            raise AnnotationError(
                f"{self.path}: the numbers of people per frame differ between the tables of people and of frames of "
                f"{source!r}; annotate it again"
            )
        return people

    def tracks(self, source: str) -> dict[str, TableColumns]:
        """The people of a source by id, each by index of the frame. Errors as for `people`."""
        people = self.people(source)
        return {
            str(name): {column: values[people["id"] == name] for column, values in people.items()}
            for name in dict.fromkeys(people["id"])
        }

    def about(self, source: str) -> dict[str, str]:
        """Metadata of the first file of a source. Errors as for `frames`."""
        return self._metadata(self._paths(source, "frames")[0])

    def _paths(self, source: str, table: str) -> list[Path]:
        if source not in self._shards:
            known = ", ".join(self.sources[:3]) or "none"
            raise AnnotationError(f"{self.path} has no annotations of {source!r}; it has those of: {known}")
        return [table_path(self.path, table, shard) for shard in self._shards[source]]

    def _table(self, source: str, table: str, columns: tuple[Column, ...]) -> TableColumns:
        parts = [self._part(path, columns) for path in self._paths(source, table)]
        whole = {column.name: np.concatenate([part[column.name] for part in parts]) for column in columns}
        order = np.argsort(whole["frame"], kind="stable")
        return {name: values[order] for name, values in whole.items()}

    def _part(self, path: Path, columns: tuple[Column, ...]) -> TableColumns:
        self._metadata(path)
        with errors_as(
            AnnotationError, f"{path} cannot be read as a table of annotations; delete it and annotate its input again"
        ):
            names = [column.name for column in columns]
            read = arrow().parquet.read_table(path, columns=names, partitioning=None, page_checksum_verification=True)
            return {column.name: _values(column, read.column(column.name)) for column in columns}

    def _metadata(self, path: Path) -> dict[str, str]:
        with errors_as(
            AnnotationError, f"{path} cannot be read as a table of annotations; delete it and annotate its input again"
        ):
            found = arrow().parquet.read_metadata(path).metadata or {}
            about = {key.decode(): value.decode() for key, value in found.items()}
        if about.get("schema") != VERSION:
            raise AnnotationError(f"{path} has the layout {about.get('schema')}; this version reads {VERSION}")
        return about


def _values(column: Column, chunked: Any) -> AnyArray:
    """The values of a column, (N, *shape)."""
    if column.kind == "string":
        return np.array([value or "" for value in chunked.to_pylist()], dtype=np.str_)
    if not column.shape:
        return np.asarray(chunked.to_numpy(), dtype=column.kind)
    pieces = [_lists(column, piece) for piece in chunked.chunks]
    return np.concatenate(pieces) if pieces else np.zeros((0, *column.shape), column.kind)


def _lists(column: Column, array: Any) -> AnyArray:
    values = np.full((len(array), column.size), np.nan, column.kind)
    known = np.asarray(array.is_valid())
    values[known] = array.flatten().to_numpy(zero_copy_only=False).reshape(-1, column.size)
    return values.reshape(-1, *column.shape)
