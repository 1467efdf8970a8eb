"""One door of the package: how inputs for it begin, and what it does with one."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

Unit = Literal["messages", "parameter sets", "files"]


@dataclass(frozen=True)
class Reading:
    """What a target did with one input.

    Attributes:
        text: what came out, in a few words; other words are something new.
        count: messages, parameter sets or files in the input.
        refused: how many of them were refused.
    """

    text: str
    count: int = 1
    refused: int = 0


Run = Callable[[bytes], Reading]


@dataclass(frozen=True)
class Target:
    """A door.

    Attributes:
        name: in the table, and folder of its findings.
        unit: what its inputs are counted as.
        start: makes what runs inputs, below an empty folder, in the process that runs them. What it makes raises a
            `MetricHMRError` for an input that is refused; every other exception is a finding.
        seeds: inputs to start from, by name; empty: every input is random bytes that choices are read from.
        named: text that each refusal must contain; empty: any text.
        share: of the time, relative to the others.
        dictionary: bytes that mutations insert.
    """

    name: str
    unit: Unit
    start: Callable[[Path], Run]
    seeds: Callable[[], Mapping[str, bytes]] = dict
    named: str = ""
    share: float = 1.0
    dictionary: Sequence[bytes] = ()

    @property
    def is_structured(self) -> bool:
        """Whether inputs are bytes that choices are read from, and random ones are as good as any."""
        return not self.seeds()


def reads_file(read: Callable[[Path], object], name: str) -> Callable[[Path], Run]:
    """The `start` of a target whose input is the content of one file of this name, which `read` reads."""
    return reads_among(read, name, lambda folder: folder / name)


def reads_among(read: Callable[[Path], object], name: str, prepare: Callable[[Path], Path]) -> Callable[[Path], Run]:
    """The `start` of a target whose input is one file among others.

    Args:
        read: reads what `prepare` returns.
        name: of the file, relative to the folder.
        prepare: writes the other files below the folder; returns the path that is read.
    """

    def start(folder: Path) -> Run:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        given = prepare(folder)

        def run(data: bytes) -> Reading:
            path.write_bytes(data)
            return Reading(type(read(given)).__name__)

        return run

    return start
