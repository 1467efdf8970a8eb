"""One parameter of the node: its allowed values, how text becomes a value, and the error for a wrong value."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from typing import Any, TypeAlias, get_args, get_type_hints

from metrichmsr_ros.errors import MetricHMRError

Value: TypeAlias = bool | int | float | str
"""Types of a parameter's value."""


class ParameterError(MetricHMRError, ValueError):
    """An invalid parameter value; the message names the parameter, the value and the allowed values."""


def read_flag(name: str, text: str) -> bool:
    """Convert the text of the argument `name` to a boolean, as conditions of launch files do.

    Raises:
        ParameterError: neither true nor false.
    """
    words = {"true": True, "1": True, "false": False, "0": False}
    if text.lower() not in words:
        raise ParameterError(f"{name} is {text!r}; choose true or false")
    return words[text.lower()]


def parameter(
    default: Value,
    text: str,
    *,
    unit: str = "",
    between: tuple[float, float] | None = None,
    read_only: bool = False,
    was: str = "",
) -> Any:
    """A field of `Settings`.

    Args:
        default: value when none is given.
        text: description for users, in one or two sentences.
        unit: unit of a number, e.g. "s".
        between: smallest and largest allowed number.
        read_only: True if it can be set only at the start of the node.
        was: name in earlier versions.
    """
    about = {"default": default, "text": text, "unit": unit, "between": between, "read_only": read_only, "was": was}
    return field(default=default, metadata=about)


@dataclass(frozen=True)
class ParameterSpec:
    """One row of the table.

    Attributes:
        name, default, text, unit, read_only, was: as for `parameter`.
        between: smallest and largest allowed number; None allows any.
        choices: allowed words; empty allows any.
    """

    name: str
    default: Value
    text: str
    unit: str
    between: tuple[float, float] | None
    choices: tuple[str, ...]
    read_only: bool
    was: str

    @property
    def type_name(self) -> str:
        """ROS name of the type: bool, integer, double or string."""
        return {bool: "bool", int: "integer", float: "double", str: "string"}[type(self.default)]

    @property
    def range_text(self) -> str:
        """The allowed numbers or words, e.g. "1 to 64"; empty without limits."""
        if self.between:
            return f"{self.between[0]:g} to {self.between[1]:g}"
        return ", ".join(self.choices)

    @property
    def limits(self) -> str:
        """Unit and range as sentences to follow `text`; empty without unit and range."""
        unit = f" Unit: {self.unit}." if self.unit else ""
        return unit + (f" Range: {self.range_text}." if self.between else "")

    def typed(self, value: Any) -> Any:
        """Convert a `value` whose type YAML chose differently: a number for text, an integer for a double.

        Other values are returned unchanged.
        """
        wanted = type(self.default)
        if self.choices and isinstance(value, bool | str):
            return str(value).lower()
        if wanted is str and type(value) in (int, float):
            return str(value)
        return float(value) if wanted is float and type(value) is int else value

    def converted(self, value: object) -> Value:
        """Convert `value` to the parameter's type.

        Raises:
            ParameterError: the value has another type or is not allowed.
        """
        typed: Value = self.typed(value)
        if type(typed) is not type(self.default) or not self._allows(typed):
            shown = str(value).lower() if isinstance(value, bool) else repr(value)  # as YAML writes it
            raise ParameterError(f"parameter {self.name} is {shown}; {self._remedy(value)}")
        return typed

    def from_text(self, text: str) -> Value:
        """Convert the text of a launch argument. Raises as `converted`."""
        if isinstance(self.default, bool):
            return read_flag(f"parameter {self.name}", text)
        readers: dict[type, Callable[[str], Value]] = {int: int, float: float}
        try:
            return self.converted(readers.get(type(self.default), str)(text))
        except ValueError:
            raise ParameterError(f"parameter {self.name} is {text!r}; {self._remedy(text)}") from None

    def _allows(self, value: Any) -> bool:
        if self.between:
            return self.between[0] <= value <= self.between[1]
        return not self.choices or value in self.choices

    def _remedy(self, value: object) -> str:
        if self.choices:
            return f"choose one of {self.range_text}"
        if isinstance(self.default, bool):
            return "choose true or false"
        if isinstance(self.default, str):
            return "YAML reads it as a boolean: put it in quotes" if isinstance(value, bool) else "give a text"
        kind = "an integer" if isinstance(self.default, int) else "a number"
        return f"choose {kind} from {self.range_text} {self.unit}".rstrip()


def parameter_table(settings: type) -> Mapping[str, ParameterSpec]:
    """The table of a dataclass whose fields are made by `parameter`: by name, in the order of the documentation."""
    hints = get_type_hints(settings)
    return {
        row.name: ParameterSpec(row.name, choices=get_args(hints[row.name]), **row.metadata) for row in fields(settings)
    }
