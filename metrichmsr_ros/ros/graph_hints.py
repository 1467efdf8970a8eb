"""What a user got wrong, read off the ROS graph: topics of another name, nodes of the same, parameters of no node."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from difflib import get_close_matches

from rclpy.node import Node


def elsewhere(node: Node, topic: str, argument: str, kinds: Collection[str]) -> str:
    """Where to find what does not come on `topic`, as words for the end of a message.

    Args:
        node: who listens; its own topics are left out.
        topic: resolved name. argument: what to remap, e.g. "image". kinds: types looked for.
    """
    publishers = node.count_publishers(topic)
    if publishers:
        return f"its {publishers} publishers are silent" if publishers > 1 else "its publisher is silent"
    own = node.get_fully_qualified_name() + "/"
    others = [
        name
        for name, types in node.get_topic_names_and_types()
        if set(types) & set(kinds) and not name.startswith(own) and node.count_publishers(name)
    ]
    if others:
        return f"nobody publishes it; remap {argument} to one of {', '.join(sorted(others))}"
    return f"nobody publishes it, nor another {' or '.join(kinds)}: does the driver run, with the same ROS_DOMAIN_ID?"


def namesakes(node: Node) -> int:
    """How many other nodes have this node's full name."""
    own = node.get_name(), node.get_namespace()
    return node.get_node_names_and_namespaces().count(own) - 1


def misspelt(given: Iterable[str], known: Collection[str], former: Mapping[str, str]) -> list[str]:
    """What to tell of parameters that were given but that the node does not have.

    Args:
        given: names from the command line or a file. known: names that are declared.
        former: today's name of those that had another one.
    """
    strange = [name for name in given if name not in known and not name.startswith("qos_overrides.")]
    return [f"there is no parameter {name}{_instead(name, known, former)}" for name in strange]


def _instead(name: str, known: Collection[str], former: Mapping[str, str]) -> str:
    if name in former:
        return f"; it is called {former[name]} now"
    nearest = get_close_matches(name, known, 1)
    return f"; is {nearest[0]} meant?" if nearest else ""
