"""Reads files that are made to hurt, each in a process of its own, and prints what the readers say.

    python -m benchmarks.hostile [--only pickle]

The inputs are generated in a temporary folder. Exit status 1: a reader crashed or hung, let an exception escape that is
not the package's own, did not name the file, took more than 256 MiB above the start, or more than 2 s of CPU time (the
least of three runs). The shipped weights are read once before, so that the import of PyTorch counts for no case.
"""

from __future__ import annotations

import argparse
import sys

from rich.console import Console
from rich.table import Table

from benchmarks.hostile import arrays, bags, networks, pickle_doors, pictures, texts, weights
from benchmarks.hostile.apart import run
from metrichmsr_ros.assets import asset_path
from metrichmsr_ros.hmr.network.checkpoint import load_model

_SHOWN = 60  # characters of an error
GROUPS = (pickle_doors, weights, pictures, texts, arrays, networks, bags)


def main() -> int:
    """Run the cases and print the table; the exit status."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default="", help="cases whose names contain this text")
    only: str = parser.parse_args().only
    table, faults = Table("case", "outcome", "CPU s", "MiB", "fault"), []
    cases = [case for group in GROUPS for case in group.cases() if only in case.name]
    load_model(asset_path("embedded.safetensors"))
    for case in cases:
        outcome, fault = run(case)
        text = f"{outcome.kind}: {_short(outcome.text)}"
        table.add_row(case.name, text, f"{outcome.seconds:.2f}", f"{outcome.memory / 2**20:.0f}", fault)
        if fault:
            faults.append(f"{case.name}: {fault}; {outcome.seconds:.2f} s, {outcome.memory >> 20} MiB, {outcome.text}")
    Console(width=200 if not sys.stdout.isatty() else None, markup=False).print(table)
    print(f"{len(cases)} cases, {len(faults)} with a fault", *faults, sep="\n")
    return 1 if faults or not cases else 0


def _short(text: str) -> str:
    """The first characters of an error, without the temporary folder."""
    words = (word.rpartition("/")[2] if "/hostile_" in word else word for word in text.split(" "))
    return " ".join(words)[:_SHOWN]


if __name__ == "__main__":
    sys.exit(main())
