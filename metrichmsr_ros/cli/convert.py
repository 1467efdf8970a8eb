"""`metrichmsr convert`: converts and prints a line for each file."""

from __future__ import annotations

from pathlib import Path

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from metrichmsr_ros.conversion.convert import convert
from metrichmsr_ros.conversion.options import ConvertOptions, Format
from metrichmsr_ros.conversion.written import Written

_MOST_LINES = 50


def convert_command(src: Path, to: Format, out: Path, options: ConvertOptions, console: Console | None = None) -> None:
    """Convert and print what was written. Errors as `convert`.

    Args:
        src, to, out, options: as for `convert`.
        console: console to print to; None: standard output.
    """
    console = console or Console()
    files = convert(src, to, out, options)
    console.print(_table(files[:_MOST_LINES]))
    if len(files) > _MOST_LINES:
        console.print(
            f"and {len(files) - _MOST_LINES} more, in {out / 'conversion.json'}", markup=False, soft_wrap=True
        )
    left_out = sum(file.left_out for file in files)
    if left_out:
        why = "predicted rows are not labels of pictures" if to == "bedlam" else "their frames have no camera pose"
        console.print(f"{left_out} rows are left out: {why}", highlight=False)
    console.print(f"wrote {out}", markup=False, highlight=False, soft_wrap=True)


def _table(files: list[Written]) -> Table:
    table = Table("file", "person", "body", "rows", "held", "fps", "largest shift (ms)", "one shape: off by (mm)")
    for file in files:
        shape = "" if file.shape_error_m is None else f"{1000 * file.shape_error_m:.2f}"
        numbers = (
            str(file.rows),
            str(file.held),
            f"{file.fps:g}" if file.fps else "",
            f"{1000 * file.largest_shift_s:.2f}",
        )
        table.add_row(escape(file.file), escape(file.person), file.body, *numbers, shape)
    return table
