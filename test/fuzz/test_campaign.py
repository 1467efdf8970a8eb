"""The driver finds what a door does wrong: foreign exceptions, unnamed files, crashes, hangs and memory."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from benchmarks.fuzz import campaign as driver
from benchmarks.fuzz.campaign import Campaign
from benchmarks.fuzz.findings import Store
from benchmarks.fuzz.judge import judged
from benchmarks.fuzz.mutation import Mutator
from benchmarks.fuzz.target import Reading, Run, Target
from metrichmsr_ros.errors import MetricHMRError


def door(act: Callable[[bytes], None], named: str = "") -> Target:
    """A door that does this with every input."""

    def start(folder: Path) -> Run:
        def run(data: bytes) -> Reading:
            act(data)
            return Reading("read")

        return run

    return Target("a", "files", start, lambda: {"one": b"0123456789"}, named)


def refuse(data: bytes) -> None:
    raise MetricHMRError("a.pkl is damaged")


def escape(data: bytes) -> None:
    raise KeyError("a.pkl")


@pytest.mark.parametrize(
    ("act", "named", "kind"),
    [
        (len, "", "read"),
        (refuse, "a.pkl", "refused"),
        (refuse, "b.pkl", "unnamed"),
        (escape, "a.pkl", "foreign exception"),
    ],
)
def test_what_is_a_fault(tmp_path: Path, act: Callable[[bytes], None], named: str, kind: str) -> None:
    target = door(act, named)
    verdict = judged(target.start(tmp_path), b"", target.named)
    assert verdict.kind == kind
    assert verdict.is_fault == (kind not in ("read", "refused"))


def took_memory(data: bytes) -> None:
    bytearray(b"x") * 2**29


@pytest.mark.parametrize(
    ("act", "kind"),
    [
        (lambda data: os.abort(), "crash"),
        (lambda data: time.sleep(30), "hang"),
        (took_memory, "memory"),
        (escape, "foreign exception"),
    ],
)
def test_a_fault_is_saved_and_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, act: Callable[[bytes], None], kind: str
) -> None:
    if kind == "hang":
        monkeypatch.setattr(driver, "PATIENCE_S", 0.5)
    target, told = door(act), list[str]()
    campaign = Campaign([target], Store(tmp_path), seed=0, workers=1, tell=told.append)
    campaign.run(0.5)
    kinds = {verdict.kind for verdict, _ in campaign.totals["a"].faults.values()}
    assert kinds == {kind}
    saved = sorted((tmp_path / "a").glob("*.bin"))
    assert b"0123456789" in [path.read_bytes() for path in saved]  # the seed is the first input
    assert any(str(path) in line for path in saved for line in told)


def test_a_good_door_leaves_no_findings_but_a_corpus(tmp_path: Path) -> None:
    target = door(lambda data: None)
    campaign = Campaign([target], Store(tmp_path), seed=0, workers=2, tell=print)
    campaign.run(0.5)
    total = campaign.totals["a"]
    assert total.inputs > 100
    assert not total.faults
    assert not (tmp_path / "a").exists()
    assert len(Store(tmp_path).known(target)) == 2  # the seed, and the first input that was read


def test_mutations_are_those_of_their_seed() -> None:
    known = [b"0123456789" * 10, b"abc"]
    one, other = ([Mutator(seed).mutated(known) for _ in range(20)] for seed in (1, 1))
    assert one == other
    mutator = Mutator(2)
    made = {mutator.mutated(known) for _ in range(200)}
    assert len(made) > 150
