"""Replay of small recordings: formats, determinism, nothing lost, and clear errors."""

from __future__ import annotations

import errno
import io
import json

import numpy as np
import pytest
from evaluation_bags import FIRST_NS, STEP_NS, PixelPipeline, Recipe, make_pixel_pipeline, skeleton, write_bag
from rich.console import Console
from rosbags.rosbag2 import StoragePlugin
from rosbags.rosbag2.enums import CompressionMode

from metrichmsr_ros.evaluation import output_bag
from metrichmsr_ros.evaluation.bags import Bag, camera_info_topic, find_bags
from metrichmsr_ros.evaluation.command import compare_command, replay_command
from metrichmsr_ros.evaluation.fleet import overall, plan, run_jobs
from metrichmsr_ros.evaluation.options import ReplayOptions
from metrichmsr_ros.evaluation.outcome import ExitCode, ReplayError
from metrichmsr_ros.evaluation.records import FrameRecord, load_records, person_from_message, sequence_digest
from metrichmsr_ros.evaluation.replay import replay_bag
from metrichmsr_ros.evaluation.results import read_metrics
from metrichmsr_ros.evaluation.trajectories import read_tum

FORMATS = {
    "mcap": Recipe(),
    "mcap, chunks in zstd": Recipe(zstd=CompressionMode.STORAGE),
    "mcap, messages in zstd": Recipe(zstd=CompressionMode.MESSAGE),
    "mcap, file in zstd": Recipe(zstd=CompressionMode.FILE),
    "sqlite3": Recipe(storage=StoragePlugin.SQLITE3),
    "sqlite3, file in zstd": Recipe(storage=StoragePlugin.SQLITE3, zstd=CompressionMode.FILE),
    "compressed images": Recipe(compressed=True),
    "a type nobody knows": Recipe(strange=True),
}


@pytest.mark.parametrize("recipe", FORMATS.values(), ids=FORMATS.keys())
def test_every_format_gives_the_same_numbers(tmp_path, recipe):
    bag = write_bag(tmp_path / "bag", recipe)
    done = replay_bag(bag, tmp_path / "out", ReplayOptions(), PixelPipeline())
    assert [round(float(f.people[0].root[2]), 3) for f in done.frames] == list(recipe.depths)
    assert [f.stamp_ns for f in done.frames] == [FIRST_NS + i * STEP_NS for i in range(6)]
    assert done.dropped == {}
    assert done.code is ExitCode.OK


def test_two_runs_are_identical(tmp_path):
    bag = write_bag(tmp_path / "bag", Recipe(truth=True))
    first = replay_bag(bag, tmp_path / "a", ReplayOptions(), PixelPipeline())
    second = replay_bag(bag, tmp_path / "b", ReplayOptions(), PixelPipeline())
    other = replay_bag(bag, tmp_path / "c", ReplayOptions(), PixelPipeline(bias=1e-6))
    assert first.digest == second.digest != other.digest
    results = [read_metrics(tmp_path / name)["result"] for name in "ab"]
    assert results[0] == results[1]
    assert (tmp_path / "a/frames.jsonl").read_bytes() == (tmp_path / "b/frames.jsonl").read_bytes()


def test_the_camera_of_the_bag_is_used_from_the_first_frame_on(tmp_path):
    pipeline = PixelPipeline()
    replay_bag(write_bag(tmp_path / "bag"), tmp_path / "out", ReplayOptions(), pipeline)
    assert len(pipeline.cameras) == 6
    assert all(camera.intrinsics[0, 0] == 60.0 for camera in pipeline.cameras)
    assert len({id(camera) for camera in pipeline.cameras}) == 1  # so that rectification maps are built once


def test_truth_of_the_bag_is_measured_against(tmp_path):
    bag = write_bag(tmp_path / "bag", Recipe(truth=True))
    done = replay_bag(bag, tmp_path / "out", ReplayOptions(), PixelPipeline(bias=0.25))
    assert done.report is not None
    assert (done.report.frames, done.report.found, done.report.visible) == (6, 6, 6)
    assert done.report.root_mean_m == pytest.approx(0.25, abs=1e-6)
    assert done.report.height_error_mm == pytest.approx(50, abs=0.1)
    metrics = read_metrics(tmp_path / "out")["result"]["metrics"]
    assert metrics["root_mean_m"] == pytest.approx(0.25, abs=1e-6)
    assert metrics["tracking"]["switches"] == 0


