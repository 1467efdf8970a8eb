"""Values of parameters, one or several together, set on running nodes and given at their start; without executors."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import rclpy
from rclpy.context import Context
from rclpy.node import Node
from rclpy.parameter import Parameter

from benchmarks.fuzz.choices import Choices
from benchmarks.fuzz.target import Reading, Run, Target
from metrichmsr_ros.errors import MetricHMRError
from metrichmsr_ros.ros.following.node import make_follow_node
from metrichmsr_ros.ros.following.parameters import FOLLOW_PARAMETERS
from metrichmsr_ros.ros.fusion.node import make_fusion_node
from metrichmsr_ros.ros.fusion.parameters import FUSION_PARAMETERS
from metrichmsr_ros.ros.node import make_node
from metrichmsr_ros.ros.parameter_declaration import declare_parameters, read_settings, read_values
from metrichmsr_ros.ros.parameter_spec import ParameterSpec
from metrichmsr_ros.ros.parameters import PARAMETERS

_DOMAIN = 97  # of nodes that nobody is to find
_MOST_SETS = 8
_MOST_TOGETHER = 5
Table = Mapping[str, ParameterSpec]


def value(choices: Choices, spec: ParameterSpec) -> Any:
    """An allowed value, one beyond its range, or one of any other type."""
    kind = choices.below(8)
    if kind == 0:
        return spec.default
    if kind == 1 and spec.choices:
        return choices.pick(spec.choices)
    if kind < 3 and spec.between:
        number = choices.pick(spec.between) + choices.pick((0, 1e-9, -1e-9, 1, -1))
        return int(number) if isinstance(spec.default, int) else float(number)
    if kind == 3:
        return choices.text()
    if kind == 4:
        return choices.number()
    if kind == 5:
        return choices.pick((True, False))
    if kind == 6:
        return choices.pick((0, 1, -1, 2**31, 2**63 - 1, -(2**63), choices.unsigned32()))
    return choices.pick(([1, 2], [0.5, float("nan")], ["a"], [True], [b"a"]))


def given(choices: Choices, table: Table) -> list[Parameter]:
    """Some parameters of a table with their new values."""
    names = {choices.pick(tuple(table)) for _ in range(choices.below(_MOST_TOGETHER) + 1)}
    return [Parameter(name, value=value(choices, table[name])) for name in sorted(names)]


def set_on(node: Node, table: Table, changed: list[Parameter]) -> str:
    """Set parameters together as the service does: "set", or the reason for which they were refused.

    Raises:
        AssertionError: they were refused without a reason, or set to other values.
    """
    result = node.set_parameters_atomically(changed)
    if result.successful:
        values = read_values(node, table)
        if any(values[one.name] != table[one.name].converted(one.value) for one in changed):
            raise AssertionError(f"{[one.name for one in changed]} were set to other values")
        return "set"
    if not any(one.name in result.reason for one in changed):
        raise AssertionError(f"{[one.name for one in changed]} were refused with the reason {result.reason!r}")
    return str(result.reason)


def begin(table: Table, changed: list[Parameter]) -> str:
    """Declare the parameters of a node that starts with these values; raises ParameterError where it refuses them."""
    values = {name: SimpleNamespace(value=spec.default) for name, spec in table.items()}

    def declare(name: str, chosen: Any, *_: Any, **__: Any) -> None:
        values[name] = SimpleNamespace(value=chosen)

    node: Any = SimpleNamespace(
        _parameter_overrides={one.name: one for one in changed},
        declare_parameter=declare,
        get_parameter=values.__getitem__,
        add_pre_set_parameters_callback=lambda _: None,
    )
    declare_parameters(node, table)
    read_values(node, table)
    if table is PARAMETERS:
        settings = read_settings(node)
        settings.rectified, settings.max_pixels  # noqa: B018
    return "begun"


def start(folder: Path) -> Run:
    """Runs sets of parameters on a node of each kind."""
    context = Context()
    rclpy.init(context=context, domain_id=_DOMAIN, args=[])  # a level of the log would be that of the whole process
    makers: tuple[tuple[Callable[..., Node], Table, dict[str, Any]], ...] = (
        (make_node, PARAMETERS, {}),
        (make_fusion_node, FUSION_PARAMETERS, {"cameras": "a,b"}),
        (make_follow_node, FOLLOW_PARAMETERS, {}),
    )
    nodes = [
        (make(parameter_overrides={"autostart": False, **values}, context=context), table)
        for make, table, values in makers
    ]

    def run(data: bytes) -> Reading:
        choices, said, refused = Choices(data), list[str](), 0
        while len(said) < _MOST_SETS and not (said and choices.is_over):
            node, table = choices.pick(nodes)
            changed = given(choices, table)
            try:
                said.append(begin(table, changed) if choices.is_rare(3) else set_on(node, table, changed))
            except MetricHMRError as error:
                said.append(str(error))
            refused += said[-1] not in ("set", "begun")
        return Reading(said[-1], len(said), refused)

    return run


SETS = Target("parameters", "parameter sets", start, share=1.5)
