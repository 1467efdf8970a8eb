"""Files that are either complete or absent, whenever the process is killed or the disk becomes full."""

from __future__ import annotations

import errno
import fcntl
import os
import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NoReturn

from metrichmsr_ros.errors import MetricHMRError

PART = ".part"  # suffix of a file that is being written

_AGAIN = "and run the same command again"
_FULL = {
    errno.ENOSPC: f"free some space there {_AGAIN}",
    errno.EDQUOT: f"free some space there {_AGAIN}",
    errno.EFBIG: f"raise the limit of a file's size (ulimit -f) {_AGAIN}",
}


class DiskFullError(MetricHMRError, OSError):
    """A file cannot be written whole, for lack of space; the message names it and the remedy.

    Args:
        path: the file.
        number: of the error, as in `OSError.errno`.
    """

    def __init__(self, path: Path | str, number: int) -> None:
        super().__init__(number, os.strerror(number), str(path))

    def __str__(self) -> str:
        """File, cause and remedy."""
        return f"{self.filename} cannot be written: {self.strerror}; {_FULL[self.errno or errno.ENOSPC]}"

    def __reduce__(self) -> tuple[type[DiskFullError], tuple[str, int | None]]:
        """As it was made, for errors from worker processes."""
        return type(self), (self.filename, self.errno)


def full_disk(error: BaseException, path: Path | str) -> DiskFullError | None:
    """The error for writing `path` if `error`, or what it was raised from, says that its disk is full; else None."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, DiskFullError):
            return cause
        if isinstance(cause, OSError) and cause.errno in _FULL:
            return DiskFullError(path, cause.errno)
        cause = cause.__cause__ or cause.__context__
    return None


@contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """A temporary path for writing `path`: renamed to `path` at the end of the block, deleted after an error.

    Each call has its own temporary path in the folder of `path`, so that two processes may write the same file. The
    content is on the disk before the file has its name.

    Raises:
        DiskFullError: there is no space for it; nothing of it is left.
    """
    path = path.resolve() if path.is_symlink() else path  # the link stays
    part = _part_of(path)
    try:
        part.touch()
        with _held(part):
            yield part
            _sync(part)
            part.replace(path)
    except Exception as error:
        if isinstance(error, OSError) and error.filename == str(part):
            error.filename = str(path)
        _raise(error, path)
    finally:
        part.unlink(missing_ok=True)


def write_whole(path: Path, content: bytes | str) -> None:
    """Write a file at once, text as UTF-8; also to a pipe or device, such as /dev/stdout. Errors as `whole_file`."""
    data = content.encode() if isinstance(content, str) else content
    if path.exists() and not path.is_file() and not path.is_dir():
        path.write_bytes(data)
        return
    with whole_file(path) as part:
        part.write_bytes(data)


@contextmanager
def whole_folder(path: Path) -> Iterator[Path]:
    """A folder beside `path`, which must be absent or empty, that becomes it at the end of the block.

    Nothing is left of it after an error. What killed processes left of the same folder is removed.

    Raises:
        DiskFullError: there is no space for it.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    remove_parts(path.parent, f".{path.name}.*{PART}")
    part = _part_of(path)
    part.mkdir()
    try:
        with _held(part):
            yield part
            part.replace(path)
    except Exception as error:
        full = full_disk(error, path)
        if full is None:
            raise
        raise DiskFullError(path, full.errno or errno.ENOSPC) from error  # not of the file in the temporary folder
    finally:
        shutil.rmtree(part, ignore_errors=True)


def remove_parts(folder: Path, pattern: str = f".*{PART}") -> None:
    """Delete what killed processes left half written in `folder`, and nothing that a process still writes."""
    for part in folder.glob(pattern):
        with suppress(FileNotFoundError, BlockingIOError), _held(part, fcntl.LOCK_NB):
            shutil.rmtree(part) if part.is_dir() else part.unlink()


@contextmanager
def only_whole_files(folder: Path) -> Iterator[None]:
    """Remove half-written files before and after the block: of killed runs, and of processes that die in it."""
    remove_parts(folder)
    try:
        yield
    finally:
        remove_parts(folder)


def _part_of(path: Path) -> Path:
    return path.with_name(f".{path.name}.{uuid.uuid4().hex[:12]}{PART}")


@contextmanager
def _held(part: Path, how: int = 0) -> Iterator[int]:
    """Lock a file or folder, by which `remove_parts` of other processes sees that somebody still writes it.

    Raises:
        BlockingIOError: with LOCK_NB, another process holds it.
    """
    file = os.open(part, os.O_RDONLY)
    try:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | how)
        except BlockingIOError:
            raise
        except OSError:
            pass  # a network file system without locks
        yield file
    finally:
        os.close(file)


def _sync(part: Path) -> None:
    file = os.open(part, os.O_RDONLY)
    try:
        os.fsync(file)
    finally:
        os.close(file)


def _raise(error: Exception, path: Path) -> NoReturn:
    full = full_disk(error, path)
    if full is None or full is error:
        raise error
    raise full from error