def test_truth_from_a_file_equals_truth_from_the_topic(tmp_path):
    bag = write_bag(tmp_path / "bag", Recipe(truth=True))
    exact = replay_bag(bag, tmp_path / "exact", ReplayOptions(), PixelPipeline())
    options = ReplayOptions(truth=str(tmp_path / "exact" / "estimates.npz"))
    done = replay_bag(bag, tmp_path / "out", options, PixelPipeline(bias=0.5))
    assert done.report is not None
    assert done.report.root_mean_m == pytest.approx(0.5, abs=1e-6)
    with pytest.raises(ReplayError, match="neither a topic of"):
        replay_bag(bag, tmp_path / "none", ReplayOptions(truth="/no/such"), exact)
    with pytest.raises(ReplayError, match="needs metrichmsr_ros/msg/HumanMeshArray"):
        replay_bag(bag, tmp_path / "none", ReplayOptions(truth="/cam/camera_info"), exact)


def test_the_output_bag_holds_what_the_node_would_have_published(tmp_path):
    bag = write_bag(tmp_path / "bag")
    options = ReplayOptions(overlay=True, vertices=True)
    done = replay_bag(bag, tmp_path / "out", options, PixelPipeline())
    with Bag(tmp_path / "out" / "bag") as result:
        topics = {t.name: t.count for t in result.topics}
        humans = [r.message for r in result.messages("/perception/humans")]
        transforms = [r.message for r in result.messages("/tf")]
    assert topics == {
        "/perception/humans": 6, "/perception/topology": 1, "/tf": 6, "/perception/overlay/compressed": 6,
    }  # fmt: skip
    again = [FrameRecord(f.stamp_ns, tuple(map(person_from_message, m.humans))) for f, m in zip(done.frames, humans)]  # noqa: B905
    assert sequence_digest(again) == done.digest
    assert len(humans[0].humans[0].vertices) == 9
    assert transforms[0].transforms[0].child_frame_id == "body_p1"
    assert transforms[0].transforms[0].header.frame_id == "camera_optical"
    hips = skeleton(3.0)[[1, 2]].mean(axis=0)
    assert transforms[0].transforms[0].transform.translation.z == pytest.approx(float(hips[2]), abs=1e-6)


def test_files_can_be_read_again(tmp_path):
    done = replay_bag(write_bag(tmp_path / "bag"), tmp_path / "out", ReplayOptions(), PixelPipeline())
    assert sequence_digest(load_records(tmp_path / "out/estimates.npz")) == done.digest
    path = read_tum(tmp_path / "out/trajectories/p1.tum")
    np.testing.assert_array_equal(path.stamp_ns, [f.stamp_ns for f in done.frames])
    np.testing.assert_allclose(np.linalg.norm(path.quaternions, axis=1), 1.0)
    lines = [json.loads(line) for line in (tmp_path / "out/frames.jsonl").read_text().splitlines()]
    assert [line["people"][0]["position"][2] for line in lines] == [3.0, 3.5, 4.0, 4.5, 5.0, 5.5]


def test_frames_without_people_are_frames_too(tmp_path):
    bag = write_bag(tmp_path / "bag", Recipe(depths=(0.0, 0.0, 3.0)))
    done = replay_bag(bag, tmp_path / "out", ReplayOptions(), PixelPipeline())
    assert [len(f.people) for f in done.frames] == [0, 0, 1]
    assert len(load_records(tmp_path / "out/estimates.npz")) == 3


def test_progress_and_limit(tmp_path):
    seen = []
    options = ReplayOptions(limit=4)
    done = replay_bag(
        write_bag(tmp_path / "bag"), tmp_path / "out", options, PixelPipeline(), lambda *a: seen.append(a)
    )
    assert seen == [(1, 4), (2, 4), (3, 4), (4, 4)]
    assert (len(done.frames), done.images) == (4, 6)


