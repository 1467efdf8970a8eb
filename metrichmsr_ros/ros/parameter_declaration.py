"""The table of parameters on a node: declared with ranges and texts, read as one object, checked when changed."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from rcl_interfaces.msg import FloatingPointRange, IntegerRange, ParameterDescriptor, SetParametersResult
from rclpy.node import Node
from rclpy.parameter import Parameter

from metrichmsr_ros.ros.parameter_spec import ParameterError, ParameterSpec
from metrichmsr_ros.ros.parameters import PARAMETERS, Settings

_CONVERTS = hasattr(Node, "add_pre_set_parameters_callback")  # not in Humble, where any type is let in instead


def declare_parameters(node: Node) -> None:
    """Declare all parameters on `node`, with the values that it was started with.

    Raises:
        ParameterError: one of these values is not allowed.
    """
    given = node._parameter_overrides
    for name, spec in PARAMETERS.items():
        value = spec.converted(given[name].value) if name in given else spec.default
        node.declare_parameter(name, value, _descriptor(spec), ignore_override=True)
    if _CONVERTS:
        node.add_pre_set_parameters_callback(_in_types)


def read_settings(node: Node, changed: Iterable[Parameter] = ()) -> Settings:
    """Current values, with those of `changed` in their place.

    Raises:
        ParameterError: a value that is not allowed.
    """
    values = {name: node.get_parameter(name).value for name in PARAMETERS}
    values |= {parameter.name: parameter.value for parameter in changed if parameter.name in values}
    typed: dict[str, Any] = {name: PARAMETERS[name].converted(value) for name, value in values.items()}
    return Settings(**typed)


def check_changes(node: Node, changed: list[Parameter]) -> tuple[Settings | None, SetParametersResult]:
    """Judge a request to set parameters: the settings as they will be, and what to answer."""
    try:
        return read_settings(node, changed), SetParametersResult(successful=True)
    except ParameterError as error:
        return None, SetParametersResult(successful=False, reason=str(error))


def _in_types(changed: list[Parameter]) -> list[Parameter]:
    """The same parameters in the types of the table where that is possible; rclpy refuses the rest."""
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
