"""Declare the table of parameters on a node, read the values as one object, and check changes."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from rcl_interfaces.msg import FloatingPointRange, IntegerRange, ParameterDescriptor, SetParametersResult
from rclpy.node import Node
from rclpy.parameter import Parameter

from metrichmsr_ros.ros.parameter_spec import ParameterError, ParameterSpec
from metrichmsr_ros.ros.parameters import PARAMETERS, Settings

_CONVERTS = hasattr(Node, "add_pre_set_parameters_callback")  # not in Humble; there, all types are accepted


def declare_parameters(node: Node) -> None:
    """Declare all parameters on `node`, with the node's initial values.

    Raises:
        ParameterError: an initial value is not allowed.
    """
    given = node._parameter_overrides
    for name, spec in PARAMETERS.items():
        value = spec.converted(given[name].value) if name in given else spec.default
        node.declare_parameter(name, value, _descriptor(spec), ignore_override=True)
    if _CONVERTS:
        node.add_pre_set_parameters_callback(_in_types)


def read_settings(node: Node, changed: Iterable[Parameter] = ()) -> Settings:
    """Current values, with the values of `changed` applied.

    Raises:
        ParameterError: a value is not allowed.
    """
    values = {name: node.get_parameter(name).value for name in PARAMETERS}
    values |= {parameter.name: parameter.value for parameter in changed if parameter.name in values}
    typed: dict[str, Any] = {name: PARAMETERS[name].converted(value) for name, value in values.items()}
    return Settings(**typed)


def check_changes(node: Node, changed: list[Parameter]) -> tuple[Settings | None, SetParametersResult]:
    """Check a request to set parameters: the new settings (None if refused), and the answer to the request."""
    try:
        return read_settings(node, changed), SetParametersResult(successful=True)
    except ParameterError as error:
        return None, SetParametersResult(successful=False, reason=str(error))


def _in_types(changed: list[Parameter]) -> list[Parameter]:
    """The parameters converted to the types of the table if possible; rclpy refuses the others."""
    return [
        Parameter(given.name, value=PARAMETERS[given.name].typed(given.value)) if given.name in PARAMETERS else given
        for given in changed
    ]


def _descriptor(spec: ParameterSpec) -> ParameterDescriptor:
    descriptor = ParameterDescriptor(description=spec.text + spec.limits, read_only=spec.read_only)
    descriptor.dynamic_typing = not _CONVERTS and isinstance(spec.default, float | str)
    if spec.choices:
        descriptor.additional_constraints = f"one of {spec.range_text}"
    if spec.between and isinstance(spec.default, float):
        low, high = spec.between
        descriptor.floating_point_range = [FloatingPointRange(from_value=float(low), to_value=float(high), step=0.0)]
    elif spec.between:
        low, high = map(int, spec.between)
        descriptor.integer_range = [IntegerRange(from_value=low, to_value=high, step=1)]
    return descriptor
