"""`metrichmsr convert`: converts and prints a line for each file."""

from __future__ import annotations

from pathlib import Path

from rich.console import Console

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
    files = convert(src, to, out, options, lambda line: _print(console, line))
    for file in files[:_MOST_LINES]:
        _print(console, _line(file))
    if len(files) > _MOST_LINES:
        console.print(f"and {len(files) - _MOST_LINES} more, in conversion.json", highlight=False)
    left_out = sum(file.left_out for file in files)
    if left_out:
        why = "predicted rows are not labels of pictures" if to == "bedlam" else "their frames have no camera pose"
        console.print(f"{left_out} rows are left out: {why}", highlight=False)
    _print(console, f"wrote {out}")


def _print(console: Console, line: str) -> None:
    console.print(line, markup=False, highlight=False, soft_wrap=True)


def _line(file: Written) -> str:
    """A file, its person and what is not as in the source."""
    parts = [f"{file.rows} rows"]
    if file.fps:
        parts.append(f"{file.fps:g} fps")
    if file.held:
        parts.append(f"{file.held} held")
    if file.largest_shift_s >= 5e-4:
        parts.append(f"times shifted by up to {1000 * file.largest_shift_s:.0f} ms")
    if file.shape_error_m is not None:
        parts.append(f"joints off by up to {1000 * file.shape_error_m:.1f} mm by the one shape")
    return f"{file.file}: {f'{file.person}, ' if file.person else ''}{', '.join(parts)}"
