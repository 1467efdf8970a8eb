"""The header of a safetensors file: what it says about itself, and where each tensor lies in it.

Graphs for ONNX Runtime have no weights of their own: they point into the weights file beside them.
"""

from __future__ import annotations

import hashlib
import json
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from metrichmsr_ros.config import build
from metrichmsr_ros.errors import MetricHMRError

T = TypeVar("T")

_LENGTH_BYTES = 8
_MOST_HEADER_BYTES = 1 << 26


class WeightsFileError(MetricHMRError, ValueError):
    """A weights file is missing, unreadable, of another kind of network, or does not fit its configuration."""


@dataclass(frozen=True)
class StoredTensor:
    """A tensor in the file: "F32", "F16", ...; its shape; first byte and number of bytes in the file."""

    dtype: str
    shape: tuple[int, ...]
    offset: int
    length: int


@dataclass(frozen=True)
class WeightsHeader:
    """What the header of a weights file says.

    Attributes:
        path: of the file.
        metadata: text by name, e.g. the configuration of the network.
        tensors: by name.
        layout_sha256: of the header. Equal ones have the same configuration, and every tensor in the same place.
    """

    path: Path
    metadata: Mapping[str, str]
    tensors: Mapping[str, StoredTensor]
    layout_sha256: str

    @classmethod
    def read(cls, path: str | Path) -> WeightsHeader:
        """Read the header alone.

        Raises:
            WeightsFileError: missing, cut off, or not a safetensors file.
        """
        path = Path(path)
        if not path.exists():
            raise WeightsFileError(f"{path} does not exist; give the path of a .safetensors file")
        try:
            header, size = _header(path), path.stat().st_size
            entries = json.loads(header)
            metadata = dict(entries.pop("__metadata__", {}))
            start = _LENGTH_BYTES + len(header)
            tensors = {name: _stored(entry, start) for name, entry in entries.items()}
        except (OSError, ValueError, KeyError, TypeError, AttributeError, struct.error) as error:
            raise WeightsFileError(f"{path}: not a readable safetensors file ({error})") from None
        end = max((tensor.offset + tensor.length for tensor in tensors.values()), default=0)
        if end > size:
            raise WeightsFileError(f"{path}: cut off, it has {size} bytes of {end}; copy or download it again")
        return cls(path, metadata, tensors, hashlib.sha256(header).hexdigest())

    def config(self, cls: type[T], kind: str, named: str) -> T:
        """The configuration that the file holds.

        Args:
            cls: dataclass of the configuration.
            kind: value of "format" in files of this kind.
            named: this kind in words, for the error, e.g. "a depth refiner".

        Raises:
            WeightsFileError: of another kind, or its configuration cannot be read.
        """
        found = self.metadata.get("format")
        if found != kind:
            raise WeightsFileError(f"{self.path} is not {named}: its format is {found!r}, not {kind!r}")
        try:
            return build(cls, json.loads(self.metadata["config"]))
        except (KeyError, ValueError) as error:
            raise WeightsFileError(f"{self.path}: its configuration cannot be read: {error}") from None


def _header(path: Path) -> bytes:
    with path.open("rb") as file:
        (length,) = struct.unpack("<Q", file.read(_LENGTH_BYTES))
        if length > _MOST_HEADER_BYTES:
            raise ValueError(f"a header of {length} bytes")
        header = file.read(length)
    if len(header) < length:
        raise ValueError("its header is cut off")
    return header


def _stored(entry: Mapping[str, Any], start: int) -> StoredTensor:
    first, end = (int(offset) for offset in entry["data_offsets"])
    return StoredTensor(str(entry["dtype"]), tuple(int(n) for n in entry["shape"]), start + first, end - first)
