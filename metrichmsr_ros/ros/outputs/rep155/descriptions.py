"""`human_description_<id>`: the URDF of everybody as a parameter of the node, as REP-155 names it."""

from __future__ import annotations

from collections.abc import Collection

from rcl_interfaces.msg import ParameterDescriptor
from rclpy.node import Node
from rclpy.parameter import Parameter

PREFIX = "human_description_"


class DescriptionParameters:
    """Parameters that come and go with people.

    Args:
        node: owner of the parameters.
    """

    def __init__(self, node: Node) -> None:
        self._node = node
        self._new: dict[str, str] = {}
        self._declared: set[str] = set()

    @property
    def has_news(self) -> bool:
        """Whether `follow` has URDFs to set."""
        return bool(self._new)

    def offer(self, body_id: str, urdf: str) -> None:
        """Keep a URDF for the next `follow`."""
        self._new[body_id] = urdf

    def follow(self, present: Collection[str]) -> None:
        """Set the parameters of those present, remove those of others; for the executor's thread."""
        for body_id in self._declared - set(present):
            self._node.undeclare_parameter(PREFIX + body_id)
        self._declared &= set(present)
        news, self._new = self._new, {}
        for body_id, urdf in news.items():
            if body_id in present:
                self._set(body_id, urdf)

    def _set(self, body_id: str, urdf: str) -> None:
        name = PREFIX + body_id
        if body_id in self._declared:
            self._node.set_parameters([Parameter(name, value=urdf)])
        else:
            about = ParameterDescriptor(description=f"URDF of body {body_id}. The node writes it.")
            self._node.declare_parameter(name, urdf, about, ignore_override=True)
            self._declared.add(body_id)
