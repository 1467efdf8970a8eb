"""What the command line does with mistakes and their surroundings: one line and an exit code, on any terminal."""

from __future__ import annotations

import errno
import io
import os
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NoReturn, TextIO

from metrichmsr_ros.errors import CalibrationWarning, MetricHMRError
from metrichmsr_ros.io.whole_files import full_disk, remove_parts
from metrichmsr_ros.replay.options import ExitCode

USAGE, INTERRUPTED, CLOSED_PIPE = 2, 130, 141
_EXTRA_TRAIN = ("torch", "roma", "safetensors", "tensorboard")
_REMEDIES = {
    errno.EEXIST: "it is not a folder; name another",
    errno.ENOTDIR: "a part of the path is a file; name a folder",
    errno.EISDIR: "name a file",
    errno.ENOENT: "check the path",
    errno.EACCES: "choose a path that you may use, or change its permissions",
    errno.EPERM: "choose a path that you may use, or change its permissions",
    errno.EROFS: "choose a path that can be written to",
    errno.ENAMETOOLONG: "choose a shorter name",
}


class OutputError(MetricHMRError, ValueError):
    """Results cannot be written where the user wants them."""


def check_output_folder(out: Path) -> None:
    """Remove what killed commands left half-written in `out`.

    Raises:
        OutputError: `out` can not become a folder of results, which is said before the work begins.
    """
    try:
        nearest = next(folder for folder in (out, *out.absolute().parents) if folder.exists())
    except OSError as error:
        raise OutputError(f"--out {os_error_line(error)}") from None
    if not nearest.is_dir():
        raise OutputError(f"--out {out}: {nearest} is a file; name a folder")
    if not os.access(nearest, os.W_OK):
        raise OutputError(f"--out {out}: {nearest} cannot be written to; name another folder")
    remove_parts(out)


@contextmanager
def one_line_errors(prog: str) -> Iterator[None]:
    """End the process with one line about what the user can mend; bugs keep their traceback.

    Text that the terminal cannot show is escaped, and warnings about calibrations become lines.
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    with warnings.catch_warnings():
        _show_warnings_as_lines(prog)
        try:
            yield
            sys.stdout.flush()
        except KeyboardInterrupt:
            sys.exit(INTERRUPTED)
        except BrokenPipeError:  # `| head` has read enough
            _drop_output()
            sys.exit(CLOSED_PIPE)
        except MetricHMRError as error:
            _end(prog, str(error), ExitCode.OUTPUT if full_disk(error, "") else USAGE)
        except ModuleNotFoundError as error:
            if (error.name or "").partition(".")[0] not in _EXTRA_TRAIN:
                raise
            _end(prog, f"this needs {error.name}, which is not installed: pip install 'metrichmsr_ros[train]'")
        except OSError as error:
            if (full := full_disk(error, error.filename or "the output")) is not None:
                _keep_or_drop_output()
                _end(prog, str(full), ExitCode.OUTPUT)
            _end(prog, os_error_line(error))


def _keep_or_drop_output() -> None:
    try:
        sys.stdout.flush()
    except OSError:
        _drop_output()


def _drop_output() -> None:
    """What cannot be printed is not tried again when Python ends."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def os_error_line(error: OSError) -> str:
    """The path, what is wrong with it and the remedy."""
    names = [os.fsdecode(name) for name in (error.filename, error.filename2) if isinstance(name, (str, bytes, Path))]
    remedy = _REMEDIES.get(error.errno or 0, "")
    return ": ".join(filter(None, (" -> ".join(names), error.strerror or str(error)))) + (
        f"; {remedy}" if remedy else ""
    )


def _end(prog: str, text: str, code: int = USAGE) -> NoReturn:
    print(f"{prog}: error: {' '.join(text.split(chr(10)))}", file=sys.stderr)
    sys.exit(int(code))


def _show_warnings_as_lines(prog: str) -> None:
    usual = warnings.showwarning

    def show(
        message: Warning | str,
        category: type[Warning],
        filename: str,
        lineno: int,
        file: TextIO | None = None,
        line: str | None = None,
    ) -> None:
        if issubclass(category, CalibrationWarning):
            print(f"{prog}: warning: {message}", file=sys.stderr)
        else:
            usual(message, category, filename, lineno, file, line)

    warnings.showwarning = show
