"""Changes geometry and metrics in thousands of places, and counts the changes that the tests notice.

    python tools/mutation.py [--floor 80]     # needs mutmut; `make mutation` installs it. An hour on two cores

mutmut makes the changes (`[tool.mutmut]` in pyproject.toml) and runs only tests that reach them. An interrupted run
goes on where it stopped. Exit status 1: less than the floor, per cent, of the changes were noticed. `mutmut browse`
shows the others.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
_NOTICED = ("killed", "timeout", "suspicious", "segfault", "caught_by_type_check")
_UNNOTICED = ("survived", "no_tests")


def main() -> int:
    """Run mutmut and print the score; the exit status."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--floor", type=float, default=80.0, help="per cent of changes that must be noticed")
    floor: float = parser.parse_args().floor
    for arguments in (("run",), ("export-cicd-stats",)):
        done = subprocess.run([sys.executable, "-m", "mutmut", *arguments], cwd=ROOT)
        if done.returncode != 0:
            print(f"mutmut {arguments[0]} ended with status {done.returncode}")
            return 1
    counts = Counter(json.loads((ROOT / "mutants" / "mutmut-cicd-stats.json").read_text(encoding="utf-8")))
    noticed, unnoticed = (sum(counts[name] for name in names) for names in (_NOTICED, _UNNOTICED))
    share = 100.0 * noticed / max(1, noticed + unnoticed)
    print(f"{noticed} of {noticed + unnoticed} changes noticed: {share:.1f} % (floor {floor:g})")
    return 0 if share >= floor else 1


if __name__ == "__main__":
    sys.exit(main())
