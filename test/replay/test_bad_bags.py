"""Damaged, incomplete and wrong bags give clear errors, and the readable part is kept."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest
from helpers.bag_messages import FIRST_NS, STEP_NS
from helpers.pixel_pipeline import PixelPipeline
from helpers.recorded_bags import Recipe, write_bag
from rosbags.rosbag2 import StoragePlugin
from rosbags.rosbag2.enums import CompressionMode

from metrichmsr_ros.replay.options import ExitCode, ReplayError, ReplayOptions, replay_errors
from metrichmsr_ros.replay.replay import replay_bag
from metrichmsr_ros.replay.result import read_metrics
from metrichmsr_ros.ros.bags.errors import DamagedBagError
from metrichmsr_ros.ros.bags.reader import Bag
from metrichmsr_ros.ros.bags.topics import camera_info_topic


def test_the_error_for_a_bag_without_camera_info_names_the_remedy(tmp_path):
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
    with pytest.raises(ReplayError, match=r"--fov 200.0: give .* in degrees") as caught:
        replay_bag(bag, tmp_path / "out", ReplayOptions(fov=200.0), PixelPipeline())
    assert caught.value.code is ExitCode.USAGE


def test_topics_of_the_wrong_type_or_name(tmp_path):
    bag = write_bag(tmp_path / "bag", Recipe(strange=True))
    for topic, words in (
        ("/odd", "type strange_msgs/msg/Nobody, which is not an image"),
        ("/nix", "no messages on /nix"),
    ):
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
def test_a_bag_cut_off_at_its_beginning_is_an_error_that_names_it(tmp_path, storage):
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
    index = content.rindex(b"/cam/camera_info")  # in the summary, after all messages
    data.write_bytes(content[: int(index * (0.9 if zstd is None else 1.0))])
    done = replay_bag(bag if whole_folder else data, tmp_path / "out", ReplayOptions(), PixelPipeline())
    assert done.code is ExitCode.PARTIAL
    assert "has no readable end" in done.stop_reason
    assert 90 < len(done.frames) <= 140
    assert [f.digest for f in done.frames] == [f.digest for f in whole.frames][: len(done.frames)]


def records(content: bytes) -> list[tuple[int, int]]:
    """Offset and opcode of each top-level record of an mcap file, by the layout of https://mcap.dev/spec."""
    found, at = [], 8
    while at < len(content) - 8:
        found.append((at, content[at]))
        at += 9 + struct.unpack_from("<Q", content, at + 1)[0]
    return found


def ending(path: Path) -> ExitCode:
    """Exit code of reading the images of a bag; OK only with all six images."""
    try:
        with replay_errors(), Bag(path) as bag:
            return ExitCode.OK if len(list(bag.messages("/cam/image_raw"))) == 6 else ExitCode.SOME_FAILED
    except ReplayError as error:
        return error.code


@pytest.mark.parametrize("length", [2**63, 2**64 - 1, 2**40, 2**20])
@pytest.mark.parametrize("has_end", [True, False])
def test_a_corrupt_length_anywhere_never_becomes_a_traceback(tmp_path, has_end, length):
    bag = write_bag(tmp_path / "bag", Recipe(zstd=CompressionMode.STORAGE))
    (data,) = bag.glob("*.mcap")
    content = data.read_bytes()
    for at, _ in records(content):
        damaged = bytearray(content if has_end else content[:-30])
        damaged[at + 1 : at + 9] = struct.pack("<Q", length)
        data.write_bytes(damaged)
        assert ending(data) in (ExitCode.OK, ExitCode.UNREADABLE, ExitCode.PARTIAL), at


def test_a_corrupt_length_ends_a_recording_without_its_end(tmp_path):
    bag = write_bag(tmp_path / "bag", Recipe(depths=tuple(3.0 + 0.05 * (i % 50) for i in range(140))))
    (data,) = bag.glob("*.mcap")
    content = data.read_bytes()
    chunks = [at for at, kind in records(content) if kind == 0x06]
    damaged = bytearray(content[:-30])
    damaged[chunks[-1] + 1 : chunks[-1] + 9] = struct.pack("<Q", 2**63 + 5)
    data.write_bytes(damaged)
    done = replay_bag(bag, tmp_path / "out", ReplayOptions(), PixelPipeline())
    assert done.code is ExitCode.PARTIAL
    assert 0 < len(done.frames) < 140
    damaged[chunks[0] + 1 : chunks[0] + 9] = struct.pack("<Q", 2**63 + 5)
    data.write_bytes(damaged)
    with pytest.raises(ReplayError, match="Nothing in it could be read") as caught:
        replay_bag(bag, tmp_path / "out", ReplayOptions(), PixelPipeline())
    assert caught.value.code is ExitCode.UNREADABLE


def test_damaged_chunks_are_reported(tmp_path):
    depths = tuple(3.0 + 0.05 * (i % 50) for i in range(140))
    bag = write_bag(tmp_path / "bag", Recipe(depths=depths, zstd=CompressionMode.STORAGE))
    (data,) = bag.glob("*.mcap")
    content = data.read_bytes()
    last = [at for at, kind in records(content) if kind == 0x06][-1]
    damaged = bytearray(content[:-30])
    frame = damaged.index(b"\x28\xb5\x2f\xfd", last)  # magic number of zstd
    damaged[frame] = 0
    data.write_bytes(damaged)
    with Bag(data) as opened:
        assert "Left out as damaged: 1 chunk of messages" in opened.damage
        assert 0 < len(list(opened.messages("/cam/image_raw"))) < 140


def test_damage_midway_keeps_what_came_before(tmp_path, monkeypatch):
    bag = write_bag(tmp_path / "bag", Recipe(truth=True))
    deserialize, calls = Bag.messages, []

    def breaking(self, *names):
        for recorded in deserialize(self, *names):
            calls.append(recorded)
            if names[0] == "/cam/image_raw" and recorded.log_ns > FIRST_NS + 4 * STEP_NS:
                raise DamagedBagError("bag is damaged: chunk checksum mismatch.")
            yield recorded

    monkeypatch.setattr(Bag, "messages", breaking)
    done = replay_bag(bag, tmp_path / "out", ReplayOptions(), PixelPipeline())
    assert done.code is ExitCode.PARTIAL
    assert 3 <= len(done.frames) < 6
    content = read_metrics(tmp_path / "out")["result"]
    assert "checksum" in content["stopped"]
    assert content["metrics"]["found"] == len(done.frames)
    assert "The replay ended early" in (tmp_path / "out/report.html").read_text()


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
