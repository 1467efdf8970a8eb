"""A full disk loses no earlier results, and files of other origin are not deleted."""

from __future__ import annotations

import errno
from types import SimpleNamespace

import pytest
from helpers.pixel_pipeline import PixelPipeline, make_pixel_pipeline
from helpers.recorded_bags import Recipe, write_bag

from metrichmsr_ros.replay.batch.processes import plan, run_jobs
from metrichmsr_ros.replay.options import ExitCode, ReplayError, ReplayOptions
from metrichmsr_ros.replay.records import load_records, sequence_digest
from metrichmsr_ros.replay.replay import replay_bag
from metrichmsr_ros.replay.result import read_metrics
from metrichmsr_ros.ros.bags import output_bag
from metrichmsr_ros.ros.bags.reader import Bag


def test_a_full_disk_ends_with_an_error_and_the_results_so_far(tmp_path, monkeypatch):
    bag = write_bag(tmp_path / "bag", Recipe(truth=True))
    whole = replay_bag(bag, tmp_path / "whole", ReplayOptions(), PixelPipeline())
    write, calls = output_bag.OutputBag.write, []

    def full(self, *arguments):
        calls.append(1)
        if len(calls) > 3:
            raise OSError(errno.ENOSPC, "No space left on device")
        return write(self, *arguments)

    with monkeypatch.context() as patched:
        patched.setattr(output_bag.OutputBag, "write", full)
        (stopped,) = run_jobs(plan(bag, tmp_path / "out", ReplayOptions(), make_pixel_pipeline))
    assert stopped.code is ExitCode.OUTPUT
    assert "No space left on device. Stopped after 4 frames; free disk space" in stopped.text
    assert [f.digest for f in load_records(tmp_path / "out/estimates.npz")] == [f.digest for f in whole.frames[:4]]
    assert read_metrics(tmp_path / "out")["result"]["metrics"]["found"] == 4
    assert "No space left" in (tmp_path / "out/report.html").read_text()
    with Bag(tmp_path / "out/bag") as result:
        assert result.count("/perception/humans") == 3
    assert not list((tmp_path / "out").glob("*.part")) + list((tmp_path / "out").glob(".reserve"))
    (again,) = run_jobs(plan(bag, tmp_path / "out", ReplayOptions(), make_pixel_pipeline))
    assert (again.code, again.skipped) == (ExitCode.OK, False)  # an interrupted job does not count as finished
    assert whole.digest[:16] in again.text


def free_bytes(monkeypatch, values):
    left = iter(values)
    monkeypatch.setattr("shutil.disk_usage", lambda path: SimpleNamespace(free=next(left)))


def test_a_disk_that_runs_full_ends_the_replay_before_a_write_fails(tmp_path, monkeypatch):
    free_bytes(monkeypatch, [100 << 20, 10 << 20, 9 << 20, 1 << 20])
    done = replay_bag(write_bag(tmp_path / "bag"), tmp_path / "out", ReplayOptions(), PixelPipeline())
    assert done.code is ExitCode.OUTPUT
    assert "its disk is nearly full. Stopped after 2 frames" in done.stop_reason
    assert len(load_records(tmp_path / "out/estimates.npz")) == 2


def test_too_little_space_is_an_error_before_old_results_are_deleted(tmp_path, monkeypatch):
    bag = write_bag(tmp_path / "bag")
    done = replay_bag(bag, tmp_path / "out", ReplayOptions(), PixelPipeline())
    free_bytes(monkeypatch, [5 << 20])
    with pytest.raises(ReplayError, match="has 5 MB free") as caught:
        replay_bag(bag, tmp_path / "out", ReplayOptions(), PixelPipeline())
    assert caught.value.code is ExitCode.OUTPUT
    assert sequence_digest(load_records(tmp_path / "out/estimates.npz")) == done.digest


def test_results_that_do_not_fit_are_an_error_and_leave_no_half_files(tmp_path, monkeypatch):
    def full(path, frames):
        path.write_bytes(b"half of")
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("metrichmsr_ros.replay.result.save_records", full)
    with pytest.raises(
        ReplayError, match=r"No space left on device. 6 frames were processed; the frames written so far"
    ) as caught:
        replay_bag(write_bag(tmp_path / "bag"), tmp_path / "out", ReplayOptions(), PixelPipeline())
    assert caught.value.code is ExitCode.OUTPUT
    assert len((tmp_path / "out/frames.jsonl").read_text().splitlines()) == 6
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["bag", "frames.jsonl", "job.sha256"]


def test_foreign_files_are_not_deleted(tmp_path):
    (tmp_path / "out/bag").mkdir(parents=True)
    (tmp_path / "out/bag/thesis.tex").write_text("years of work")
    with pytest.raises(ReplayError, match=r"thesis.tex, which is not from a replay"):
        replay_bag(write_bag(tmp_path / "bag"), tmp_path / "out", ReplayOptions(), PixelPipeline())
    assert (tmp_path / "out/bag/thesis.tex").exists()
