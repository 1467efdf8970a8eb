"""Recordings that are cut off, damaged, or state sizes that they do not have."""

from __future__ import annotations

import pytest
from rosbags.rosbag2 import StoragePlugin
from rosbags.rosbag2.enums import CompressionMode

from benchmarks.hostile import bags
from benchmarks.hostile.bags import MESSAGES, recording
from metrichmsr_ros.ros.bags.errors import BagError
from metrichmsr_ros.ros.bags.reader import Bag


@pytest.mark.parametrize("mode", [None, CompressionMode.MESSAGE, CompressionMode.FILE])
@pytest.mark.parametrize("storage", list(StoragePlugin))
def test_a_cut_recording_of_one_chunk_gives_the_whole_messages_before_the_cut(tmp_path, storage, mode):
    """The warning says how many there are; they are the first ones, in their order, and none is changed."""
    end = {StoragePlugin.MCAP: ".mcap", StoragePlugin.SQLITE3: ".db3"}[storage]
    path = tmp_path / f"cut{end}{'.zstd' if mode is CompressionMode.FILE else ''}"
    content = recording(storage, mode)
    path.write_bytes(content)
    with Bag(path) as bag:
        whole = [raw.data for raw in bag.serialized("/words")]
    assert len(whole) == MESSAGES
    path.write_bytes(content[: int(0.9 * len(content))])
    with Bag(path) as bag:
        found = [raw.data for raw in bag.serialized("/words")]
        assert f"the {len(found)} messages before it were read" in bag.damage
    assert 0.5 * MESSAGES < len(found) < MESSAGES
    assert found == whole[: len(found)]


LIGHT = [case for case in bags.cases() if "GB" not in case.name and "packed" not in case.name]


@pytest.mark.parametrize("case", LIGHT, ids=lambda case: case.name)
def test_hostile_recordings_are_refused_by_name_or_read_as_far_as_they_are_whole(tmp_path, case):
    path = case.write(tmp_path)
    if case.expected == "read":
        assert case.read(path)
        return
    with pytest.raises(BagError) as error:
        case.read(path)
    assert (case.named or path.name) in str(error.value)
