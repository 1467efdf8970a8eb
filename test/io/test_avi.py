"""Pictures that an AVI stores, in files of another writer (OpenCV) and of chunks laid out by hand."""

from __future__ import annotations

import struct

import pytest
from helpers.annotated_inputs import write_video

from metrichmsr_ros.io.avi import stored_pictures


def _chunk(name, data):
    return name + struct.pack("<I", len(data)) + data + bytes(len(data) % 2)


def _avi(pictures, kind=b"AVI "):
    return _chunk(b"RIFF", kind + _chunk(b"LIST", b"hdrl" + _chunk(b"avih", bytes(56))) + _chunk(b"LIST", pictures))


@pytest.mark.parametrize("frames", [1, 7])
def test_files_of_opencv(tmp_path, frames):
    assert stored_pictures(write_video(tmp_path / "clip.avi", (1.0,) * frames)) == frames
    assert stored_pictures(write_video(tmp_path / "clip.mp4", (1.0,) * frames)) is None


def test_empty_chunks_sound_and_other_streams_do_not_count(tmp_path):
    path = tmp_path / "clip.avi"
    group = _chunk(b"LIST", b"rec " + _chunk(b"00dc", b"xyz") + _chunk(b"01wb", b"la"))
    other = _chunk(b"02dc", b"x") * 5
    path.write_bytes(
        _avi(b"movi" + _chunk(b"00dc", b"x") + _chunk(b"00dc", b"") + group + _chunk(b"JUNK", b"?") + other)
    )
    assert stored_pictures(path) == 2


def test_parts_of_a_large_file_add_up(tmp_path):
    path = tmp_path / "clip.avi"
    path.write_bytes(_avi(b"movi" + _chunk(b"00dc", b"x") * 3) + _avi(b"movi" + _chunk(b"00db", b"x") * 2, b"AVIX"))
    assert stored_pictures(path) == 5


@pytest.mark.parametrize("left", [-1, -9, 40, 12, 11, 3, 0])
def test_no_number_of_a_cut_off_file(tmp_path, left):
    path = tmp_path / "clip.avi"
    path.write_bytes(_avi(b"movi" + _chunk(b"00dc", b"xx") * 3)[:left])
    assert stored_pictures(path) is None


def test_no_number_where_a_part_is_no_chunk(tmp_path):
    path = tmp_path / "clip.avi"
    data = _avi(b"movi" + _chunk(b"00dc", b"xx") * 3)
    path.write_bytes(data[:-10] + bytes(10))  # as a download that never arrived
    assert stored_pictures(path) is None
    path.write_bytes(data + bytes(20))
    assert stored_pictures(path) is None
