"""Text files of others: one error for every way in which reading them can fail."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from metrichmsr_ros.errors import MetricHMRError, cause

_LARGEST = 2**30  # bytes; COCO's key points have 240 MB


class TextFileError(MetricHMRError, ValueError):
    """A file is missing, too large, no text or no JSON; the message names it and the remedy."""


def read_text(path: Path) -> str:
    """The text of a UTF-8 file.

    Raises:
        TextFileError: it is missing, too large or no text.
    """
    try:
        size = path.stat().st_size
        if size > _LARGEST:
            raise TextFileError(f"{path} has {size / 1e9:.1f} GB, at most {_LARGEST / 1e9:.1f} are read; is it a text?")
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise TextFileError(f"{path} is missing; check the path") from None
    except OSError as error:
        raise TextFileError(f"{path} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise TextFileError(f"{path} is not a text file, or is damaged; copy or download it again") from None


def escaped(name: str) -> str:
    """The name of a file with escapes for bytes that are not UTF-8, which no text or table can hold."""
    return name.encode("utf-8", "backslashreplace").decode()


def check_utf8(kind: type[MetricHMRError], name: str, remedy: str) -> None:
    """Raise an error of `kind`, with the remedy, if the name of a file or folder is not UTF-8."""
    if escaped(name) != name:
        raise kind(f"{escaped(name)}: the name is not UTF-8; {remedy}")


def read_json(path: Path) -> Any:
    """The values of a JSON file.

    Raises:
        TextFileError: as `read_text`, or the text is no JSON.
    """
    text = read_text(path)
    try:
        return json.loads(text)
    except Exception as error:  # JSONDecodeError, RecursionError, and ValueError for a number without end
        raise TextFileError(f"{path} is not JSON, or is damaged ({cause(error)}); copy or download it again") from None


def json_text(values: Any, indent: int | None = None) -> str:
    """JSON of values. Numbers that are not finite become null: JSON has no NaN, and other readers refuse it."""
    return json.dumps(_finite(values), indent=indent, allow_nan=False)


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(key): _finite(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_finite(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def is_json_with(path: Path, keys: Iterable[str]) -> bool:
    """Whether a file is a JSON object with all of these keys, by which a command knows what it wrote."""
    try:
        content = read_json(path)
    except TextFileError:
        return False
    return isinstance(content, dict) and content.keys() >= set(keys)
