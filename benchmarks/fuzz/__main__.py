"""Gives every door of the package random inputs for a time, and prints what they did.

    python -m benchmarks.fuzz --seconds 600
    python -m benchmarks.fuzz --only pickle --replay out/fuzz/pickle/0123456789abcdef.bin

Messages and parameters are made from random choices; files are those of `benchmarks.hostile` and whole ones,
mutated. An input that crashes or hangs a worker, lets an exception escape that is not the package's own, is refused
without the name of its file, or takes more than 256 MiB or 5 s of CPU time, is a fault: it is saved in out/fuzz, with a
command that runs it again. Inputs that did something new stay in out/fuzz/corpus for the next run. Exit status 1: a
fault.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from collections import Counter
from pathlib import Path

import cv2
from rich.console import Console
from rich.table import Table

from benchmarks.fuzz.campaign import Campaign
from benchmarks.fuzz.doors import TARGETS
from benchmarks.fuzz.findings import Store
from benchmarks.fuzz.judge import judged
from benchmarks.fuzz.target import Target


def main() -> int:
    """Run or replay; the exit status."""
    options = _options()
    chosen = [target for target in TARGETS if not options.only or target.name in options.only.split(",")]
    if not chosen:
        names = ", ".join(target.name for target in TARGETS)
        print(f"--only {options.only}: no such target; choose of {names}", file=sys.stderr)
        return 2
    if options.replay:
        return replayed(chosen[0], options.replay)
    cv2.setNumThreads(1)  # here: OpenCV's threads may not be changed in a fork of a process that has some
    campaign = Campaign(chosen, Store(options.out), options.seed, options.workers, lambda line: print(line, flush=True))
    campaign.run(options.seconds)
    return show(campaign, chosen)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=600.0, help="for all targets together")
    parser.add_argument("--only", default="", help="names of targets, separated by commas")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--out", type=Path, default=Path("out/fuzz"), help="folder of corpus and findings")
    parser.add_argument("--replay", type=Path, help="run this input alone, in this process")
    return parser.parse_args()


def replayed(target: Target, path: Path) -> int:
    """Run one input, with the traceback of what escapes; the exit status."""
    with tempfile.TemporaryDirectory(prefix="fuzz_") as folder:
        run, data = target.start(Path(folder)), path.read_bytes()
        verdict = judged(run, data, target.named)
        print(f"{target.name}: {verdict.kind}, {verdict.seconds:.2f} s: {verdict.text}")
        if verdict.kind == "foreign exception":
            run(data)
    return 1 if verdict.is_fault else 0


def show(campaign: Campaign, targets: list[Target]) -> int:
    """Print the table; the exit status."""
    columns = (
        "target",
        "inputs",
        "refused",
        "read",
        "shapes",
        "crashes",
        "foreign",
        "other faults",
        "slowest s",
        "MiB",
    )
    table, units, faults = Table(*columns), Counter[str](), 0
    for target in targets:
        total = campaign.totals[target.name]
        kinds = Counter(verdict.kind for verdict, _ in total.faults.values())
        foreign, rest = kinds.pop("foreign exception", 0), kinds.total() - kinds["crash"] - kinds["hang"]
        numbers = (total.inputs, total.refused, total.inputs - total.refused, len(total.shapes))
        units[target.unit] += total.inputs
        faults += len(total.faults)
        ends = (str(total.crashes), str(foreign), str(rest), f"{total.slowest:.2f}", f"{total.memory / 2**20:.0f}")
        table.add_row(target.name, *map(str, numbers), *ends)
    Console(width=160 if not sys.stdout.isatty() else None).print(table)
    print("inputs: " + ", ".join(f"{count} {unit}" for unit, count in sorted(units.items())))
    print(f"{faults} different faults")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
