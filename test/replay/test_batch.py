"""Many bags: a bad bag does not affect the others, finished bags are skipped, worker processes change nothing."""

from __future__ import annotations

import io

import pytest
from helpers.pixel_pipeline import DEADLY, PixelPipeline, make_dying_pipeline, make_no_pipeline, make_pixel_pipeline
from helpers.recorded_bags import Recipe, write_bag
from helpers.repository import environment
from rich.console import Console

from metrichmsr_ros.cli.replay import compare_command, replay_command
from metrichmsr_ros.replay.batch.processes import overall, plan, run_jobs
from metrichmsr_ros.replay.batch.ray import run_jobs_on_ray
from metrichmsr_ros.replay.options import ExitCode, ReplayError, ReplayOptions
from metrichmsr_ros.replay.replay import replay_bag
from metrichmsr_ros.ros.bags.locate import find_bags


def test_a_folder_of_bags_goes_on_after_a_bad_one_and_skips_what_is_done(tmp_path):
    archive = tmp_path / "archive"
    write_bag(archive / "monday" / "a")
    write_bag(archive / "b")
    (archive / "c").mkdir()
    (archive / "c" / "broken.mcap").write_bytes(b"nothing of the kind")
    assert len(find_bags(archive)) == 3
    jobs = plan(archive, tmp_path / "out", ReplayOptions(), make_pixel_pipeline)
    outcomes = {o.bag.name: o for o in run_jobs(jobs)}
    assert {name: o.code for name, o in outcomes.items()} == {
        "a": ExitCode.OK, "b": ExitCode.OK, "broken.mcap": ExitCode.UNREADABLE,
    }  # fmt: skip
    assert overall(list(outcomes.values())) is ExitCode.SOME_FAILED
    assert (tmp_path / "out/monday/a/metrics.json").is_file()
    again = {o.bag.name: o.skipped for o in run_jobs(jobs)}
    assert again == {"a": True, "b": True, "broken.mcap": False}
    fresh = {o.bag.name: o.skipped for o in run_jobs(jobs, fresh=True)}
    assert fresh == {"a": False, "b": False, "broken.mcap": False}


def test_each_bag_has_its_own_pipeline(tmp_path):
    for name in ("a", "b"):
        write_bag(tmp_path / "archive" / name)
    made = []

    def make(options):
        made.append(PixelPipeline())
        return made[-1]

    outcomes = list(run_jobs(plan(tmp_path / "archive", tmp_path / "out", ReplayOptions(), make)))
    assert len(made) == 2
    assert outcomes[0].text == outcomes[1].text  # the same images, so the same digest


def test_workers_give_the_same_digests_and_a_killed_one_loses_only_its_bag(tmp_path):
    archive = tmp_path / "archive"
    write_bag(archive / "a")
    write_bag(archive / "deadly", Recipe(depths=(3.0, DEADLY)))
    here = replay_bag(archive / "a", tmp_path / "here", ReplayOptions(), PixelPipeline())
    jobs = plan(archive, tmp_path / "out", ReplayOptions(), make_dying_pipeline)
    outcomes = {o.bag.name: o for o in run_jobs(jobs, workers=2)}
    assert {name: o.code for name, o in outcomes.items()} == {"a": ExitCode.OK, "deadly": ExitCode.CRASHED}
    assert here.digest[:16] in outcomes["a"].text
    assert "killed or crashed" in outcomes["deadly"].text


def test_errors_of_the_model_and_bugs_are_reported_for_each_bag(tmp_path, monkeypatch):
    bag = write_bag(tmp_path / "bag")
    (outcome,) = run_jobs(plan(bag, tmp_path / "out", ReplayOptions(), make_no_pipeline))
    assert outcome.code is ExitCode.USAGE
    assert "cannot load the model: pose_detection.tflite is not fetched" in outcome.text

    def buggy(*arguments):
        raise TypeError("a bug")

    monkeypatch.setattr("metrichmsr_ros.replay.replay.world_errors", buggy)
    (outcome,) = run_jobs(plan(bag, tmp_path / "out", ReplayOptions(), make_pixel_pipeline))
    assert outcome.code is ExitCode.CRASHED
    assert "TypeError in test_batch.py, line" in outcome.text


def test_ray_tasks_give_what_processes_give(tmp_path, monkeypatch):
    pytest.importorskip("ray")
    monkeypatch.setenv("PYTHONPATH", environment()["PYTHONPATH"])  # so that the workers can import this pipeline
    archive = tmp_path / "archive"
    write_bag(archive / "a")
    write_bag(archive / "deadly", Recipe(depths=(3.0, DEADLY)))
    (archive / "broken.mcap").write_bytes(b"nothing of the kind")
    here = replay_bag(archive / "a", tmp_path / "here", ReplayOptions(), PixelPipeline())
    jobs = plan(archive, tmp_path / "out", ReplayOptions(), make_dying_pipeline)
    outcomes = {o.bag.name: o for o in run_jobs_on_ray(jobs, "local")}
    codes = {"a": ExitCode.OK, "broken.mcap": ExitCode.UNREADABLE, "deadly": ExitCode.CRASHED}
    assert {name: o.code for name, o in outcomes.items()} == codes, outcomes
    assert here.digest[:16] in outcomes["a"].text
    assert "died" in outcomes["deadly"].text
    assert [o.bag.name for o in run_jobs_on_ray(jobs[:1], "local") if o.skipped] == ["a"]


def test_a_missing_bag_is_an_error(tmp_path):
    with pytest.raises(ReplayError, match="there is no bag at") as caught:
        plan(tmp_path / "nowhere", tmp_path / "out", ReplayOptions())
    assert caught.value.code is ExitCode.USAGE
    with pytest.raises(ReplayError, match="holds no rosbag2"):
        plan(tmp_path, tmp_path / "out", ReplayOptions())


def test_the_command_prints_what_happened_and_returns_its_code(tmp_path):
    write_bag(tmp_path / "bags" / "a")
    (tmp_path / "bags" / "b.mcap").write_bytes(b"")
    paper = Console(file=io.StringIO(), width=100)
    code = replay_command(tmp_path / "bags", tmp_path / "out", ReplayOptions(), console=paper, make=make_pixel_pipeline)
    printed = paper.file.getvalue()
    assert code is ExitCode.SOME_FAILED
    assert "done" in printed
    assert str(tmp_path / "out/a/report.html") in printed
    assert "failed (3)" in printed
    args = tmp_path / "bags" / "a", tmp_path / "one", ReplayOptions()
    assert replay_command(*args, console=paper, make=make_pixel_pipeline) is ExitCode.OK
    nowhere = tmp_path / "nowhere", tmp_path / "one", ReplayOptions()
    assert replay_command(*nowhere, console=paper, make=make_pixel_pipeline) is ExitCode.USAGE
    assert compare_command(tmp_path / "one", tmp_path / "out/a", tmp_path / "c.md", paper) is ExitCode.OK
    assert "identical to the last bit" in (tmp_path / "c.md").read_text()
    assert compare_command(tmp_path / "one", tmp_path / "nowhere", console=paper) is ExitCode.USAGE
