"""Compare two replays: the changed numbers, and the first frame whose estimates differ."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path
from typing import Any

from rich.table import Table

from metrichmsr_ros.replay.records import FrameRecord, load_records
from metrichmsr_ros.replay.result import read_metrics


@dataclass(frozen=True)
class Row:
    """One number of both runs; None if a run does not have it."""

    name: str
    first: float | str | None
    second: float | str | None

    @property
    def change(self) -> str:
        """Second minus first with its sign, `=` if equal, `differs` for unequal texts."""
        if isinstance(self.first, (int, float)) and isinstance(self.second, (int, float)):
            return f"{self.second - self.first:+.4g}" if self.second != self.first else "="
        return "=" if self.first == self.second else "differs"


@dataclass(frozen=True)
class Comparison:
    """The comparison of two result folders.

    Attributes:
        first: folder of the first replay.
        second: folder of the second replay.
        rows: one row per number.
        differs_from_s: seconds from the first frame to the first different estimate; None if all are identical.
    """

    first: Path
    second: Path
    rows: tuple[Row, ...]
    differs_from_s: float | None

    @property
    def is_identical(self) -> bool:
        """Whether every estimate of every frame is identical bit by bit."""
        return self.differs_from_s is None

    def verdict(self) -> str:
        """The result in one sentence."""
        if self.is_identical:
            return "The estimates are identical to the last bit."
        return f"The estimates differ from {self.differs_from_s:.2f} s after the first frame on."

    def table(self) -> Table:
        """The comparison as a table for a terminal."""
        table = Table(caption=f"first: {self.first}, second: {self.second}")
        table.add_column("number", no_wrap=True)
        for name in ("first", "second", "change"):
            table.add_column(name, justify="right")
        for row in self.rows:
            table.add_row(row.name, _text(row.first), _text(row.second), row.change)
        return table

    def markdown(self) -> str:
        """The comparison as Markdown."""
        lines = [f"| number | {self.first} | {self.second} | change |", "| --- | ---: | ---: | ---: |"]
        lines += [f"| {r.name} | {_text(r.first)} | {_text(r.second)} | {r.change} |" for r in self.rows]
        return "\n".join([self.verdict(), "", *lines]) + "\n"


def compare(first: Path, second: Path) -> Comparison:
    """Compare the result folders of two replays.

    Raises:
        MetricInputError: a folder does not hold a finished replay.
    """
    one, two = _numbers(read_metrics(first)), _numbers(read_metrics(second))
    rows = tuple(Row(name, one.get(name), two.get(name)) for name in dict.fromkeys([*one, *two]))
    return Comparison(first, second, rows, _first_difference(first, second))


def _numbers(content: dict[str, Any]) -> dict[str, float | str | None]:
    """The compared numbers in one flat dictionary; durations in milliseconds."""
    flat = _flat(content["result"])
    flat["weights"] = content["weights_sha256"][:16]
    flat["digest"] = str(flat["digest"])[:16]
    for stage, summary in content["run"]["seconds"].items():
        flat[f"{stage} p50 ms"] = round(1e3 * summary["p50"], 2)
        flat[f"{stage} p95 ms"] = round(1e3 * summary["p95"], 2)
    return flat


def _flat(values: dict[str, Any], prefix: str = "") -> dict[str, float | str | None]:
    flat: dict[str, float | str | None] = {}
    for name, value in values.items():
        if isinstance(value, dict):
            flat |= _flat(value, f"{prefix}{name} ".removeprefix("metrics "))
        else:
            flat[prefix + name] = value
    return flat


def _text(value: float | str | None) -> str:
    if value is None:
        return "-"
    return value if isinstance(value, str) else f"{value:.6g}"


def _first_difference(first: Path, second: Path) -> float | None:
    one, two = (load_records(folder / "estimates.npz") for folder in (first, second))
    if not one or not two:
        return None if not one and not two else 0.0
    start = min(one[0].stamp_ns, two[0].stamp_ns)
    for a, b in zip_longest(one, two):
        if a is None or b is None or a.digest != b.digest:
            return (_stamp(a, b) - start) / 1e9
    return None


def _stamp(*frames: FrameRecord | None) -> int:
    return min(frame.stamp_ns for frame in frames if frame is not None)
