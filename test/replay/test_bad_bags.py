"""Bags that are damaged, lack something or hold something else: clear errors, and nothing of the rest is lost."""

from __future__ import annotations

import pytest
from helpers.evaluation_bags import (
    FIRST_NS,
    STEP_NS,
    PixelPipeline,
    Recipe,
    write_bag,
)
from rosbags.rosbag2 import StoragePlugin
from rosbags.rosbag2.enums import CompressionMode

from metrichmsr_ros.replay.options import ReplayOptions
from metrichmsr_ros.replay.outcome import ExitCode, ReplayError
from metrichmsr_ros.replay.replay import replay_bag
from metrichmsr_ros.replay.result import read_metrics
from metrichmsr_ros.ros.bags.reader import Bag
from metrichmsr_ros.ros.bags.topics import camera_info_topic


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
    bag = write_bag(tmp_path / "bag", Recipe(depths=tuple(3.0 + 0.05 * (i % 50) for i in range(140)), zstd=zstd))
    whole = replay_bag(bag, tmp_path / "whole", ReplayOptions(), PixelPipeline())
    (data,) = bag.glob("*.mcap")
    content = data.read_bytes()
    index = content.rindex(b"/cam/camera_info")  # in the summary, behind all messages
    data.write_bytes(content[: int(index * (0.9 if zstd is None else 1.0))])
    done = replay_bag(bag if whole_folder else data, tmp_path / "out", ReplayOptions(), PixelPipeline())
    assert done.code is ExitCode.PARTIAL
    assert "has no readable end" in done.stop_words
    assert 90 < len(done.frames) <= 140
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
    assert "checksum" in content["stopped"]
    assert content["metrics"]["found"] == len(done.frames)
    assert "It ended early" in (tmp_path / "out/report.html").read_text()


def test_a_frame_that_breaks_the_network_is_counted_and_the_rest_go_on(tmp_path):
    class Fragile(PixelPipeline):
        def track(self, image, *rest, **named):
            if image[0, 0, 0] == 80:
                raise RuntimeError("a matrix is singular")
            return super().track(image, *rest, **named)

    done = replay_bag(write_bag(tmp_path / "bag"), tmp_path / "out", ReplayOptions(), Fragile())
    assert len(done.frames) == 5
    assert done.dropped == {"failed": 1}
    assert "RuntimeError: a matrix is singular" in (tmp_path / "out/report.html").read_text()
