"""Recordings as users have them: odd metadata, files that were renamed, killed recorders, bags of ROS 1."""

from __future__ import annotations

import bz2
import gzip
import lzma
import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
import zstandard
from helpers.pixel_pipeline import PixelPipeline
from helpers.recorded_bags import Recipe, write_bag
from mcap.writer import Writer as McapWriter
from rosbags.rosbag1 import Writer as Ros1Writer
from rosbags.rosbag2 import StoragePlugin
from rosbags.rosbag2.enums import CompressionMode
from rosbags.typesys import Stores, get_typestore

from metrichmsr_ros.replay.batch.processes import plan, run_jobs
from metrichmsr_ros.replay.options import ExitCode, ReplayOptions
from metrichmsr_ros.ros.bags.errors import BagChoiceError, PackedBagError, Ros1BagError, UnreadableBagError
from metrichmsr_ros.ros.bags.locate import find_bags
from metrichmsr_ros.ros.bags.reader import Bag

MCAP, SQLITE3 = StoragePlugin.MCAP, StoragePlugin.SQLITE3
BOTH = pytest.mark.parametrize("storage", [MCAP, SQLITE3])
MANY = tuple(3.0 + 0.05 * (i % 50) for i in range(140))
IMAGES = "/cam/image_raw"


def data_of(folder):
    """The one data file of a bag."""
    (data,) = (p for p in folder.iterdir() if p.suffix != ".yaml")
    return data


def images(path):
    """Time and content of each image, what is said of damage, and of the metadata."""
    with Bag(path) as bag:
        found = [(m.log_ns, bytes(m.message.data)) for m in bag.messages(IMAGES)]
        assert bag.count(IMAGES) == len(found)
        return found, bag.damage, bag.metadata_problem


def edited(change):
    def spoil(folder):
        path = folder / "metadata.yaml"
        path.write_text(change(path.read_text()))

    return spoil


def rename(folder):
    data = data_of(folder)
    data.rename(data.with_name("by_hand" + data.suffix))


SPOILT = {
    "has no metadata.yaml": lambda folder: (folder / "metadata.yaml").unlink(),
    "metadata.yaml is empty": edited(lambda text: ""),
    "metadata.yaml has no rosbag2_bagfile_information": edited(lambda text: "[1]"),
    "metadata.yaml cannot be read (while parsing": edited(lambda text: text + "\n a: [1"),
    "metadata.yaml cannot be read ('utf-8' codec": lambda folder: (folder / "metadata.yaml").write_bytes(b"\xff\xfe"),
    "is of version 10; the newest one supported is 9": edited(lambda t: t.replace("version: 9", "version: 10")),
    "has the storage_identifier '' instead of mcap or sqlite3": edited(
        lambda t: t.replace("identifier: mcap", "identifier: ''").replace("identifier: sqlite3", "identifier: ''")
    ),
    "which does not exist": rename,
    "metadata.yaml names no data files": edited(lambda text: text.replace("relative_file_paths", "paths")),
}


@BOTH
@pytest.mark.parametrize("said", SPOILT)
def test_metadata_that_cannot_be_used_is_no_damage(tmp_path, storage, said):
    folder = write_bag(tmp_path / "bag", Recipe(storage=storage))
    expected, damage, problem = images(folder)
    assert (len(expected), damage, problem) == (6, "", "")
    SPOILT[said](folder)
    found, damage, problem = images(folder)
    assert (found, damage) == (expected, "")
    assert said in problem
    assert "the data were read without it" in problem
    assert "\n" not in problem


@BOTH
@pytest.mark.parametrize("zstd", [CompressionMode.MESSAGE, CompressionMode.FILE])
def test_compression_is_found_without_metadata(tmp_path, storage, zstd):
    folder = write_bag(tmp_path / "bag", Recipe(storage=storage, zstd=zstd))
    expected = images(folder)[0]
    assert len(expected) == 6
    (folder / "metadata.yaml").unlink()
    assert find_bags(tmp_path) == [data_of(folder)]
    for path in (folder, data_of(folder)):
        assert images(path)[:2] == (expected, "")


def test_odd_metadata_is_told_and_the_replay_succeeds(tmp_path):
    folder = write_bag(tmp_path / "bag")
    (folder / "metadata.yaml").write_text("")
    jobs = plan(folder, tmp_path / "out", ReplayOptions(), lambda options: PixelPipeline())
    (outcome,) = run_jobs(jobs)
    assert outcome.code is ExitCode.OK
    assert "metadata.yaml is empty" in outcome.text
    assert "metadata.yaml is empty" in (tmp_path / "out" / "report.html").read_text()


