"""Run a command to its end, through any number of kills."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks.processes import kill_session, run_to_end

_MOST_IN_A_RUN = 10  # kills, then the command may end
Content = Mapping[str, bytes]  # of a result, by the name of its part


@dataclass(frozen=True)
class Command:
    """What is killed.

    Attributes:
        name: for the table.
        line: the command line, given the folder of its results.
        content: what must be equal in the end, given that folder.
    """

    name: str
    line: Callable[[Path], Sequence[str]]
    content: Callable[[Path], Content]


@dataclass(frozen=True)
class Survived:
    """The outcome of all runs of one command.

    Attributes:
        kills: of a process group, with SIGKILL. runs: until the command ended by itself.
        equal: runs whose result is that of the undisturbed run.
        parts: of the result, which were compared.
        differences: parts that differ, are missing or too many.
    """

    name: str
    kills: int
    runs: int
    equal: int
    parts: int
    differences: tuple[str, ...]

    def row(self) -> str:
        """A line of the table."""
        same = "yes" if self.equal == self.runs else "no: " + ", ".join(self.differences[:3])
        return f"| {self.name} | {self.kills} | {self.runs} | {self.parts} | {same} |"


def survive(command: Command, scratch: Path, moments: int, rng: np.random.Generator) -> Survived:
    """Kill a command at `moments` random moments in all, and compare what it ends with."""
    lasts_s = run_to_end(command.line(scratch / "undisturbed"))
    expected = command.content(scratch / "undisturbed")
    kills = runs = equal = 0
    differences: dict[str, None] = {}
    while kills < moments:
        out = scratch / f"run_{runs}"
        kills += _killed(command.line(out), lasts_s, min(_MOST_IN_A_RUN, moments - kills), rng)
        found = command.content(out)
        other = [name for name in sorted({*expected, *found}) if expected.get(name) != found.get(name)]
        differences |= dict.fromkeys(other)
        runs, equal = runs + 1, equal + (not other)
    return Survived(command.name, kills, runs, equal, len(expected), tuple(differences))


def _killed(line: Sequence[str], lasts_s: float, most: int, rng: np.random.Generator) -> int:
    """Start a command again until it ends by itself; how often it was killed.

    Raises:
        subprocess.CalledProcessError: it ended with an error.
    """
    for kills in range(most):
        with subprocess.Popen(line, stdout=subprocess.DEVNULL, start_new_session=True) as process:
            try:
                code = process.wait(rng.uniform(0, lasts_s))
            except subprocess.TimeoutExpired:
                kill_session(process.pid)
                continue
        if code:
            raise subprocess.CalledProcessError(code, line)
        return kills
    run_to_end(line)
    return most
