"""Files that a command must not replace: its own inputs, and what it did not write."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from metrichmsr_ros.errors import MetricHMRError


class ReplacedFileError(MetricHMRError, ValueError):
    """A result would replace a file that the command did not write; the message names it and the remedy."""


def refuse_inputs(inputs: Iterable[Path | None], results: Iterable[Path]) -> None:
    """Raise ReplacedFileError if a result is one of the inputs, also by another name of the same file."""
    given = [path for path in inputs if path is not None and path.exists()]
    for result in results:
        if result.exists() and any(result.samefile(path) for path in given):
            raise ReplacedFileError(f"the result {result} would replace the input; name another folder with --out")


def refuse_existing(results: Iterable[Path], command: str) -> None:
    """Raise ReplacedFileError if one of the results exists; call it where no earlier run of `command` wrote them."""
    for result in results:
        if result.exists():
            raise ReplacedFileError(
                f"{result} is there already and not from `metrichmsr {command}`; move it, or name another folder with "
                "--out"
            )
