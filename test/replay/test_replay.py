"""Replay of small recordings: all formats, determinism, ground truth, and readable result files."""

from __future__ import annotations

import json

import numpy as np
import pytest
from helpers.bag_messages import FIRST_NS, STEP_NS, skeleton
from helpers.pixel_pipeline import PixelPipeline
from helpers.recorded_bags import Recipe, write_bag
from rosbags.rosbag2 import StoragePlugin
from rosbags.rosbag2.enums import CompressionMode

from metrichmsr_ros.evaluation.trajectories import read_tum
from metrichmsr_ros.replay.options import ExitCode, ReplayError, ReplayOptions
from metrichmsr_ros.replay.records import FrameRecord, load_records, person_from_message, sequence_digest
from metrichmsr_ros.replay.replay import replay_bag
from metrichmsr_ros.replay.result import read_metrics
from metrichmsr_ros.ros.bags.reader import Bag

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
    with pytest.raises(ReplayError, match="metrichmsr_ros/msg/HumanMeshArray is needed"):
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


def test_frames_without_people_are_counted(tmp_path):
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