@BOTH
@pytest.mark.parametrize("name", ["50% #1? a&b", "üñï ' \" ;"])
def test_any_name_of_a_folder_can_be_opened(tmp_path, storage, name):
    folder = write_bag(tmp_path / "bag", Recipe(storage=storage)).rename(tmp_path / name)
    found, damage, problem = images(folder)
    assert (len(found), damage, problem) == (6, "", "")


@pytest.mark.parametrize("share", [0.4, 0.6, 0.9])
@BOTH
def test_a_recording_that_is_cut_off_is_read_up_to_there(tmp_path, storage, share):
    folder = write_bag(tmp_path / "bag", Recipe(storage=storage, depths=MANY * 3))
    expected = images(folder)[0]
    data = data_of(folder)
    content = data.read_bytes()
    data.write_bytes(content[: int(share * len(content))])
    (folder / "metadata.yaml").unlink()  # written last
    found, damage, _ = images(folder)
    assert found == expected[: len(found)]
    assert (share - 0.3) * len(expected) < len(found) < len(expected)
    assert f"{data} has no readable end" in damage


@BOTH
def test_compressed_messages_of_a_recording_without_its_end_are_read(tmp_path, storage):
    folder = write_bag(tmp_path / "bag", Recipe(storage=storage, zstd=CompressionMode.MESSAGE, depths=MANY))
    expected = images(folder)[0]
    data = data_of(folder)
    content = data.read_bytes()
    data.write_bytes(content[: content.rindex(b"/cam/camera_info") if storage is MCAP else -5000])
    (folder / "metadata.yaml").unlink()
    found, damage, _ = images(folder)
    assert found == expected[: len(found)]
    assert len(found) > 100
    assert "has no readable end" in damage


def test_no_cut_of_a_database_invents_a_message(tmp_path):
    folder = write_bag(tmp_path / "bag", Recipe(storage=SQLITE3, depths=MANY[:40]))
    expected = images(folder)[0]
    data = data_of(folder)
    content = data.read_bytes()
    counts = set()
    for cut in range(100, len(content), 4001):
        data.write_bytes(content[:cut])
        try:
            found = images(folder)[0]
        except UnreadableBagError:  # cut before its tables
            found = []
        assert found == expected[: len(found)], cut
        counts.add(len(found))
    assert len(counts) > 20


