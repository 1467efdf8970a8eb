"""Tables of systems and their numbers, as Markdown, CSV and JSON; the paper's numbers are marked."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.measure import Measurement
from rich.table import Table
from rich.text import Text

from metrichmsr_ros.evaluation.benchmarks.paper_numbers import SOURCE, Published
from metrichmsr_ros.io.texts import json_text
from metrichmsr_ros.io.whole_files import remove_parts, write_whole

MEASURED = "measured here"
_STATED = "(paper)"


@dataclass(frozen=True)
class Line:
    """One row: the system, its numbers by metric, their origin, and a note."""

    system: str
    values: dict[str, float]
    origin: str
    note: str = ""


@dataclass(frozen=True)
class Scoreboard:
    """A table with a title; `columns` maps metrics to units. Columns without any number are left out."""

    title: str
    columns: dict[str, str]
    lines: tuple[Line, ...]

    def _used(self) -> list[str]:
        return [name for name in self.columns if any(name in line.values for line in self.lines)]

    def rows(self) -> list[list[str]]:
        """Header and lines as text; '-' where there is no number."""
        used = self._used()
        head = ["system", *(f"{name} [{self.columns[name]}]" if self.columns[name] != "1" else name for name in used)]
        body = [
            [line.system, *(_text(line.values.get(name)) for name in used), line.origin, line.note]
            for line in self.lines
        ]
        return [[*head, "numbers", "note"], *body]

    def markdown(self) -> str:
        """A Markdown table under its title."""
        head, *body = self.rows()
        rule = ["---", *("---:" for _ in self._used()), "---", "---"]
        lines = ["| " + " | ".join(row) + " |" for row in (head, rule, *body)]
        return f"### {self.title}\n\n" + "\n".join(lines) + "\n"

    def csv(self) -> str:
        """Comma-separated values with a header line."""
        stream = io.StringIO()
        csv.writer(stream, lineterminator="\n").writerows(self.rows())
        return stream.getvalue()

    def json(self) -> str:
        """Everything, with units, unrounded; null where there is no number."""
        lines = [{"system": x.system, "values": x.values, "origin": x.origin, "note": x.note} for x in self.lines]
        return json_text({"title": self.title, "units": self.columns, "lines": lines}, indent=2) + "\n"

    def show(self, console: Console) -> None:
        """Print the table, wider than the console if numbers would be cut off otherwise."""
        table = self.table()
        natural = Measurement.get(console, console.options.update(width=10_000), table).maximum
        if natural > console.width:
            table.width = natural
        console.print(table, crop=False)

    def table(self) -> Table:
        """For a terminal: as :meth:`rows`, with "(paper)" before the system instead of the column of origins."""
        head, *body = self.rows()
        stated = any(line.origin == SOURCE for line in self.lines)
        table = Table(title=self.title, caption=f"{_STATED} {SOURCE}; the others measured here" if stated else None)
        for index, name in enumerate([*head[:-2], head[-1]]):
            heading = Text(name.replace(" (", "\n(").replace(" [", "\n["))
            table.add_column(heading, justify="right" if 0 < index < len(head) - 2 else "left")
        for line, (system, *numbers, _, note) in zip(self.lines, body, strict=True):
            from_paper = line.origin == SOURCE
            cells = (f"{_STATED} {system}" if from_paper else system, *numbers, note)
            table.add_row(*map(Text, cells), style="dim" if from_paper else None)
        return table

    def write(self, folder: Path, name: str) -> None:
        """Write NAME.md, NAME.csv and NAME.json into a folder."""
        folder.mkdir(parents=True, exist_ok=True)
        remove_parts(folder)
        for suffix, text in (("md", self.markdown()), ("csv", self.csv()), ("json", self.json())):
            write_whole(folder / f"{name}.{suffix}", text)


def published_lines(rows: Sequence[Published]) -> list[Line]:
    """The paper's rows as lines, marked by their origin."""
    return [Line(row.system, row.values, SOURCE, row.setting) for row in rows]


def _text(value: float | None) -> str:
    if value is None or not np.isfinite(value):
        return "-"
    if abs(value) >= 10:
        return f"{value:.1f}"
    return f"{value:.2f}" if abs(value) >= 1 else f"{value:.3f}"
