"""YAML that unfolds without bounds, nests too deep, or has types of its own."""

from __future__ import annotations

from collections.abc import Mapping


def laughs(levels: int, width: int) -> str:
    """A billion laughs: each line names the line before `width` times."""
    lines = ["l0: &l0 [ha]"]
    lines += [f"l{n}: &l{n} [{', '.join([f'*l{n - 1}'] * width)}]" for n in range(1, levels)]
    return "\n".join(lines)


def merges(levels: int, width: int) -> str:
    """The same by merged keys."""
    lines = ["l0: &l0 {a: 1}"]
    lines += [f"l{n}: &l{n} {{<<: [{', '.join([f'*l{n - 1}'] * width)}]}}" for n in range(1, levels)]
    return "\n".join(lines)


YAMLS: Mapping[str, bytes] = {
    "a billion laughs": laughs(10, 10).encode(),
    "a billion merged keys": merges(10, 10).encode(),
    "100,000 nested lists": b"a: " + b"[" * 100_000,
    "100,000 nested blocks": b"\n".join(b" " * n + b"a:" for n in range(1000)),
    "a million values": b"a: [" + b"1," * 500_000 + b"1]",
    "ten million bytes": b"a: 1\n" * 2_000_000,
    "a number of 100,000 digits": b"a: " + b"9" * 100_000,
    "a day that does not exist": b"a: 2001-99-99",
    "an object of Python": b"a: !!python/object/apply:os.system ['echo hurt']",
    "a key that is a list": b"{[a]: 1}",
    "an alias of nothing": b"a: *b",
    "an alias of itself": b"a: &a [*a]",
    "no text": b"\xff\xfe\x00",
}