def test_a_bag_without_camera_info_says_what_to_do(tmp_path):
    bag = write_bag(tmp_path / "bag", Recipe(camera_info=False))
    with pytest.raises(ReplayError, match=r"/cam/camera_info has no messages.*--camera-info or give --fov") as caught:
        replay_bag(bag, tmp_path / "out", ReplayOptions(), PixelPipeline())
    assert caught.value.code is ExitCode.UNREADABLE
    pipeline = PixelPipeline()
    replay_bag(bag, tmp_path / "out", ReplayOptions(fov=90.0), pipeline)
    assert pipeline.cameras[0].intrinsics[0, 0] == pytest.approx(32.0)
    pipeline = PixelPipeline()
    replay_bag(bag, tmp_path / "out", ReplayOptions(intrinsics=(50.0, 51.0, 31.0, 23.0)), pipeline)
    assert pipeline.cameras[0].intrinsics[1, 1] == 51.0


def test_topics_of_the_wrong_type_or_name(tmp_path):
    bag = write_bag(tmp_path / "bag", Recipe(strange=True))
    for topic, words in (("/odd", "type strange_msgs/msg/Nobody, which is no image"), ("/nix", "no messages on /nix")):
        with pytest.raises(ReplayError, match=words) as caught:
            replay_bag(bag, tmp_path / "out", ReplayOptions(image=topic), PixelPipeline())
        assert caught.value.code is ExitCode.USAGE
    assert camera_info_topic("/cam/image_raw/compressed") == "/cam/camera_info"
    with pytest.raises(ReplayError, match="choose auto, true or false"):
        replay_bag(bag, tmp_path / "out", ReplayOptions(image_rectified="maybe"), PixelPipeline())


def test_images_of_another_camera_are_counted_not_lost(tmp_path):
    bag = write_bag(tmp_path / "bag", Recipe(frame="other_camera"))
    with pytest.raises(ReplayError, match=r"none of 6 images.*6 x camera_info of another frame") as caught:
        replay_bag(bag, tmp_path / "out", ReplayOptions(), PixelPipeline())
    assert caught.value.code is ExitCode.UNREADABLE


@pytest.mark.parametrize("storage", [StoragePlugin.MCAP, StoragePlugin.SQLITE3])
def test_a_bag_cut_off_at_once_is_an_error_with_words(tmp_path, storage):
    bag = write_bag(tmp_path / "bag", Recipe(storage=storage))
    data = next(p for p in bag.iterdir() if p.suffix in (".mcap", ".db3"))
    data.write_bytes(data.read_bytes()[:100])
    with pytest.raises(ReplayError, match=r"cut off|damaged") as caught:
        replay_bag(bag, tmp_path / "out", ReplayOptions(), PixelPipeline())
    assert caught.value.code in (ExitCode.UNREADABLE, ExitCode.PARTIAL)


@pytest.mark.parametrize("zstd", [None, CompressionMode.STORAGE])
@pytest.mark.parametrize("whole_folder", [True, False])
def test_an_mcap_without_its_end_is_read_up_to_there(tmp_path, zstd, whole_folder):
    bag = write_bag(tmp_path / "bag", Recipe(depths=tuple(3.0 + 0.05 * (i % 50) for i in range(200)), zstd=zstd))
    whole = replay_bag(bag, tmp_path / "whole", ReplayOptions(), PixelPipeline())
    (data,) = bag.glob("*.mcap")
    content = data.read_bytes()
    index = content.rindex(b"/cam/camera_info")  # in the summary, behind all messages
    data.write_bytes(content[: int(index * (0.8 if zstd is None else 1.0))])
    done = replay_bag(bag if whole_folder else data, tmp_path / "out", ReplayOptions(), PixelPipeline())
    assert done.code is ExitCode.PARTIAL
    assert "has no readable end" in done.damage
    assert 100 < len(done.frames) <= 200
    assert [f.digest for f in done.frames] == [f.digest for f in whole.frames][: len(done.frames)]


