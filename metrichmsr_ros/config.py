"""Frozen dataclasses from YAML: unknown keys and values of the wrong type raise errors that name the key."""

from __future__ import annotations

import dataclasses
import difflib
import math
import reprlib
import types
import typing
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, TypeVar

import yaml

from metrichmsr_ros.errors import MetricHMRError

T = TypeVar("T")

_LARGEST_FILE = 2**20  # bytes; the largest of this package has 5 kB
_MOST_VALUES = 10_000  # where an alias counts as often as the values that it names
_DEEPEST = 20
_LONGEST_KEY = 60  # characters of a key, in which a similar one is looked for


class ConfigError(MetricHMRError, ValueError):
    """A configuration has an unknown key or a value of the wrong type."""


def build(cls: type[T], values: Mapping[str, Any], where: str = "") -> T:
    """Builds the frozen dataclass `cls` from a mapping, recursively; `where` is the path of the key in error messages.

    Raises ConfigError for an unknown key (naming the nearest known one) or a value of the wrong type.
    """
    if not isinstance(values, Mapping):
        raise ConfigError(f"{where or cls.__name__}: expected a mapping of keys, got {reprlib.repr(values)}")
    hints = typing.get_type_hints(cls)
    known = [f.name for f in dataclasses.fields(cls)]  # type: ignore[arg-type]
    arguments = {}
    for key, value in values.items():
        name = str(key)[:_LONGEST_KEY]
        path = f"{where}.{name}" if where else name
        if key not in known:
            near = difflib.get_close_matches(name, known, n=1)
            hint = f"did you mean {near[0]!r}?" if near else f"known: {known}"
            raise ConfigError(f"{path}: unknown key; {hint}")
        arguments[key] = _convert(hints[key], value, path)
    try:
        return cls(**arguments)
    except ConfigError as error:
        raise ConfigError(f"{where}.{error}" if where else str(error)) from None
    except TypeError as error:
        raise ConfigError(f"{where or cls.__name__}: {error}") from None


def _convert(kind: Any, value: Any, path: str) -> Any:
    origin, args = typing.get_origin(kind), typing.get_args(kind)
    if dataclasses.is_dataclass(kind):
        return build(typing.cast(type, kind), value, path)
    if origin is Literal:
        if not isinstance(value, str) or value not in args:
            raise ConfigError(f"{path}: {reprlib.repr(value)} is not one of {list(args)}")
        return value
    if origin in (typing.Union, types.UnionType):
        return None if value is None else _convert(next(a for a in args if a is not type(None)), value, path)
    if origin is tuple:
        if not isinstance(value, (list, tuple)) or (args[-1] is not Ellipsis and len(value) != len(args)):
            raise ConfigError(f"{path}: expected a list of {len(args)} values, got {reprlib.repr(value)}")
        return tuple(_convert(args[0], item, f"{path}[{i}]") for i, item in enumerate(value))
    if kind is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
        raise ConfigError(f"{path}: expected {kind.__name__}, got {reprlib.repr(value)}")
    return value


def load_config(cls: type[T], path: str | Path) -> T:
    """Reads the YAML file `path` into the dataclass `cls`; ConfigError names the file and the key."""
    values = read_yaml(path)
    try:
        return build(cls, values)
    except ConfigError as error:
        raise ConfigError(f"{path}: {error}") from None


AT_LEAST_0, AT_LEAST_1 = (0, math.inf), (1, math.inf)
"""Limits for `check_ranges`."""


def check_ranges(config: Any, **limits: tuple[float, float]) -> None:
    """Raise ConfigError for a value of a dataclass, or of a tuple in it, outside its least and greatest value."""
    for name, (least, greatest) in limits.items():
        value = getattr(config, name)
        for number in value if isinstance(value, tuple) else (value,):
            if number is not None and not (least <= number <= greatest and abs(number) < math.inf):  # nor NaN
                allowed = f"at least {least}" if greatest == math.inf else f"between {least} and {greatest}"
                raise ConfigError(f"{name}: {number} is not {allowed}")


def read_yaml(path: str | Path) -> dict[str, Any]:
    """The keys of a YAML file; none of an empty one.

    Raises:
        ConfigError: the file is missing or cannot be read, is not YAML, or holds no mapping; the message names it.
    """
    try:
        if Path(path).stat().st_size > _LARGEST_FILE:
            raise ConfigError(f"{path} is larger than {_LARGEST_FILE >> 20} MiB; name a YAML file")
        values = parse_yaml(Path(path).read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ConfigError(f"{path}: no such configuration file") from None
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {error.strerror}; name a YAML file") from None
    except UnicodeDecodeError:
        raise ConfigError(f"{path}: not valid YAML: it is not UTF-8 text; name a YAML file") from None
    except YamlError as error:
        raise ConfigError(f"{path}: not valid YAML: {error}") from None
    if not isinstance(values or {}, dict):
        raise ConfigError(f"{path}: expected a mapping of keys")
    return values or {}


class YamlError(MetricHMRError, ValueError):
    """A text is no YAML, or would unfold to more than a configuration needs. The message does not name the file."""


def parse_yaml(text: str) -> Any:
    """The values of a YAML text, which has few values, few levels and no types of its own.

    Raises:
        YamlError: it is not, or has not.
    """
    if len(text) > _LARGEST_FILE:
        raise YamlError(f"more than {_LARGEST_FILE >> 20} MiB of text")
    try:
        _check_size(text)
        return yaml.safe_load(text)
    except YamlError:
        raise
    except Exception as error:  # its constructors raise what int() and datetime() do
        raise YamlError(str(error) or type(error).__name__) from None


def _check_size(text: str) -> None:
    """Count values before any is made: aliases of aliases grow without bounds when they are copied."""
    sizes: list[int] = [0]
    names: list[str | None] = [None]
    known: dict[str, int] = {}
    for event in yaml.parse(text, Loader=yaml.SafeLoader):
        if isinstance(event, yaml.CollectionStartEvent):
            sizes.append(1)
            names.append(event.anchor)
            if len(sizes) > _DEEPEST:
                raise YamlError(f"more than {_DEEPEST} levels, one inside the other")
            continue
        if isinstance(event, yaml.AliasEvent):
            size, name = known.get(event.anchor or "", 0), None
            if not size:
                raise YamlError(f"*{event.anchor} names itself or nothing")
        elif isinstance(event, yaml.ScalarEvent):
            size, name = 1, event.anchor
        elif isinstance(event, yaml.CollectionEndEvent):
            size, name = sizes.pop(), names.pop()
        else:
            continue
        sizes[-1] += size
        known |= {name: size} if name else {}
        if sum(sizes) > _MOST_VALUES:
            raise YamlError(f"more than {_MOST_VALUES} values")


def to_mapping(config: Any) -> dict[str, Any]:
    """A dataclass configuration as plain nested values (for JSON or YAML); `build` reads it back."""
    return dataclasses.asdict(config)
