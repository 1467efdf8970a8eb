"""The base of every error that this package raises on purpose.

The command line prints such an error as one line; every other exception is a bug and keeps its traceback. So what
parsers of foreign files raise is converted, see `errors_as`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from typing import Any, TypeVar, cast

Reader = TypeVar("Reader", bound=Callable[..., Any])

_LONGEST_CAUSE = 200  # characters of a foreign error's text, which may quote the file


class MetricHMRError(Exception):
    """An input, a file or a setting that cannot be used; the message names it, its value and the remedy."""


class MissingPackageError(MetricHMRError, ImportError):
    """An optional package is needed and not installed; the message names the command that installs it."""


class CalibrationWarning(UserWarning):
    """A calibration that is used, but that is unusual for an image of its size; the message names the remedy."""


@contextmanager
def errors_as(kind: type[MetricHMRError], text: str) -> Iterator[None]:
    """Convert every exception inside the block, other than this package's, to `kind`.

    Parsers of foreign bytes fail in ways that they do not list, up to MemoryError and RecursionError.

    Args:
        kind: the error to raise.
        text: names the file, what is wrong with it and the remedy; the cause follows in parentheses.
    """
    try:
        yield
    except MetricHMRError:
        raise
    except Exception as error:
        raise kind(f"{text} ({cause(error)})") from error


@contextmanager
def naming(kind: type[MetricHMRError], path: Any) -> Iterator[None]:
    """Put the name of a file before errors of `kind` inside the block that do not name it."""
    try:
        yield
    except kind as error:
        if str(path) in str(error):
            raise
        raise kind(f"{path}: {error}") from error


def reads(kind: type[MetricHMRError], what: str) -> Callable[[Reader], Reader]:
    """Decorate a reader whose first argument is the path of a foreign file: its errors become `kind` and name the file.

    Args:
        kind: the error to raise.
        what: the file in words, "a BVH motion".
    """

    def decorated(reader: Reader) -> Reader:
        @wraps(reader)
        def checked(path: Any, *arguments: Any, **options: Any) -> Any:
            is_none = f"{path} is not {what}, or is damaged; copy or download it again"
            with naming(kind, path), errors_as(kind, is_none):
                return reader(path, *arguments, **options)

        return cast(Reader, checked)

    return decorated


def cause(error: BaseException) -> str:
    """Type and text of an exception in one short line."""
    text = " ".join(str(error).split())
    return f"{type(error).__name__}: {text[:_LONGEST_CAUSE]}" if text else type(error).__name__
