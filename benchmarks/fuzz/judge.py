"""What one input did: read, refused as it should be, or a fault."""

from __future__ import annotations

import re
import time
import traceback
from dataclasses import dataclass, replace
from typing import Literal

from benchmarks.fuzz.target import Run
from metrichmsr_ros.errors import MetricHMRError, cause

Kind = Literal["read", "refused", "foreign exception", "unnamed", "crash", "hang", "slow", "memory"]
FAULTS: frozenset[Kind] = frozenset({"foreign exception", "unnamed", "crash", "hang", "slow", "memory"})

MOST_CPU_S = 5.0
MOST_MEMORY = 256 * 2**20  # bytes above the start
_PACKAGE = "metrichmsr_ros"
_SHOWN = 400  # characters of an error


@dataclass(frozen=True)
class Verdict:
    """What one input did.

    Attributes:
        kind: how it ended.
        text: of the error, or what was read.
        place: file and line of this package that a foreign exception went through last.
        count, refused: as of `Reading`.
        seconds: CPU time.
    """

    kind: Kind
    text: str
    count: int = 1
    refused: int = 0
    seconds: float = 0.0
    place: str = ""

    @property
    def is_fault(self) -> bool:
        """Whether the package has to be mended."""
        return self.kind in FAULTS

    @property
    def shape(self) -> str:
        """Kind and text without the parts that differ by chance: names, numbers and quoted texts."""
        plain = re.sub(r"'[^']*'|\"[^\"]*\"|/\S+", "_", self.text)
        return f"{self.kind} {self.place}: {re.sub(r'[-+.e0-9]+', '#', plain)[:120]}"


def judged(run: Run, data: bytes, named: str) -> Verdict:
    """Run one input.

    Args:
        run: of the target.
        data: the input.
        named: text that an error must contain.
    """
    started = time.process_time()
    try:
        reading = run(data)
        verdict = Verdict("read", reading.text, reading.count, reading.refused)
    except MetricHMRError as error:
        text = str(error)
        verdict = Verdict("refused" if text and named in text else "unnamed", f"{type(error).__name__}: {text}", 1, 1)
    except Exception as error:
        verdict = Verdict("foreign exception", cause(error), place=_place(error))
    seconds = time.process_time() - started
    kind: Kind = "slow" if seconds > MOST_CPU_S and not verdict.is_fault else verdict.kind
    return replace(verdict, kind=kind, text=verdict.text[:_SHOWN], seconds=seconds)


def _place(error: BaseException) -> str:
    """The innermost line of this package that an error went through."""
    frames = traceback.extract_tb(error.__traceback__)
    ours = [frame for frame in frames if f"/{_PACKAGE}/" in frame.filename] or frames[-1:]
    return f"{ours[-1].filename.rpartition(f'/{_PACKAGE}/')[2]}:{ours[-1].lineno}"
