"""A replay replaces the results of an earlier one in its folder, and nothing else: no input, no file of the user."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from helpers.pixel_pipeline import PixelPipeline, make_pixel_pipeline
from helpers.recorded_bags import write_bag

from metrichmsr_ros.replay.batch.processes import plan, run_jobs
from metrichmsr_ros.replay.live import replay_live
from metrichmsr_ros.replay.options import ExitCode, ReplayError, ReplayOptions
from metrichmsr_ros.replay.replay import replay_bag


def contents(folder: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("out", ["x/in", "x/in/bag", "x", "x/in/bag/results", "link", "linked"])
@pytest.mark.parametrize("how", ["library", "command", "live"])
def test_results_over_or_in_the_bag_are_refused(tmp_path, out, how):
    bag = write_bag(tmp_path / "x/in/bag")
    (tmp_path / "link").symlink_to("x/in")
    (tmp_path / "linked").mkdir()
    (tmp_path / "linked/bag").symlink_to("../x/in/bag")
    before = contents(tmp_path)
    start = {"library": replay_bag, "command": plan, "live": replay_live}[how]
    with pytest.raises(ReplayError, match=r"name a folder beside the bag") as caught:
        start(bag, tmp_path / out, ReplayOptions(), PixelPipeline())
    assert caught.value.code is ExitCode.USAGE
    assert contents(tmp_path) == before


def test_results_over_a_folder_of_bags_are_refused(tmp_path):
    for name in "ab":
        write_bag(tmp_path / "bags" / name)
    with pytest.raises(ReplayError, match="name a folder beside the bag"):
        plan(tmp_path / "bags", tmp_path / "bags", ReplayOptions(), make_pixel_pipeline)


def test_results_below_a_folder_of_bags_are_not_replayed_the_next_time(tmp_path):
    for name in "ab":
        write_bag(tmp_path / name)
    for done in (False, True):
        jobs = plan(tmp_path, tmp_path / "out", ReplayOptions(), make_pixel_pipeline)
        assert [job.bag.name for job in jobs] == ["a", "b"]
        assert [outcome.skipped for outcome in run_jobs(jobs)] == [done, done]


@pytest.mark.parametrize("option", ["truth", "cameras"])
def test_other_inputs_in_the_results_are_refused(tmp_path, option):
    bag = write_bag(tmp_path / "bag")
    replay_bag(bag, tmp_path / "out", ReplayOptions(), PixelPipeline())
    given = {"truth": "out/estimates.npz", "cameras": "out/trajectories/p1.tum"}[option]
    with pytest.raises(ReplayError, match=rf"--{option} .*{given} lies in --out"):
        replay_bag(bag, tmp_path / "out", ReplayOptions(**{option: str(tmp_path / given)}), PixelPipeline())
    assert (tmp_path / given).exists()


@pytest.mark.parametrize("name", ["trajectories/gt.tum", "metrics.json", "estimates.npz", "bag/x.mcap", "job.sha256"])
def test_files_with_the_names_of_results_are_refused_where_no_replay_wrote(tmp_path, name):
    bag = write_bag(tmp_path / "bag")
    mine = tmp_path / "out" / name
    mine.parent.mkdir(parents=True)
    mine.write_text('{"accuracy": 1}')
    with pytest.raises(ReplayError, match=rf"{mine.name}, which is not from a replay") as caught:
        replay_bag(bag, tmp_path / "out", ReplayOptions(), PixelPipeline())
    assert caught.value.code is ExitCode.USAGE
    assert contents(tmp_path / "out") == {mine: b'{"accuracy": 1}'}


def test_a_trajectory_put_beside_those_of_a_replay_is_kept(tmp_path):
    bag = write_bag(tmp_path / "bag")
    replay_bag(bag, tmp_path / "out", ReplayOptions(), PixelPipeline())
    truth = tmp_path / "out/trajectories/gt.tum"
    truth.write_text("1 0 0 0 0 0 0 1\n")
    with pytest.raises(ReplayError, match=r"gt.tum, which is not from a replay"):
        replay_bag(bag, tmp_path / "out", ReplayOptions(), PixelPipeline())
    assert truth.read_text() == "1 0 0 0 0 0 0 1\n"


@pytest.mark.parametrize("lost", ["job.sha256", "metrics.json"])
def test_results_of_a_replay_are_replaced_also_if_it_was_killed(tmp_path, lost):
    bag = write_bag(tmp_path / "bag")
    replay_bag(bag, tmp_path / "out", ReplayOptions(), PixelPipeline())
    (tmp_path / "out" / lost).unlink()
    (tmp_path / "out/mine.txt").write_text("kept")
    done = replay_bag(bag, tmp_path / "out", ReplayOptions(limit=2), PixelPipeline())
    assert len((tmp_path / "out/frames.jsonl").read_text().splitlines()) == len(done.frames) == 2
    assert (tmp_path / "out/mine.txt").read_text() == "kept"


def test_a_replay_from_python_is_not_taken_for_the_job_that_was_done_before_it(tmp_path):
    bag = write_bag(tmp_path / "bag")
    jobs = plan(bag, tmp_path / "out", ReplayOptions(), make_pixel_pipeline)
    list(run_jobs(jobs))
    replay_bag(bag, tmp_path / "out", ReplayOptions(limit=2), PixelPipeline())
    (outcome,) = run_jobs(jobs)
    assert not outcome.skipped


def test_a_foreign_live_json_is_kept(tmp_path):
    bag = write_bag(tmp_path / "bag")
    (tmp_path / "out").mkdir()
    (tmp_path / "out/live.json").write_text(json.dumps({"channel": 5}))
    with pytest.raises(ReplayError, match=r"live.json, which is not from a replay"):
        replay_live(bag, tmp_path / "out", ReplayOptions(), PixelPipeline())
