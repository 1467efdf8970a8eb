"""A forward at fixed sizes equals the forward, for any number of rows, in any thread, with few recordings."""

from __future__ import annotations

import threading

import pytest
import torch

from metrichmsr_ros.acceleration.execution import SIZES, Execution, padded_size, parts_of
from metrichmsr_ros.acceleration.fixed_sizes import CallRecorder, FixedSizes, GraphRecorder, Recording, recorder_of

CPU = torch.device("cpu")


class StaticRecorder(CallRecorder):
    """Like a CUDA graph: the output of every replay is the same memory."""

    def record(self, forward, inputs):
        output = forward(inputs).clone()

        def replay():
            output.copy_(forward(inputs))
            return output

        return Recording(inputs, replay)


def double(rows):
    assert len(rows["a"]) in SIZES
    return torch.cat([2 * rows["a"], rows["b"].float()[:, None]], dim=1)


def rows_of(count, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return {"a": torch.rand(count, 3, generator=generator), "b": torch.rand(count, generator=generator) > 0.5}


@pytest.mark.parametrize("count", [1, 2, 3, 4, 5, 8, 13, 31, 32, 33, 70])
def test_any_number_of_rows_equals_the_forward(count):
    rows = rows_of(count)
    expected = torch.cat([2 * rows["a"], rows["b"].float()[:, None]], dim=1)
    torch.testing.assert_close(FixedSizes(double, StaticRecorder(CPU))(rows), expected, rtol=0, atol=0)


def test_an_answer_does_not_change_with_later_batches():
    fixed = FixedSizes(double, StaticRecorder(CPU))
    first = fixed(rows_of(3))
    before = first.clone()
    fixed(rows_of(4, seed=1))
    assert torch.equal(first, before)


def test_each_size_is_recorded_once_and_counted():
    fixed = FixedSizes(double, StaticRecorder(CPU))
    for count in (1, 3, 4, 4, 2, 40):
        fixed(rows_of(count))
    assert fixed.recorded == {1: 1, 4: 1, 2: 1, 32: 1, 8: 1}
    assert fixed.replayed == {1: 1, 4: 3, 2: 1, 32: 1, 8: 1}


def test_warmed_up_sizes_are_not_recorded_again():
    fixed = FixedSizes(double, StaticRecorder(CPU))
    fixed.warm_up(rows_of(1), (1, 2, 4, 8))
    assert fixed.replayed.total() == 0
    for count in range(1, 9):
        fixed(rows_of(count))
    assert fixed.recorded == {1: 1, 2: 1, 4: 1, 8: 1}


def test_rows_of_another_shape_or_type_get_a_recording_of_their_own():
    def forward(rows):
        return rows["a"].flatten(1).float()

    fixed = FixedSizes(forward, StaticRecorder(CPU))
    for value in (torch.rand(2, 3), torch.rand(2, 4), torch.rand(2, 3).double()):
        torch.testing.assert_close(fixed({"a": value}), value.float())
    assert fixed.recorded == {2: 3}


def test_threads_do_not_mix_their_rows():
    fixed, found = FixedSizes(double, StaticRecorder(CPU)), {}

    def ask(seed):
        found[seed] = [fixed(rows_of(3, seed)) for _ in range(20)]

    threads = [threading.Thread(target=ask, args=(seed,)) for seed in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for seed, answers in found.items():
        expected = FixedSizes(double, CallRecorder(CPU))(rows_of(3, seed))
        assert all(torch.equal(answer, expected) for answer in answers)
    assert fixed.recorded == {4: 1}


def test_forwards_of_one_recorder_take_turns():
    """Graphs of one recorder share memory: another one must not be replayed before an output was read."""
    recorder, held = StaticRecorder(CPU), []
    first, second = (FixedSizes(lambda rows: held.append(recorder.lock.locked()) or rows["a"], recorder) for _ in "ab")
    rows = {"a": rows_of(2)["a"]}
    assert torch.equal(first(rows), second(rows))
    first.warm_up(rows, (4,))
    assert len(held) == 5  # two recordings and replays, one recording
    assert all(held)
    assert not recorder.lock.locked()


def test_sizes_grow_by_two_and_parts_cover_all_rows():
    assert [padded_size(count) for count in (1, 2, 3, 5, 9, 17, 32)] == [1, 2, 4, 8, 16, 32, 32]
    assert [(part.start, part.stop) for part in parts_of(70)] == [(0, 32), (32, 64), (64, 70)]
    for count in (0, 33):
        with pytest.raises(ValueError, match=f"{count} rows"):
            padded_size(count)


def test_nothing_special_is_the_default():
    assert Execution().is_plain
    assert not Execution("bf16").is_plain
    assert not Execution(compile=True).is_plain


def test_a_cpu_has_no_graphs():
    assert isinstance(recorder_of(CPU), CallRecorder)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device, which records graphs")
def test_cuda_graphs_equal_the_forward():
    device = torch.device("cuda")
    recorder = recorder_of(device)
    assert isinstance(recorder, GraphRecorder)
    layer = torch.nn.Linear(3, 5).to(device).eval()
    fixed = FixedSizes(lambda rows: layer(rows["a"]), recorder)
    for count in (1, 3, 4, 33, 2, 3):
        rows = {"a": torch.rand(count, 3)}
        torch.testing.assert_close(fixed(rows), layer(rows["a"].to(device)).detach().cpu(), rtol=1e-4, atol=1e-5)
    assert fixed.recorded == {1: 1, 4: 1, 32: 1, 2: 1}
