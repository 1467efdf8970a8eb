"""Choices that are read off bytes, so that an input of any structure can be stored, mutated and replayed as bytes."""

from __future__ import annotations

import math
import struct
from collections.abc import Sequence
from typing import TypeVar

Option = TypeVar("Option")

ODD_NUMBERS = (
    *(0.0, -0.0, 1.0, -1.0, 0.5, 1e-12, -1e-12, 5e-324, 1e-300, 1e300, 1.7976931348623157e308, -1e308),
    *(math.nan, math.inf, -math.inf, 3.4028234663852886e38, 1e10, 2.0**31, 2.0**63, math.pi, -math.pi, 1e-6),
)
ODD_INTEGERS = (0, 1, 2, 3, 7, 255, 256, 65535, 65536, 2**31 - 1, 2**31, 2**32 - 1)
ODD_TEXTS = (
    "",
    " ",
    "/",
    "//",
    "a",
    "a b",
    "\n",
    "{",
    "é",
    "漢",
    "\u202e",
    "a" * 300,
    "../../etc/passwd",
    "%s%n",
    "nan",
)


class Choices:
    """Reads choices from the beginning of `data`; behind its end every choice is the first option."""

    def __init__(self, data: bytes) -> None:
        self._data, self._place = data, 0

    @property
    def is_over(self) -> bool:
        """Whether all bytes are used."""
        return self._place >= len(self._data)

    def bytes(self, count: int) -> bytes:
        """The next `count` bytes, zeros behind the end."""
        part = self._data[self._place : self._place + count]
        self._place += count
        return part + bytes(count - len(part))

    def below(self, count: int) -> int:
        """An integer from 0 to `count` - 1."""
        return int.from_bytes(self.bytes(1 if count <= 256 else 4), "little") % count

    def pick(self, options: Sequence[Option]) -> Option:
        """One of the options; the first is the plainest."""
        return options[self.below(len(options))]

    def is_rare(self, one_in: int) -> bool:
        """True once in `one_in` times, and not behind the end."""
        return self.below(one_in) == one_in - 1

    def number(self) -> float:
        """Any number: odd ones, small ones, and 64 random bits."""
        kind = self.below(4)
        if kind == 0:
            return self.pick(ODD_NUMBERS)
        if kind == 1:
            return (self.below(65536) - 32768) / 256
        if kind == 2:
            return 10.0 ** (self.below(64) - 32)
        return float(struct.unpack("<d", self.bytes(8))[0])

    def number32(self) -> float:
        """Any number of 32 bits."""
        value = self.number()
        with_range = math.isnan(value) or math.isinf(value) or abs(value) < 3.4e38
        return float(struct.unpack("<f", struct.pack("<f", value))[0]) if with_range else math.copysign(math.inf, value)

    def unsigned32(self) -> int:
        """Any integer of 32 bits without sign."""
        return self.pick(ODD_INTEGERS) if self.below(2) == 0 else int.from_bytes(self.bytes(4), "little")

    def text(self) -> str:
        """Any text."""
        if self.below(2) == 0:
            return self.pick(ODD_TEXTS)
        return self.bytes(self.below(24)).decode("utf-8", "replace")
