"""The header of a safetensors file: what it says about itself, and where each tensor lies in it.

Graphs for ONNX Runtime have no weights of their own: they point into the weights file beside them.
"""

from __future__ import annotations

import hashlib
import json
import math
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, TypeVar

import numpy as np

from metrichmsr_ros.config import build
from metrichmsr_ros.errors import MetricHMRError, cause

T = TypeVar("T")

_LENGTH_BYTES = 8
_BLOCK = 2**18
_MOST_HEADER_BYTES = 2**20  # the largest networks have a hundred kB
_ITEM_BYTES = {"F64": 8, "F32": 4, "F16": 2, "BF16": 2, "I64": 8, "I32": 4, "I16": 2, "I8": 1, "U8": 1, "BOOL": 1}
_FLOATS = {"F64": np.float64, "F32": np.float32}
_EXPONENTS = {"F16": 0x7C00, "BF16": 0x7F80}  # bits that are all set in infinity and NaN


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
            metadata = {str(name): str(text) for name, text in entries.pop("__metadata__", {}).items()}
            start = _LENGTH_BYTES + len(header)
            tensors = {name: _stored(entry, start) for name, entry in entries.items()}
        except Exception as error:  # what parsing foreign JSON raises, up to RecursionError
            raise WeightsFileError(
                f"{path}: not a readable safetensors file ({cause(error)}); copy or download it again"
            ) from None
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
        except (KeyError, ValueError, TypeError, RecursionError) as error:
            raise WeightsFileError(f"{self.path}: its configuration cannot be read: {error}") from None

    def check_shapes(self, planned: Mapping[str, tuple[int, ...]]) -> None:
        """Refuse weights of another network than the one that the configuration makes.

        Args:
            planned: shapes by name of that network.

        Raises:
            WeightsFileError: names the first tensor that differs.
        """
        stored = {name: tensor.shape for name, tensor in self.tensors.items()}
        for name in sorted(planned.keys() | stored.keys()):
            if planned.get(name) != stored.get(name):
                raise WeightsFileError(
                    f"{self.path}: weights and configuration do not fit: {name[:80]} is {stored.get(name, 'missing')}, "
                    f"the configuration makes {planned.get(name, 'none')}; train or download it again"
                )

    def check_values(self) -> None:
        """Refuse weights that are not finite, with which a network answers nonsense.

        Raises:
            WeightsFileError: names the first such tensor, or the file cannot be read.
        """
        try:
            with self.path.open("rb") as file:
                for name, stored in self.tensors.items():
                    if not _is_finite(file, stored):
                        raise WeightsFileError(
                            f"{self.path}: {name} holds values that are not finite; train or download it again"
                        )
        except OSError as error:
            raise WeightsFileError(f"{self.path} cannot be read: {error.strerror}") from None


def _header(path: Path) -> bytes:
    with path.open("rb") as file:
        (length,) = struct.unpack("<Q", file.read(_LENGTH_BYTES))
        if length > _MOST_HEADER_BYTES:
            raise ValueError(f"a header of {length} bytes, at most {_MOST_HEADER_BYTES} are read")
        header = file.read(length)
    if len(header) < length:
        raise ValueError("its header is cut off")
    return header


def _is_finite(file: BinaryIO, stored: StoredTensor) -> bool:
    """Whether all numbers of a tensor are finite; True for whole numbers. False where the file ends before."""
    file.seek(stored.offset)
    for start in range(0, stored.length, _BLOCK):
        content = file.read(min(_BLOCK, stored.length - start))
        if len(content) < min(_BLOCK, stored.length - start):
            return False
        if stored.dtype in _FLOATS:
            numbers = np.frombuffer(content, _FLOATS[stored.dtype])
            if not (np.isfinite(numbers.max()) and np.isfinite(numbers.min())):  # NaN is both; takes no memory
                return False
        exponent = _EXPONENTS.get(stored.dtype, 0)
        if exponent and ((np.frombuffer(content, np.uint16) & exponent) == exponent).any():
            return False
    return True


def _stored(entry: Mapping[str, Any], start: int) -> StoredTensor:
    first, end = (int(offset) for offset in entry["data_offsets"])
    dtype, shape = str(entry["dtype"]), tuple(int(n) for n in entry["shape"])
    if not 0 <= first <= end or any(n < 0 for n in shape):
        raise ValueError(f"a tensor at {first} to {end} of shape {shape}")
    if math.prod(shape) * _ITEM_BYTES.get(dtype, 0) != end - first:
        raise ValueError(f"a tensor of type {dtype[:10]} and shape {shape} in {end - first} bytes")
    return StoredTensor(dtype, shape, start + first, end - first)
