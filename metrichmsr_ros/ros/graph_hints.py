"""What a user got wrong, read off the ROS graph: topics of another name, nodes of the same, parameters of no node."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from difflib import get_close_matches

from rclpy.node import Node

_COMPRESSED = "/compressed"  # what image_transport appends to the name of the image topic
_TRANSPORTS = {"sensor_msgs/msg/Image": "raw", "sensor_msgs/msg/CompressedImage": "compressed"}


def elsewhere(node: Node, topic: str, argument: str, kinds: Sequence[str]) -> str:
    """Where to find what does not come on `topic`, as words for the end of a message.

    Args:
        node: who listens; its own topics are left out.
        topic: resolved name. argument: what to remap, e.g. "image".
        kinds: types looked for; the first is the one that is subscribed.
    """
    published = [info.topic_type for info in node.get_publishers_info_by_topic(topic)]
    silent = published.count(kinds[0])
    if silent:
        return f"its {silent} publishers are silent" if silent > 1 else "its publisher is silent"
    ways = _ways(node, argument, kinds, topic)
    if published:
        return "; ".join([f"it has the type {published[0]}, not {kinds[0]}", *ways[:1]])
    if ways:
        return f"nobody publishes it; {ways[0]}"
    return f"nobody publishes it, nor another {' or '.join(kinds)}: does the driver run, with the same ROS_DOMAIN_ID?"


def _ways(node: Node, argument: str, kinds: Sequence[str], topic: str) -> list[str]:
    """What to set in order to receive one of `kinds`; first of all the same image by another transport."""
    ways = []
    for kind in kinds:
        names = _published(node, kind)
        near = names & {topic, topic.removesuffix(_COMPRESSED)}
        listed = ", ".join(sorted(names))
        if kind == kinds[0] and names:
            ways.append(f"remap {argument} to one of {listed}")
        elif near:
            ways.insert(0, f"set image_transport to {_TRANSPORTS[kind]} and {argument} to {min(near)}")
        elif names:
            ways.append(f"set image_transport to {_TRANSPORTS[kind]} and {argument} to one of {listed}")
    return ways


def _published(node: Node, kind: str) -> set[str]:
    """Names to remap to for each topic of type `kind` that another node publishes."""
    own = node.get_fully_qualified_name() + "/"
    suffix = _COMPRESSED if _TRANSPORTS.get(kind) == "compressed" else ""  # which the node appends by itself
    return {
        name.removesuffix(suffix)
        for name, types in node.get_topic_names_and_types()
        if kind in types and name.endswith(suffix) and not name.startswith(own) and node.count_publishers(name)
    }


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