def test_damage_midway_keeps_what_came_before(tmp_path, monkeypatch):
    bag = write_bag(tmp_path / "bag", Recipe(truth=True))
    deserialize, calls = Bag.messages, []

    def breaking(self, *names):
        for recorded in deserialize(self, *names):
            calls.append(recorded)
            if names[0] == "/cam/image_raw" and recorded.log_ns > FIRST_NS + 4 * STEP_NS:
                raise ReplayError("bag is damaged: chunk checksum mismatch.", ExitCode.PARTIAL)
            yield recorded

    monkeypatch.setattr(Bag, "messages", breaking)
    done = replay_bag(bag, tmp_path / "out", ReplayOptions(), PixelPipeline())
    assert done.code is ExitCode.PARTIAL
    assert 3 <= len(done.frames) < 6
    content = read_metrics(tmp_path / "out")["result"]
    assert "checksum" in content["damage"]
    assert content["metrics"]["found"] == len(done.frames)
    assert "The bag ended early" in (tmp_path / "out/report.html").read_text()


def test_a_frame_that_breaks_the_network_is_counted_and_the_rest_go_on(tmp_path):
    class Fragile(PixelPipeline):
        def process(self, image, *rest):
            if image[0, 0, 0] == 80:
                raise RuntimeError("a matrix is singular")
            return super().process(image, *rest)

    done = replay_bag(write_bag(tmp_path / "bag"), tmp_path / "out", ReplayOptions(), Fragile())
    assert len(done.frames) == 5
    assert done.dropped == {"failed": 1}
    assert "RuntimeError: a matrix is singular" in (tmp_path / "out/report.html").read_text()


def test_a_full_disk_stops_with_words_and_keeps_what_is_written(tmp_path, monkeypatch):
    bag = write_bag(tmp_path / "bag")
    write, calls = output_bag.OutputBag.write, []

    def full(self, *arguments):
        calls.append(1)
        if len(calls) > 3:
            raise OSError(errno.ENOSPC, "No space left on device")
        return write(self, *arguments)

    monkeypatch.setattr(output_bag.OutputBag, "write", full)
    with pytest.raises(ReplayError, match=r"No space left on device. 3 frames were processed") as caught:
        replay_bag(bag, tmp_path / "out", ReplayOptions(), PixelPipeline())
    assert caught.value.code is ExitCode.OUTPUT
    assert len((tmp_path / "out/frames.jsonl").read_text().splitlines()) == 3
    with Bag(tmp_path / "out/bag") as result:
        assert result.count("/perception/humans") == 3


def test_too_little_room_is_found_out_before_the_work(tmp_path, monkeypatch):
    monkeypatch.setattr("shutil.disk_usage", lambda path: type("Usage", (), {"free": 5 << 20})())
    with pytest.raises(ReplayError, match="has 5 MB left") as caught:
        replay_bag(write_bag(tmp_path / "bag"), tmp_path / "out", ReplayOptions(), PixelPipeline())
    assert caught.value.code is ExitCode.OUTPUT


def test_foreign_files_are_not_deleted(tmp_path):
    (tmp_path / "out/bag").mkdir(parents=True)
    (tmp_path / "out/bag/thesis.tex").write_text("years of work")
    with pytest.raises(ReplayError, match=r"thesis.tex, which no replay wrote"):
        replay_bag(write_bag(tmp_path / "bag"), tmp_path / "out", ReplayOptions(), PixelPipeline())
    assert (tmp_path / "out/bag/thesis.tex").exists()


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


def test_each_bag_has_a_pipeline_of_its_own(tmp_path):
    for name in ("a", "b"):
        write_bag(tmp_path / "archive" / name)
    made = []

    def make(options):
        made.append(PixelPipeline())
        return made[-1]

    outcomes = list(run_jobs(plan(tmp_path / "archive", tmp_path / "out", ReplayOptions(), make)))
    assert len(made) == 2
    assert outcomes[0].text == outcomes[1].text  # the same images, so the same digest


def test_workers_give_the_same_digests(tmp_path):
    archive = tmp_path / "archive"
    for name in ("a", "b"):
        write_bag(archive / name)
    one = {o.bag.name: o.text for o in run_jobs(plan(archive, tmp_path / "one", ReplayOptions(), make_pixel_pipeline))}
    jobs = plan(archive, tmp_path / "two", ReplayOptions(), make_pixel_pipeline)
    assert {o.bag.name: o.text for o in run_jobs(jobs, workers=2)} == one


def test_no_bag_there(tmp_path):
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
