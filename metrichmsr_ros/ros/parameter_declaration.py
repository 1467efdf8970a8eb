"""Declare the table of parameters on a node, read the values as one object, and check changes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import partial
from typing import Any

from rcl_interfaces.msg import FloatingPointRange, IntegerRange, ParameterDescriptor, SetParametersResult
from rclpy.node import Node
from rclpy.parameter import Parameter

from metrichmsr_ros.ros.parameter_spec import ParameterError, ParameterSpec
from metrichmsr_ros.ros.parameters import PARAMETERS, Settings

_CONVERTS = hasattr(Node, "add_pre_set_parameters_callback")  # not in Humble; there, all types are accepted


def declare_parameters(node: Node, table: Mapping[str, ParameterSpec] = PARAMETERS) -> None:
    """Declare all parameters of a table on `node`, with the node's initial values.

    Raises:
        ParameterError: an initial value is not allowed.
    """
    given = node._parameter_overrides
    for name, spec in table.items():
        value = spec.converted(given[name].value) if name in given else spec.default
        node.declare_parameter(name, value, _descriptor(spec), ignore_override=True)
    if _CONVERTS:
        node.add_pre_set_parameters_callback(partial(_in_types, table))


def read_settings(node: Node, changed: Iterable[Parameter] = ()) -> Settings:
    """Current values, with the values of `changed` applied.

    Raises:
        ParameterError: a value is not allowed.
    """
    return Settings(**read_values(node, PARAMETERS, changed))


def read_values(node: Node, table: Mapping[str, ParameterSpec], changed: Iterable[Parameter] = ()) -> dict[str, Any]:
    """Current values of a table's parameters by name, with the values of `changed` applied.

    Raises:
        ParameterError: a value is not allowed.
    """
    values = {name: node.get_parameter(name).value for name in table}
    values |= {parameter.name: parameter.value for parameter in changed if parameter.name in values}
    return {name: table[name].converted(value) for name, value in values.items()}


def check_changes(node: Node, changed: list[Parameter]) -> tuple[Settings | None, SetParametersResult]:
    """Check a request to set parameters: the new settings (None if refused), and the answer to the request."""
    try:
        return read_settings(node, changed), SetParametersResult(successful=True)
    except ParameterError as error:
        return None, SetParametersResult(successful=False, reason=str(error))


def _in_types(table: Mapping[str, ParameterSpec], changed: list[Parameter]) -> list[Parameter]:
    """The parameters converted to the types of the table if possible; rclpy refuses the others."""
    return [
        Parameter(given.name, value=table[given.name].typed(given.value)) if given.name in table else given
        for given in changed
    ]


def _descriptor(spec: ParameterSpec) -> ParameterDescriptor:
    descriptor = ParameterDescriptor(description=spec.text + spec.limits, read_only=spec.read_only)
    # rclpy's own text about a wrong type names neither the parameter nor a remedy; `check_changes` refuses it by name.
    # A read-only parameter has no other check than rclpy's.
    descriptor.dynamic_typing = not spec.read_only or (not _CONVERTS and isinstance(spec.default, float | str))
    if spec.choices:
        descriptor.additional_constraints = f"one of {spec.range_text}"
    if spec.between and isinstance(spec.default, float):
        low, high = spec.between
        descriptor.floating_point_range = [FloatingPointRange(from_value=float(low), to_value=float(high), step=0.0)]
    elif spec.between:
        low, high = map(int, spec.between)
        descriptor.integer_range = [IntegerRange(from_value=low, to_value=high, step=1)]
    return descriptor
