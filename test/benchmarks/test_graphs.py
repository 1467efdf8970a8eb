"""The comparison of graphs with torch sees every output of every graph, and a difference of either side."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest
from helpers.fetched_networks import skip_without_blazepose, skip_without_fastdepth

from benchmarks.graphs.__main__ import compare, problems
from benchmarks.graphs.compared import QUANTITIES, Differences
from benchmarks.graphs.pictures import real_pictures, rendered_pictures

skip_without_blazepose()
skip_without_fastdepth()


@dataclass(frozen=True)
class Answer:
    transl: np.ndarray
    betas: np.ndarray


def test_the_difference_of_a_crop_is_that_of_its_worst_number():
    notes = Differences()
    zeros = np.zeros((2, 3), np.float32)
    notes.add_fields(Answer(np.array([[0, -3, 1], [0, 0, 0.5]]), zeros), Answer(zeros, zeros))
    notes.add("transl", np.array([[np.nan, 0, 0]]), zeros[:1])
    assert notes.of("transl").tolist() == [3, 0.5, np.inf]
    assert notes.of("betas").tolist() == [0, 0]
    assert not len(notes.of("height"))


@pytest.mark.parametrize(("gap", "wrong"), [(1e-4, ""), (1.1e-4, "differs"), (np.nan, "differs by inf")])
def test_a_quantity_is_wrong_beyond_the_bound(gap, wrong):
    notes = Differences()
    for name in QUANTITIES:
        notes.add(name, np.zeros((2, 1)), np.array([[0], [gap if name == "joints" else 0]]))
    found = problems(notes, 2, "real")
    assert len(found) == bool(wrong)
    assert all(line.startswith("real: body: joints, m:") and wrong in line for line in found)


def test_nothing_compared_is_no_success():
    lines = problems(Differences(), 10, "real")
    assert lines[0] == "real: only 0 people were found, 10 are needed"
    assert len(lines) == 1 + len(QUANTITIES)


def test_every_graph_is_compared_on_real_and_rendered_people():
    notes = compare([next(real_pictures(None)), next(rendered_pictures())])
    people = len(notes.of("height"))
    assert people >= 1
    assert problems(notes, people, "both") == []
    assert len(notes.of("vertices")) == people
    assert len(notes.of("transl")) >= 2 * people  # straight and mirrored
    assert people <= len(notes.of("pixels: transl")) <= 2 * people  # mirrored where BlazePose finds them there, too


def test_a_network_that_differs_is_found(monkeypatch):
    from benchmarks.graphs import compared

    right = compared.load_torch_engine

    def other(weights):
        engine = right(weights)
        for value in engine.model.parameters():
            value.data *= 1.001
        return engine

    monkeypatch.setattr(compared, "load_torch_engine", other)
    found = problems(compare([next(real_pictures(None))]), 1, "real")
    assert any("position, m" in line for line in found)
    assert not any("body" in line for line in found)
