"""The table that `metrichmsr eval` prints."""

from __future__ import annotations

import io

from rich.console import Console

from metrichmsr_ros.cli.eval import EvalOptions, eval_command
from metrichmsr_ros.replay.options import ExitCode


def table_of(benchmark: str, options: EvalOptions) -> str:
    """What the command prints when it succeeds."""
    paper = Console(file=io.StringIO(), width=80)
    code = eval_command(benchmark, options, paper)
    printed: str = paper.file.getvalue()  # type: ignore[attr-defined]
    assert code is ExitCode.OK, printed
    return printed
