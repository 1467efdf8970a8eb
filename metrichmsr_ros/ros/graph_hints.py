"""What a user got wrong, read off the ROS graph: topics of another name or quality of service, nodes of the same name,
parameters of no node."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches

from rclpy.duration import Duration
from rclpy.node import Node
from rclpy.qos import (
    DurabilityPolicy,
    LivelinessPolicy,
    QoSCompatibility,
    QoSProfile,
    ReliabilityPolicy,
    qos_check_compatible,
)

_FOREVER_NS = 2**62  # middlewares write "no limit" as different numbers, all beyond this one
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


@dataclass(frozen=True)
class Offer:
    """Quality of service that one publisher offers, and the full name of its node."""

    node: str
    qos: QoSProfile


def offers(node: Node, topic: str) -> list[Offer]:
    """What each publisher of a topic (its resolved name) offers now."""
    infos = node.get_publishers_info_by_topic(topic)
    return [Offer(f"{info.node_namespace.rstrip('/')}/{info.node_name}", info.qos_profile) for info in infos]


def unmatched(topic: str, present: Sequence[Offer], asked: QoSProfile, latched: bool = True) -> list[str]:
    """Which publishers are not received, or not wholly, with the settings of both sides.

    Args:
        topic: resolved name. present: its publishers. asked: quality of service of the subscription.
        latched: name also latched publishers whose earlier messages are not received.
    """
    texts = []
    for offer in present:
        sides = f"{topic}: {offer.node} publishes {_policies(offer.qos)}, this node subscribes {_policies(asked)}"
        if qos_check_compatible(offer.qos, asked)[0] == QoSCompatibility.ERROR:
            remedy = "set image_reliability to auto" if _is_too_strict(offer.qos, asked) else "change the publisher"
            texts.append(f"{sides}: nothing of it is received; {remedy}")
        elif latched and _is_late(offer.qos, asked):
            texts.append(
                f"{sides}, as other publishers of this topic do: what it published before is not received; give each "
                "publisher a topic of its own"
            )
    return texts


def _is_too_strict(offered: QoSProfile, asked: QoSProfile) -> bool:
    return (offered.reliability, asked.reliability) == (ReliabilityPolicy.BEST_EFFORT, ReliabilityPolicy.RELIABLE)


def _is_late(offered: QoSProfile, asked: QoSProfile) -> bool:
    return (offered.durability, asked.durability) == (DurabilityPolicy.TRANSIENT_LOCAL, DurabilityPolicy.VOLATILE)


def _policies(qos: QoSProfile) -> str:
    """Those policies of which a publisher must offer what a subscription asks for."""
    words = [qos.reliability.name, qos.durability.name]
    if qos.liveliness == LivelinessPolicy.MANUAL_BY_TOPIC:
        words.append(qos.liveliness.name)
    named = [word.lower().replace("_", " ") for word in words]
    named += [f"{name} {_seconds(value)}" for name, value in _times(qos).items() if _is_limit(value)]
    return ", ".join(named)


def _times(qos: QoSProfile) -> dict[str, Duration]:
    return {"deadline": qos.deadline, "liveliness lease": qos.liveliness_lease_duration}


def _is_limit(value: Duration) -> bool:
    return bool(0 < value.nanoseconds < _FOREVER_NS)


def _seconds(value: Duration) -> str:
    return f"{value.nanoseconds / 1e9:g} s"


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
