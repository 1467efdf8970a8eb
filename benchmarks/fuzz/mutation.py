"""New inputs from known ones: bits flipped, parts cut, copied and joined, lengths and magic numbers changed."""

from __future__ import annotations

import random
import struct
from collections.abc import Callable, Sequence

LARGEST = 2**20  # bytes of an input
_MOST_RANDOM = 600  # bytes that choices are read from
_MOST_STEPS = 4
_LENGTHS = (0, 1, 0x7F, 0x80, 0xFF, 0x7FFF, 0x8000, 0xFFFF, 2**24, 2**31 - 1, 2**31, 2**32 - 1, 2**63, 2**64 - 1)
_DIGITS = b"0123456789"
MAGICS = (
    *(b"\x80\x04", b"PK\x03\x04", b"PK\x01\x02", b"\x93NUMPY", b"PAR1", b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"RIFF"),
    *(b"SQLite format 3\0", b"\x89MCAP0\r\n", b"\x28\xb5\x2f\xfd", b"\x1f\x8b", b"ustar", b"TFL3", b"ftyp", b"II*\0"),
    *(
        b"nan",
        b"inf",
        b"-1",
        b"1e999",
        b"null",
        b"true",
        b"[]",
        b"{}",
        b"\0",
        b"\xff\xff\xff\xff",
        b"\n",
        b'"',
        b"&a",
        b"*a",
    ),
)


class Mutator:
    """Makes inputs; the same ones for the same seed.

    Args:
        seed: of the random numbers.
        dictionary: bytes that are inserted, beside `MAGICS`.
    """

    def __init__(self, seed: int, dictionary: Sequence[bytes] = ()) -> None:
        self._random = random.Random(seed)
        self._words = (*MAGICS, *dictionary)
        self._steps: tuple[Callable[[bytearray], None], ...] = (
            *(self._flip, self._flip, self._noise, self._cut, self._remove, self._repeat, self._insert),
            *(self._length, self._length, self._digit, self._word, self._zeros),
        )

    def choices(self) -> bytes:
        """Random bytes to read choices from."""
        return self._random.randbytes(self._random.randint(0, _MOST_RANDOM))

    def mutated(self, known: Sequence[bytes]) -> bytes:
        """One of the known inputs after one to four changes."""
        data = bytearray(self._random.choice(known))
        for _ in range(self._random.randint(1, _MOST_STEPS)):
            if self._random.random() < 0.08:
                self._splice(data, self._random.choice(known))
            else:
                self._random.choice(self._steps)(data)
        return bytes(data[:LARGEST])

    def _place(self, data: bytearray) -> int:
        """A place in the data; more often near the beginning or the end, where headers are."""
        draw = self._random.random()
        if draw < 0.3:
            return self._random.randrange(min(len(data), 256) + 1)
        if draw < 0.5:
            return len(data) - self._random.randrange(min(len(data), 256) + 1)
        return self._random.randrange(len(data) + 1)

    def _flip(self, data: bytearray) -> None:
        if data:
            place = min(self._place(data), len(data) - 1)
            data[place] ^= 1 << self._random.randrange(8)

    def _noise(self, data: bytearray) -> None:
        place, count = self._place(data), self._random.randint(1, 16)
        data[place : place + count] = self._random.randbytes(len(data[place : place + count]))

    def _cut(self, data: bytearray) -> None:
        del data[self._place(data) :]

    def _remove(self, data: bytearray) -> None:
        place = self._place(data)
        del data[place : place + self._random.randint(1, 64)]

    def _repeat(self, data: bytearray) -> None:
        place = self._place(data)
        part = data[place : place + self._random.randint(1, 64)]
        data[place:place] = part * self._random.choice((1, 1, 2, 8, 100))

    def _insert(self, data: bytearray) -> None:
        place = self._place(data)
        data[place:place] = self._random.randbytes(self._random.randint(1, 16))

    def _zeros(self, data: bytearray) -> None:
        place, count = self._place(data), self._random.choice((4, 8, 64, 512))
        data[place : place + count] = bytes(len(data[place : place + count]))

    def _length(self, data: bytearray) -> None:
        """Write a length that lies, of any width and order of bytes."""
        width, order = self._random.choice("BHIQ"), self._random.choice("<>")
        size = struct.calcsize(order + width)
        value = self._random.choice(_LENGTHS) + self._random.choice((0, 0, -1, 1))
        place = self._place(data)
        if place + size <= len(data):
            data[place : place + size] = struct.pack(order + width, value % (1 << 8 * size))

    def _digit(self, data: bytearray) -> None:
        """Change a digit of a text, or make a number long."""
        places = [place for place, byte in enumerate(data[:4096]) if byte in _DIGITS]
        if places:
            place = self._random.choice(places)
            new = self._random.choice((b"0", b"9", b"-", b".", b"e", b"9999999999", b"1e400", b"nan", b""))
            data[place : place + 1] = new

    def _word(self, data: bytearray) -> None:
        place, word = self._place(data), self._random.choice(self._words)
        if self._random.random() < 0.5:
            data[place : place + len(word)] = word
        else:
            data[place:place] = word

    def _splice(self, data: bytearray, other: bytes) -> None:
        """The beginning of one input and the end of another."""
        data[self._place(data) :] = other[self._random.randrange(len(other) + 1) :]
