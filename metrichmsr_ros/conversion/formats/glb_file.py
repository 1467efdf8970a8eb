"""A binary glTF 2.0 file: typed arrays, their views of one buffer, and the container around JSON and buffer.

trimesh, which writes the still meshes of photographs, writes neither skins nor animations.
"""

from __future__ import annotations

import json
import struct
from typing import Any

import numpy as np

from metrichmsr_ros.types import AnyArray

ARRAY_BUFFER, ELEMENT_BUFFER = 34962, 34963
_COMPONENTS = {"uint8": 5121, "uint32": 5125, "float32": 5126}
_SHAPES = {(): "SCALAR", (2,): "VEC2", (3,): "VEC3", (4,): "VEC4", (16,): "MAT4"}


class GlbFile:
    """A glTF document under construction: append to `json`'s lists, whose indices its parts name.

    Attributes:
        json: the document's properties except buffers, views and accessors.
    """

    def __init__(self) -> None:
        self.json: dict[str, Any] = {}
        self._views: list[dict[str, int]] = []
        self._accessors: list[dict[str, Any]] = []
        self._chunks: list[bytes] = []
        self._size = 0

    def append(self, kind: str, item: dict[str, Any]) -> int:
        """Append to the list `kind`, such as "nodes"; returns the index."""
        items = self.json.setdefault(kind, [])
        items.append(item)
        return len(items) - 1

    def array(self, values: AnyArray, target: int | None = None, limits: bool = False) -> int:
        """Store an array (N, ...) of uint8, uint32 or float32; returns the index of its accessor.

        Args:
            values: N scalars, vectors, or matrices of 16 numbers by column.
            target: ARRAY_BUFFER or ELEMENT_BUFFER for what a mesh is drawn from.
            limits: also store the least and the largest values, which positions and times need.
        """
        data = np.ascontiguousarray(values)
        view = {"buffer": 0, "byteOffset": self._size, "byteLength": data.nbytes}
        self._views.append(view | ({"target": target} if target else {}))
        accessor: dict[str, Any] = {
            "bufferView": len(self._views) - 1,
            "componentType": _COMPONENTS[data.dtype.name],
            "count": len(data),
            "type": _SHAPES[data.shape[1:]],
        }
        if limits:
            accessor |= {"min": np.atleast_1d(data.min(0)).tolist(), "max": np.atleast_1d(data.max(0)).tolist()}
        self._accessors.append(accessor)
        raw = _padded(data.tobytes(), b"\0")
        self._chunks.append(raw)
        self._size += len(raw)
        return len(self._accessors) - 1

    def to_bytes(self) -> bytes:
        """The whole file."""
        document = self.json | {
            "buffers": [{"byteLength": self._size}],
            "bufferViews": self._views,
            "accessors": self._accessors,
        }
        text = _padded(json.dumps(document, separators=(",", ":"), allow_nan=False).encode(), b" ")
        body = b"".join(self._chunks)
        head = struct.pack("<4sII", b"glTF", 2, 12 + 8 + len(text) + 8 + len(body))
        return b"".join(
            [head, struct.pack("<I4s", len(text), b"JSON"), text, struct.pack("<I4s", len(body), b"BIN\0"), body]
        )


def _padded(data: bytes, by: bytes) -> bytes:
    """`data` up to a multiple of four bytes."""
    return data + by * (-len(data) % 4)
