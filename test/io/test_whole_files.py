"""Files are complete or absent: after errors, kills and on a full disk; what is being written is left alone."""

from __future__ import annotations

import errno
import pickle
import signal
import subprocess
import sys
from contextlib import suppress

import pytest
from helpers.full_disk import files_of_at_most
from helpers.repository import environment

from metrichmsr_ros.errors import MetricHMRError
from metrichmsr_ros.io.whole_files import DiskFullError, full_disk, remove_parts, whole_file, whole_folder, write_whole

KILLED = """
import os, signal, sys
from pathlib import Path
from metrichmsr_ros.io import whole_files
with getattr(whole_files, sys.argv[2])(Path(sys.argv[1])) as part:
    (part / "half" if part.is_dir() else part).write_text("half")
    os.kill(os.getpid(), signal.SIGKILL)
"""


def names(folder) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def killed_while_it_writes(path, what: str) -> None:
    done = subprocess.run([sys.executable, "-c", KILLED, str(path), what], env=environment())
    assert done.returncode == -signal.SIGKILL


def test_a_file_has_its_name_only_when_it_is_whole(tmp_path):
    path = tmp_path / "a.txt"
    write_whole(path, "first ä\n")
    with whole_file(path) as part:
        part.write_text("half")
        assert path.read_text(encoding="utf-8") == "first ä\n"
        assert part.parent == tmp_path
        with whole_file(path) as other:
            assert other != part
            other.write_text("other")
    assert path.read_text() == "half"
    assert names(tmp_path) == ["a.txt"]


@pytest.mark.parametrize("kind", [ValueError, OSError, KeyboardInterrupt])
def test_nothing_is_left_after_an_error(tmp_path, kind):
    write_whole(tmp_path / "a", b"old")
    with suppress(kind), whole_file(tmp_path / "a") as part:
        part.write_bytes(b"half")
        raise kind
    with suppress(kind), whole_folder(tmp_path / "b") as folder:
        (folder / "x").write_bytes(b"half")
        raise kind
    assert names(tmp_path) == ["a"]
    assert (tmp_path / "a").read_bytes() == b"old"


def test_errors_name_the_file_and_not_its_temporary_name(tmp_path):
    with pytest.raises(FileNotFoundError) as caught:
        write_whole(tmp_path / "none" / "a.txt", "a")
    assert caught.value.filename == str(tmp_path / "none" / "a.txt")


def test_links_stay_and_pipes_are_written_to(tmp_path):
    (tmp_path / "file").write_text("old")
    (tmp_path / "link").symlink_to("file")
    write_whole(tmp_path / "link", "new")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "file").read_text() == "new"
    code = "import pathlib; from metrichmsr_ros.io import whole_files\n"
    code += "whole_files.write_whole(pathlib.Path('/dev/stdout'), 'x')"
    done = subprocess.run([sys.executable, "-c", code], env=environment(), stdout=subprocess.PIPE)
    assert (done.returncode, done.stdout) == (0, b"x")


def test_others_may_read_what_this_user_writes(tmp_path):
    write_whole(tmp_path / "ours", b"")
    (tmp_path / "usual").touch()
    assert (tmp_path / "ours").stat().st_mode == (tmp_path / "usual").stat().st_mode


def test_what_a_killed_process_left_is_removed_and_what_is_being_written_is_not(tmp_path):
    killed_while_it_writes(tmp_path / "a.txt", "whole_file")
    killed_while_it_writes(tmp_path / "folder", "whole_folder")
    assert len(names(tmp_path)) == 2
    with whole_file(tmp_path / "b.txt") as part:
        part.write_text("whole")
        remove_parts(tmp_path)
        assert names(tmp_path) == [part.name]
    assert names(tmp_path) == ["b.txt"]


def test_a_whole_folder_removes_what_was_left_of_it_alone(tmp_path):
    killed_while_it_writes(tmp_path / "out", "whole_folder")
    killed_while_it_writes(tmp_path / "other", "whole_folder")
    with whole_folder(tmp_path / "out") as part:
        (part / "x").write_text("whole")
    assert names(tmp_path / "out") == ["x"]
    assert [name.split(".")[1] for name in names(tmp_path) if name != "out"] == ["other"]


def test_a_full_disk_leaves_nothing_and_names_the_file_and_the_remedy(tmp_path):
    path = tmp_path / "a.bin"
    with files_of_at_most(1000), pytest.raises(DiskFullError, match=r"a\.bin cannot be written: File too large; raise"):
        write_whole(path, bytes(5000))
    with files_of_at_most(1000), pytest.raises(DiskFullError, match=r"/folder cannot be written: "):
        write_in_a_folder(tmp_path / "folder")
    assert names(tmp_path) == []


def write_in_a_folder(path) -> None:
    with whole_folder(path) as part:
        write_whole(part / "a.bin", bytes(5000))


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT])
def test_the_error_survives_the_way_from_another_process(number):
    error = full_disk(OSError(number, "no"), "out/x")
    assert isinstance(error, MetricHMRError)
    again = pickle.loads(pickle.dumps(error))
    assert (str(again), again.errno) == (str(error), number)
    assert "out/x cannot be written: " in str(again)
    assert "free some space there" in str(again)


@pytest.mark.parametrize("error", [OSError(errno.EACCES, "no"), OSError("odd"), ValueError("full"), KeyError(28)])
def test_other_errors_are_not_of_a_full_disk(error):
    assert full_disk(error, "x") is None
