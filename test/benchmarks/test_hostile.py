"""The readers of foreign files, on the files of the benchmark: each is refused by an error that names it."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.hostile import arrays, pickle_doors, texts
from benchmarks.hostile.apart import MOST_MEMORY, Outcome
from benchmarks.hostile.case import Case
from metrichmsr_ros.errors import MetricHMRError

HEAVY = ("gigabyte", "unfolds", "150 cuts", "100 places", "200,000", "100 cuts")  # in the benchmark alone
CASES = [*pickle_doors.doors(), *texts.cases(), *arrays.cases()]


def is_light(case: Case) -> bool:
    return not case.name.startswith("YAML") and not any(word in case.name for word in HEAVY)


@pytest.mark.parametrize("case", [case for case in CASES if is_light(case)], ids=lambda case: case.name)
def test_hostile_files_are_refused_by_name(tmp_path: Path, case: Case) -> None:
    path = case.write(tmp_path)
    with pytest.raises(MetricHMRError) as error:
        case.read(path)
    assert (case.named or path.name) in str(error.value)


def test_names_of_cases_are_unique() -> None:
    assert len({case.name for case in CASES}) == len(CASES)


@pytest.mark.parametrize(
    ("outcome", "fault"),
    [
        (Outcome("refused", "a.npy is cut off", 0.1, 0), ""),
        (Outcome("refused", "it is cut off", 0.1, 0), "the error does not name a.npy"),
        (Outcome("read", "[1, 2]", 0.1, 0), "read instead of refused"),
        (Outcome("escaped", "KeyError: a.npy", 0.1, 0), "escaped instead of refused"),
        (Outcome("crashed", "exit code -11", 0.0, 0), "crashed instead of refused"),
        (Outcome("refused", "a.npy", 0.1, MOST_MEMORY + 1), "more than 256 MiB"),
        (Outcome("refused", "a.npy", 2.1, 0), "more than 2 s"),
    ],
)
def test_what_the_benchmark_counts_as_a_fault(outcome: Outcome, fault: str) -> None:
    assert outcome.fault(Case("a case", lambda folder: folder, str), "a.npy") == fault
