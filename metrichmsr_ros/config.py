"""Frozen dataclasses from YAML: unknown keys and values of the wrong type raise errors that name the key."""

from __future__ import annotations

import dataclasses
import difflib
import types
import typing
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, TypeVar

import yaml

from metrichmsr_ros.errors import MetricHMRError

T = TypeVar("T")


class ConfigError(MetricHMRError, ValueError):
    """A configuration has an unknown key or a value of the wrong type."""


def build(cls: type[T], values: Mapping[str, Any], where: str = "") -> T:
    """Builds the frozen dataclass `cls` from a mapping, recursively; `where` is the path of the key in error messages.

    Raises ConfigError for an unknown key (naming the nearest known one) or a value of the wrong type.
    """
    if not isinstance(values, Mapping):
        raise ConfigError(f"{where or cls.__name__}: expected a mapping of keys, got {values!r}")
    hints = typing.get_type_hints(cls)
    known = [f.name for f in dataclasses.fields(cls)]  # type: ignore[arg-type]
    arguments = {}
    for key, value in values.items():
        path = f"{where}.{key}" if where else str(key)
        if key not in known:
            near = difflib.get_close_matches(str(key), known, n=1)
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
        if value not in args:
            raise ConfigError(f"{path}: {value!r} is not one of {list(args)}")
        return value
    if origin in (typing.Union, types.UnionType):
        return None if value is None else _convert(next(a for a in args if a is not type(None)), value, path)
    if origin is tuple:
        if not isinstance(value, (list, tuple)) or (args[-1] is not Ellipsis and len(value) != len(args)):
            raise ConfigError(f"{path}: expected a list of {len(args)} values, got {value!r}")
        return tuple(_convert(args[0], item, f"{path}[{i}]") for i, item in enumerate(value))
    if kind is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
        raise ConfigError(f"{path}: expected {kind.__name__}, got {value!r}")
    return value


def load_config(cls: type[T], path: str | Path) -> T:
    """Reads the YAML file `path` into the dataclass `cls`; ConfigError names the file and the key."""
    values = read_yaml(path)
    try:
        return build(cls, values)
    except ConfigError as error:
        raise ConfigError(f"{path}: {error}") from None


def read_yaml(path: str | Path) -> dict[str, Any]:
    """The keys of a YAML file; none of an empty one.

    Raises:
        ConfigError: the file is missing or cannot be read, is not YAML, or holds no mapping; the message names it.
    """
    try:
        values = yaml.safe_load(Path(path).read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ConfigError(f"{path}: no such configuration file") from None
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {error.strerror}; name a YAML file") from None
    except UnicodeDecodeError:
        raise ConfigError(f"{path}: not valid YAML: it is not UTF-8 text; name a YAML file") from None
    except yaml.YAMLError as error:
        raise ConfigError(f"{path}: not valid YAML: {error}") from None
    if not isinstance(values or {}, dict):
        raise ConfigError(f"{path}: expected a mapping of keys")
    return values or {}


def to_mapping(config: Any) -> dict[str, Any]:
    """A dataclass configuration as plain nested values (for JSON or YAML); `build` reads it back."""
    return dataclasses.asdict(config)
