"""mcap files that are cut off or damaged: every whole message before the damage, and no trust in a corrupt length."""

from __future__ import annotations

import struct
import tracemalloc
from pathlib import Path

import pytest
from mcap.writer import CompressionType, Writer

from metrichmsr_ros.ros.bags.truncated_mcap import Raw, Salvage

TOPICS = ("/image", "/info")
PAYLOADS = [b"<%04d" % number + bytes([number]) * (7 * number % 200) + b">" for number in range(60)]
EXPECTED = [Raw(TOPICS[i % 2], "a_msgs/msg/B", 1000 + i, payload) for i, payload in enumerate(PAYLOADS)]
LENGTH_BEFORE_PAYLOAD = 8 + 22  # a message's length (uint64), then channel, sequence and two stamps
TOO_LONG = [2**63, 2**64 - 1, 2**64 - 100, 2**40, 2**31, 20_000]  # the second and third are -1 and -100 as int64
TOO_SHORT = [21, 0]  # of a message, whose head has 22 bytes


def recording(path: Path, compression: CompressionType = CompressionType.NONE, in_chunks: bool = True) -> bytes:
    """Writes an mcap file with `EXPECTED`; its content."""
    with path.open("wb") as file:
        writer = Writer(file, chunk_size=1000, compression=compression, use_chunking=in_chunks)
        writer.start("ros2")
        schema = writer.register_schema("a_msgs/msg/B", "ros2msg", b"uint8[] data")
        channels = {topic: writer.register_channel(topic, "cdr", schema) for topic in TOPICS}
        for number, raw in enumerate(EXPECTED):
            writer.add_message(channels[raw.topic], raw.log_ns, raw.data, raw.log_ns, number)
        writer.finish()
    return path.read_bytes()


def read(path: Path, content: bytes) -> list[Raw]:
    path.write_bytes(content)
    return list(Salvage([path]).messages())


@pytest.mark.parametrize("compression", list(CompressionType))
def test_a_whole_file_gives_every_message_and_counts_them(tmp_path, compression):
    path = tmp_path / "a.mcap"
    recording(path, compression)
    salvage = Salvage([path])
    assert list(salvage.messages()) == EXPECTED
    assert salvage.counts == {(topic, "a_msgs/msg/B"): 30 for topic in TOPICS}
    assert salvage.damaged_chunks == 0


def test_a_cut_keeps_exactly_the_messages_that_end_before_it(tmp_path):
    path = tmp_path / "a.mcap"
    content = recording(path, in_chunks=False)
    ends = [content.index(payload) + len(payload) for payload in PAYLOADS]
    for cut in range(0, len(content), 13):
        assert read(path, content[:cut]) == EXPECTED[: sum(end <= cut for end in ends)], cut


@pytest.mark.parametrize("compression", list(CompressionType))
def test_a_cut_keeps_the_chunks_before_it(tmp_path, compression):
    path = tmp_path / "a.mcap"
    content = recording(path, compression)
    kept = [len(read(path, content[:cut])) for cut in range(0, len(content), 13)]
    assert kept == sorted(kept)
    assert kept[-1] == len(EXPECTED)
    assert len(set(kept)) > 5  # one number for every chunk
    for cut in range(0, len(content), 101):
        found = read(path, content[:cut])
        assert found == EXPECTED[: len(found)]


@pytest.mark.parametrize("length", TOO_LONG + TOO_SHORT)
def test_a_corrupt_length_ends_the_file_there_and_takes_no_memory(tmp_path, length):
    path = tmp_path / "a.mcap"
    content = bytearray(recording(path, in_chunks=False))
    at = content.index(PAYLOADS[20]) - LENGTH_BEFORE_PAYLOAD
    content[at : at + 8] = struct.pack("<Q", length)
    tracemalloc.start()
    found = read(path, bytes(content))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert found == EXPECTED[:20]
    assert peak < 1_000_000


@pytest.mark.parametrize("length", TOO_LONG)
def test_a_corrupt_length_of_a_chunk_ends_the_file_there(tmp_path, length):
    path = tmp_path / "a.mcap"
    content = bytearray(recording(path, CompressionType.ZSTD))
    third = [at for at, _ in chunks(bytes(content))][2]
    before = read(path, bytes(content[:third]))
    content[third + 1 : third + 9] = struct.pack("<Q", length)
    assert read(path, bytes(content)) == before == EXPECTED[: len(before)]
    assert before


@pytest.mark.parametrize("size", [2**63, 2**64 - 1, 2**40])
@pytest.mark.parametrize("field", ["uncompressed size", "size of the data"])
def test_a_corrupt_size_inside_a_chunk_takes_no_memory(tmp_path, size, field):
    path = tmp_path / "a.mcap"
    content = bytearray(recording(path, CompressionType.LZ4))
    at, name = chunks(bytes(content))[2]
    at += 9 + (16 if field == "uncompressed size" else 32 + len(name))
    content[at : at + 8] = struct.pack("<Q", size)
    tracemalloc.start()
    found = read(path, bytes(content))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert set(found) < set(EXPECTED)
    assert EXPECTED[0] in found
    assert peak < 1_000_000


@pytest.mark.parametrize("compression", list(CompressionType))
def test_a_damaged_chunk_is_left_out_and_counted(tmp_path, compression):
    path = tmp_path / "a.mcap"
    content = bytearray(recording(path, compression))
    starts = [at for at, _ in chunks(bytes(content))]
    before = len(read(path, bytes(content[: starts[2]])))
    upto = len(read(path, bytes(content[: starts[3]])))
    for at in range(starts[2] + 60, starts[2] + 90):
        content[at] ^= 0xFF
    assert read(path, bytes(content)) == EXPECTED[:before] + EXPECTED[upto:]
    assert Salvage([path]).damaged_chunks == 1


def test_no_single_wrong_byte_raises_or_invents_a_message(tmp_path):
    path = tmp_path / "a.mcap"
    whole = recording(path, CompressionType.ZSTD)
    for at in range(0, len(whole), 5):
        content = bytearray(whole)
        content[at] ^= 0x81
        found = read(path, bytes(content))
        assert {raw.data for raw in found} <= set(PAYLOADS), at


def test_files_follow_one_another_and_a_foreign_one_holds_nothing(tmp_path):
    first, second, foreign, empty = (tmp_path / f"{name}.mcap" for name in "abcd")
    content = recording(first)
    second.write_bytes(content)
    first.write_bytes(content[: len(content) // 3])
    foreign.write_bytes(b"SQLite format 3\0" * 50)
    empty.touch()
    found = list(Salvage([first, foreign, empty, second]).messages())
    assert 0 < len(found) - len(EXPECTED) < len(EXPECTED)
    assert found[-len(EXPECTED) :] == EXPECTED


def chunks(content: bytes) -> list[tuple[int, str]]:
    """Where each chunk record begins and how it is compressed, by the layout of https://mcap.dev/spec."""
    found, at = [], 8
    while content[at] != 0x0F:  # the end of the data
        (length,) = struct.unpack_from("<Q", content, at + 1)
        if content[at] == 0x06:
            (size,) = struct.unpack_from("<I", content, at + 9 + 28)
            found.append((at, content[at + 9 + 32 : at + 9 + 32 + size].decode()))
        at += 9 + length
    return found