@BOTH
def test_only_the_cut_part_of_a_split_recording_is_damaged(tmp_path, storage):
    folder = tmp_path / "bag"
    folder.mkdir()
    for number in (9, 10):
        data = data_of(write_bag(tmp_path / f"part{number}", Recipe(storage=storage, depths=MANY * 3)))
        data.rename(folder / f"bag_{number}{data.suffix}")
    last = folder / f"bag_10{data.suffix}"
    last.write_bytes(last.read_bytes()[: last.stat().st_size // 2])
    found, damage, _ = images(folder)
    assert 3 * len(MANY) < len(found) < 6 * len(MANY)
    assert damage.count("has no readable end") == 1
    assert str(last) in damage


def test_the_parts_of_a_recording_follow_in_time_not_by_name(tmp_path):
    folder = tmp_path / "bag"
    folder.mkdir()
    for hours, name in enumerate(["second", "first", "another"]):
        data = data_of(write_bag(tmp_path / name, Recipe(storage=SQLITE3)))
        with closing(sqlite3.connect(data)) as database, database:
            database.execute("UPDATE messages SET timestamp = timestamp + ?", (hours * 3600 * 10**9,))
        data.rename(folder / f"{name}.db3")
    stamps = [stamp for stamp, _ in images(folder)[0]]
    assert len(stamps) == 18
    assert stamps == sorted(stamps)


def test_a_part_that_is_gone_is_damage(tmp_path):
    folder = write_bag(tmp_path / "bag")
    edited(lambda t: t.replace("  - bag.mcap", "  - bag.mcap\n  - bag_1.mcap"))(folder)
    with Bag(folder) as bag:
        assert bag.damage == "metadata.yaml names 2 data files, found 1; missing: bag_1.mcap."


@pytest.mark.parametrize(("names", "is_one"), [(["b_0", "b_1"], True), (["b_0", "c_1"], False), (["a", "b"], False)])
def test_a_folder_without_metadata_is_one_bag_when_its_files_are_parts(tmp_path, names, is_one):
    folder = tmp_path / "b"
    folder.mkdir()
    for name in names:
        data_of(write_bag(tmp_path / f"made_{name}")).rename(folder / f"{name}.mcap")
    assert find_bags(folder) == ([folder] if is_one else [folder / f"{name}.mcap" for name in names])


def test_a_recorder_that_was_killed_leaves_a_log_that_is_read(tmp_path):
    folder = write_bag(tmp_path / "bag", Recipe(storage=SQLITE3))
    expected = images(folder)[0]
    data = data_of(folder)
    code = """
import os, sqlite3, sys
database = sqlite3.connect(sys.argv[1], isolation_level=None)
database.execute("PRAGMA journal_mode = WAL")
database.execute("INSERT INTO messages (topic_id, timestamp, data) SELECT topic_id, timestamp + 3600000000000, data "
                 "FROM messages WHERE topic_id = (SELECT id FROM topics WHERE name = '/cam/image_raw')")
os._exit(0)
"""
    subprocess.run([sys.executable, "-c", code, str(data)], check=True)
    assert data.with_name(data.name + "-wal").stat().st_size
    before = data.read_bytes()
    found, damage, _ = images(folder)
    assert (found[:6], len(found), damage) == (expected, 12, "")
    assert data.read_bytes() == before


@BOTH
@pytest.mark.parametrize("suffix", [".zst", ".zstd", ""])
@pytest.mark.parametrize("has_metadata", [True, False])
def test_a_file_packed_by_the_command_zstd_is_read(tmp_path, storage, suffix, has_metadata):
    folder = write_bag(tmp_path / "bag", Recipe(storage=storage))
    expected = images(folder)[0]
    data = data_of(folder)
    packed = data.with_name(data.name + suffix)
    content = data.read_bytes()
    data.unlink()
    packed.write_bytes(zstandard.compress(content))
    if not has_metadata:
        (folder / "metadata.yaml").unlink()
    for path in (packed, folder):
        found, damage, _ = images(path)
        assert (found, damage) == (expected, "")


@BOTH
def test_a_data_file_of_any_name_is_opened_by_its_content(tmp_path, storage):
    folder = write_bag(tmp_path / "bag", Recipe(storage=storage))
    expected = images(folder)[0]
    for name in ("recording", "recording.bin", "recording.mcap", "recording.db3"):
        renamed = data_of(folder).rename(tmp_path / name)
        if storage is SQLITE3 or not name.endswith("db3"):
            assert images(renamed)[0] == expected
        renamed.rename(folder / "kept")


PACKERS = {
    ".gz": (gzip.compress, "gunzip -k"),
    ".xz": (lzma.compress, "unxz -k"),
    ".bz2": (bz2.compress, "bunzip2 -k"),
}


@BOTH
@pytest.mark.parametrize("suffix", PACKERS)
def test_a_file_that_another_program_packed_is_told_how_to_unpack_it(tmp_path, storage, suffix):
    folder = write_bag(tmp_path / "bag", Recipe(storage=storage))
    pack, command = PACKERS[suffix]
    data = data_of(folder)
    packed = data.with_name(data.name + suffix)
    packed.write_bytes(pack(data.read_bytes()))
    data.unlink()
    for path in (packed, folder):
        with pytest.raises(PackedBagError, match=f"unpack it first with `{command} {packed}`") as told, Bag(path):
            pass
        assert "recover" not in str(told.value)
    (folder / "metadata.yaml").unlink()
    with pytest.raises(PackedBagError, match=command):
        find_bags(tmp_path)


@pytest.mark.parametrize(("kind", "command"), [("zip", "unzip"), ("tar", "tar -xf"), ("gztar", "tar -xf")])
def test_an_archive_of_a_bag_is_told_how_to_unpack_it(tmp_path, kind, command):
    folder = write_bag(tmp_path / "bag")
    archive = shutil.make_archive(str(tmp_path / "sent" / "bag"), kind, folder)
    with pytest.raises(PackedBagError, match=f"unpack it first with `{command} {archive}`"), Bag(Path(archive)):
        pass
    with pytest.raises(PackedBagError, match=command):
        find_bags(tmp_path / "sent")


def ros1_bag(path):
    types = get_typestore(Stores.ROS1_NOETIC)
    header = types.types["std_msgs/msg/Header"](0, types.types["builtin_interfaces/msg/Time"](1, 0), "cam")
    kind = "sensor_msgs/msg/Image"
    with Ros1Writer(path) as writer:
        image = types.types[kind](header, 2, 2, "mono8", 0, 2, np.zeros(4, np.uint8))
        writer.write(writer.add_connection(IMAGES, kind, typestore=types), 10**9, types.serialize_ros1(image, kind))
    return path


@pytest.mark.parametrize("name", ["old.bag", "old.bag.active", "renamed.mcap", "renamed.db3", "an old one.bag"])
def test_a_bag_of_ros_1_is_answered_with_the_way_to_convert_it(tmp_path, name):
    path = ros1_bag(tmp_path / "made.bag").rename(tmp_path / name)
    with (
        pytest.raises(Ros1BagError, match="is a ROS 1 bag: convert it with `rosbags-convert --src") as raised,
        Bag(path),
    ):
        pass
    assert "reindex" not in str(raised.value)


def test_the_command_that_a_bag_of_ros_1_is_answered_with_works(tmp_path):
    path = ros1_bag(tmp_path / "an old one.bag")
    with pytest.raises(Ros1BagError) as raised, Bag(path):
        pass
    arguments = str(raised.value).split("`")[1].removeprefix("rosbags-convert ")
    subprocess.run(f"'{sys.executable}' -m rosbags.convert {arguments}", shell=True, check=True)
    assert len(images(tmp_path / "an old one")[0]) == 1


def test_a_folder_of_ros_1_bags_and_their_mcap_are_told_so(tmp_path):
    ros1_bag(tmp_path / "a.bag")
    with pytest.raises(Ros1BagError, match=r"a.bag is a ROS 1 bag"):
        find_bags(tmp_path)
    converted = tmp_path / "a.mcap"
    with converted.open("wb") as file:
        writer = McapWriter(file)
        writer.start("ros1")
        schema = writer.register_schema("sensor_msgs/Image", "ros1msg", b"")
        writer.add_message(writer.register_channel(IMAGES, "ros1", schema), 1, b"12", 1)
        writer.finish()
    with pytest.raises(Ros1BagError, match=r"a.mcap holds messages of ROS 1: convert the .bag"), Bag(converted):
        pass


def test_a_whole_mcap_of_another_profile_is_no_damage(tmp_path):
    folder = write_bag(tmp_path / "bag")
    expected = images(folder)[0]
    data = data_of(folder)
    other = tmp_path / "other.mcap"
    with other.open("wb") as file, Bag(data) as bag:
        writer = McapWriter(file)
        writer.start("")
        schema = writer.register_schema("sensor_msgs/msg/Image", "ros2msg", b"")
        channel = writer.register_channel(IMAGES, "cdr", schema)
        for raw in bag.serialized(IMAGES):
            writer.add_message(channel, raw.log_ns, raw.data, raw.log_ns)
        writer.finish()
    assert images(other)[:2] == (expected, "")


@pytest.mark.parametrize("name", ["a.mcap", "a.db3", "a.mcap.zstd", "a.db3.zstd", "a.txt"])
@pytest.mark.parametrize("content", [b"", b"nothing of the kind"])
def test_a_file_that_is_not_a_bag_is_named_with_the_cause(tmp_path, name, content):
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(UnreadableBagError, match="cannot be opened") as raised, Bag(path):
        pass
    assert str(path) in str(raised.value)
    (tmp_path / "empty").mkdir()
    with pytest.raises(UnreadableBagError, match="holds no data files"), Bag(tmp_path / "empty"):
        pass
    with pytest.raises(BagChoiceError, match="there is no bag at"), Bag(tmp_path / "nowhere"):
        pass


@pytest.mark.parametrize("name", ["walk.mp4", "photo.JPG", "notes", "frames.mcap.part"])
def test_a_file_that_is_no_bag_by_its_name_is_not_told_to_be_rebuilt(tmp_path, name):
    (tmp_path / name).write_bytes(b"something")
    with (
        pytest.raises(UnreadableBagError, match=f"{name} cannot be opened: it is no rosbag2") as told,
        Bag(tmp_path / name),
    ):
        pass
    assert "recover" not in str(told.value)
    assert "`metrichmsr annotate`" in str(told.value)
