"""Kill -9 at random moments: does the same command, started again, end with the result of an undisturbed run?

    python -m benchmarks.kills [synthesize train replay annotate setup bootstrap] [--moments 50] [--seed 0]

Every command runs once without kills. Then its whole process group is killed at random moments and it is started again
until it ends by itself, up to ten kills in a run, until it was killed as often as asked for. File lists and bytes must
be equal. Of files that hold times (metrics.json of a replay) the results must be equal; the report of a replay and the
files of TensorBoard are left out, and the parts of weights and checkpoints are compared by their names. `replay` needs
ROS 2. `setup` is `metrichmsr setup`, and `bootstrap` is what `make setup` runs, both with packages from a local folder.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from benchmarks.kills.commands import Make, annotate, replay, synthesize, train
from benchmarks.kills.runs import survive
from benchmarks.kills.setups import bootstrap, setup

COMMANDS: Mapping[str, Make] = {
    "synthesize": synthesize,
    "train": train,
    "replay": replay,
    "annotate": annotate,
    "setup": setup,
    "bootstrap": bootstrap,
}
_HEAD = "| command | kills | runs | files compared | equal to an undisturbed run |\n|---|---|---|---|---|"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("commands", nargs="*", metavar="COMMAND", help=f"of {', '.join(COMMANDS)}; default: all")
    parser.add_argument("--moments", type=int, default=50, help="kills of each command")
    parser.add_argument("--seed", type=int, default=0, help="of the moments")
    parser.add_argument("--scratch", type=Path, help="empty folder for inputs and results; default: a temporary one")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        scratch = args.scratch or Path(folder)
        (scratch / "inputs").mkdir(parents=True, exist_ok=True)
        print(_HEAD, flush=True)
        for name in args.commands or COMMANDS:
            command = COMMANDS[name](scratch / "inputs")
            print(survive(command, scratch / name, args.moments, np.random.default_rng(args.seed)).row(), flush=True)


if __name__ == "__main__":
    main()
