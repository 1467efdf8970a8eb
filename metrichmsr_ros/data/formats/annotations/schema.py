"""Columns of the two tables of an annotation folder, as data and as pyarrow schemas."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from metrichmsr_ros.errors import MissingPackageError

VERSION = "metrichmsr-annotations/1"


@dataclass(frozen=True)
class Column:
    """One column of a table.

    Attributes:
        name: of the column.
        kind: `string`, or a NumPy dtype by name.
        shape: of one value; () is a scalar, others are stored as lists of fixed length, row by row.
        nullable: whether a value may be unknown.
    """

    name: str
    kind: str
    shape: tuple[int, ...] = ()
    nullable: bool = False

    @property
    def size(self) -> int:
        """Numbers in one value."""
        return math.prod(self.shape)


PEOPLE = (
    Column("source", "string"),
    Column("frame", "int64"),
    Column("stamp_ns", "int64"),
    Column("id", "string"),
    Column("confidence", "float32"),
    Column("is_occluded", "bool"),
    Column("bbox", "float32", (4,)),
    Column("pose", "float32", (72,)),
    Column("betas", "float32", (10,)),
    Column("transl_cam", "float32", (3,)),
    Column("transl_cov", "float32", (3, 3)),
    Column("joints_cam", "float32", (24, 3)),
    Column("joint_confidence", "float32", (24,), nullable=True),
    Column("height", "float32"),
    Column("velocity_cam", "float32", (3,)),
    Column("body_model", "string"),
    Column("landmarks_px", "float32", (33, 2), nullable=True),
    Column("landmark_visibility", "float32", (33,), nullable=True),
)
FRAMES = (
    Column("source", "string"),
    Column("frame", "int64"),
    Column("stamp_ns", "int64"),
    Column("width", "int32"),
    Column("height", "int32"),
    Column("K", "float64", (3, 3)),
    Column("fps", "float64", nullable=True),
    Column("T_world_cam", "float64", (4, 4), nullable=True),
    Column("people", "int32"),
    Column("image", "string", nullable=True),
    Column("problem", "string", nullable=True),
)


def arrow() -> Any:
    """The module `pyarrow`, with `pyarrow.parquet` loaded.

    Raises:
        MissingPackageError: it is not installed.
    """
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError as error:
        text = f"annotation folders need pyarrow ({error}): pip install 'metrichmsr_ros[annotate]'"
        raise MissingPackageError(text) from error
    return pyarrow


def arrow_schema(columns: tuple[Column, ...], metadata: Mapping[str, str]) -> Any:
    """The pyarrow schema of a table whose file carries `metadata`."""
    pa = arrow()
    fields = [pa.field(column.name, _arrow_type(pa, column), nullable=column.nullable) for column in columns]
    return pa.schema(fields, metadata=dict(metadata))


def _arrow_type(pa: Any, column: Column) -> Any:
    one = pa.bool_() if column.kind == "bool" else getattr(pa, column.kind)()
    return pa.list_(one, column.size) if column.shape else one
