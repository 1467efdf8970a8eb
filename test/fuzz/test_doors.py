"""Every door takes its hostile and whole inputs, and some random ones, without a fault; the same ones in every run."""

from __future__ import annotations

from itertools import islice
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.fuzz.doors import TARGETS
from benchmarks.fuzz.judge import Verdict, judged
from benchmarks.fuzz.target import Target
from benchmarks.fuzz.targets.camera_messages import CAMERA
from benchmarks.fuzz.targets.parameters import SETS
from benchmarks.fuzz.targets.people_messages import PEOPLE
from benchmarks.fuzz.worker import Job, inputs

pytestmark = pytest.mark.filterwarnings("ignore")  # of libraries, about numbers that overflow
_SEED = 7
_RANDOM = 100  # inputs of each door, beside those known
_SLOW = {"weights": 40, "npy": 40}  # doors of which each input takes long
_SOON = settings(max_examples=60, deadline=None, derandomize=True, database=None)


def is_heavy(data: bytes) -> bool:
    """Whether an input takes seconds; `make fuzz` runs it."""
    return len(data) > 2**17


@pytest.mark.parametrize("target", TARGETS, ids=lambda target: target.name)
def test_known_and_random_inputs_are_read_or_refused_by_name(tmp_path: Path, target: Target) -> None:
    known = tuple(data for data in target.seeds().values() if not is_heavy(data))
    wanted = islice(inputs(Job(target, known, _SEED, 0.0, is_first=True)), len(known) + _SLOW.get(target.name, _RANDOM))
    run = target.start(tmp_path)
    faults = [(verdict, data[:60]) for data in wanted if (verdict := judged(run, data, target.named)).is_fault]
    assert not [fault for fault in faults if fault[0].kind != "slow"]  # the machine may have other work


@pytest.mark.parametrize("target", [CAMERA, PEOPLE, SETS], ids=lambda target: target.name)
def test_choices_of_hypothesis_are_taken_or_refused(tmp_path: Path, target: Target) -> None:
    run = target.start(tmp_path)

    @_SOON
    @given(st.binary(max_size=400))
    def check(data: bytes) -> None:
        verdict: Verdict = judged(run, data, target.named)
        assert not verdict.is_fault or verdict.kind == "slow", verdict

    check()


def test_names_of_doors_are_unique() -> None:
    assert len({target.name for target in TARGETS}) == len(TARGETS)
