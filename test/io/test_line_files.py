"""Lines appended to a file: half a line, which a kill leaves, is no line."""

from __future__ import annotations

import pytest
from helpers.full_disk import files_of_at_most

from metrichmsr_ros.io.line_files import append_line, keep_lines, whole_lines
from metrichmsr_ros.io.whole_files import DiskFullError


def test_half_a_line_is_none_and_the_next_line_takes_its_place(tmp_path):
    path = tmp_path / "log"
    assert whole_lines(path) == []
    append_line(path, "one")
    append_line(path, "zwei ä")
    path.write_bytes(path.read_bytes() + "thrée"[:4].encode()[:-1])
    assert whole_lines(path.with_name("none")) == []
    append_line(path, "three")
    assert whole_lines(path) == ["one", "zwei ä", "three"]


def test_a_character_cut_in_two_is_no_error(tmp_path):
    path = tmp_path / "log"
    path.write_bytes("one\nä".encode()[:-1])
    assert whole_lines(path) == ["one"]
    append_line(path, "two")
    assert path.read_bytes() == b"one\ntwo\n"


def test_lines_that_are_not_wanted_are_removed(tmp_path):
    path = tmp_path / "log"
    keep_lines(path, lambda line: True)
    assert not path.exists()
    path.write_bytes(b"1\n2\n3\n4")
    keep_lines(path, lambda line: int(line) < 3)
    assert path.read_bytes() == b"1\n2\n"


def test_a_full_disk_names_the_file(tmp_path):
    path = tmp_path / "log"
    append_line(path, "one")
    with files_of_at_most(8), pytest.raises(DiskFullError, match="log cannot be written"):
        append_line(path, "a longer line")
    append_line(path, "two")
    assert whole_lines(path) == ["one", "two"]
