"""The rule for files that others made: every way in which reading one can fail ends in an error of this package."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from metrichmsr_ros.errors import MetricHMRError

_LONGEST = 200  # characters of a foreign error's text, which may quote the file


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


def cause(error: BaseException) -> str:
    """Type and text of an exception in one short line."""
    text = " ".join(str(error).split())
    return f"{type(error).__name__}: {text[:_LONGEST]}" if text else type(error).__name__
