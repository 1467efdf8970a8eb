"""Find mistakes of users in the ROS graph: wrong topic names or quality of service, nodes of the same name, unknown
parameters."""

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

_FOREVER_NS = 2**62  # middlewares use different numbers for "no limit", all larger than this
_COMPRESSED = "/compressed"  # what image_transport appends to the name of the image topic
# Small messages that follow large images of the same driver are lost like the images.
_LOST = ", or its best-effort messages are lost on the way; see docs/how_to/large_images.md"
_TRANSPORTS = {"sensor_msgs/msg/Image": "raw", "sensor_msgs/msg/CompressedImage": "compressed"}


def elsewhere(node: Node, topic: str, argument: str, kinds: Sequence[str]) -> str:
    """Why no message arrives on `topic`, and the remedy, as text for the end of a message.

    Args:
        node: the subscribing node; its own topics are ignored.
        topic: resolved name.
        argument: name to remap, e.g. "image".
        kinds: suitable message types; the first is that of the subscription.
    """
    infos = node.get_publishers_info_by_topic(topic)
    silent = [info.qos_profile.reliability for info in infos if info.topic_type == kinds[0]]
    if silent:
        text = f"its {len(silent)} publishers are silent" if len(silent) > 1 else "its publisher is silent"
        return f"{text}{_LOST}" if ReliabilityPolicy.BEST_EFFORT in silent else text
    published = [info.topic_type for info in infos]
    ways = _ways(node, argument, kinds, topic)
    if published:
        return "; ".join([f"it has the type {published[0]}, not {kinds[0]}", *ways[:1]])
    if ways:
        return f"it has no publisher; {ways[0]}"
    types = " or ".join(kinds)
    return f"no topic of type {types} has a publisher; check that the driver runs, with the same ROS_DOMAIN_ID"


def _ways(node: Node, argument: str, kinds: Sequence[str], topic: str) -> list[str]:
    """Settings that would receive one of `kinds`; the same image with another transport comes first."""
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
    suffix = _COMPRESSED if _TRANSPORTS.get(kind) == "compressed" else ""  # the node appends it
    return {
        name.removesuffix(suffix)
        for name, types in node.get_topic_names_and_types()
        if kind in types and name.endswith(suffix) and not name.startswith(own) and node.count_publishers(name)
    }


@dataclass(frozen=True)
class Offer:
    """Quality of service of one publisher, the full name of its node, and the type of its messages, "" if unknown."""

    node: str
    qos: QoSProfile
    kind: str = ""

    def may_be(self, kind: str) -> bool:
        """Whether its messages can be of the type `kind`, e.g. `sensor_msgs/msg/Image`."""
        return self.kind in ("", kind)


def offers(node: Node, topic: str) -> list[Offer]:
    """The current publishers of a topic (resolved name) with their quality of service."""
    infos = node.get_publishers_info_by_topic(topic)
    names = [f"{info.node_namespace.rstrip('/')}/{info.node_name}" for info in infos]
    return [Offer(name, info.qos_profile, info.topic_type) for name, info in zip(names, infos, strict=True)]


def of_another_type(topic: str, present: Sequence[Offer], kind: str) -> list[str]:
    """Describe publishers whose messages are not received because they are not of the type `kind`.

    Args:
        topic: resolved name.
        present: publishers of the topic.
        kind: type of the subscription, e.g. `sensor_msgs/msg/Image`.
    """
    texts = []
    for offer in present:
        if not offer.may_be(kind):
            is_compressed = _TRANSPORTS.get(offer.kind) == "compressed" and _TRANSPORTS.get(kind) == "raw"
            remedy = "decode it first, e.g. by `ros2 run image_transport republish`" if is_compressed else "remap it"
            texts.append(
                f"{topic}: {offer.node} publishes {offer.kind}, this node subscribes {kind}: its messages are not "
                f"received; {remedy}"
            )
    return texts


def unmatched(topic: str, present: Sequence[Offer], asked: QoSProfile, latched: bool = True) -> list[str]:
    """Describe publishers that are not or only partly received, with the settings of both sides.

    Args:
        topic: resolved name.
        present: publishers of the topic.
        asked: quality of service of the subscription.
        latched: also describe latched publishers whose earlier messages are not received.
    """
    texts = []
    for offer in present:
        sides = f"{topic}: {offer.node} publishes {_policies(offer.qos)}, this node subscribes {_policies(asked)}"
        if qos_check_compatible(offer.qos, asked)[0] == QoSCompatibility.ERROR:
            remedy = "set image_reliability to auto" if _is_too_strict(offer.qos, asked) else "change the publisher"
            texts.append(f"{sides}: its messages are not received; {remedy}")
        elif latched and _is_late(offer.qos, asked):
            texts.append(
                f"{sides}, as other publishers of this topic require: its earlier messages are not received; give each "
                "publisher its own topic"
            )
    return texts


def _is_too_strict(offered: QoSProfile, asked: QoSProfile) -> bool:
    return (offered.reliability, asked.reliability) == (ReliabilityPolicy.BEST_EFFORT, ReliabilityPolicy.RELIABLE)


def _is_late(offered: QoSProfile, asked: QoSProfile) -> bool:
    return (offered.durability, asked.durability) == (DurabilityPolicy.TRANSIENT_LOCAL, DurabilityPolicy.VOLATILE)


def _policies(qos: QoSProfile) -> str:
    """The policies that must be compatible between publisher and subscription, as text."""
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
    """Number of other nodes with this node's full name."""
    own = node.get_name(), node.get_namespace()
    return node.get_node_names_and_namespaces().count(own) - 1


def misspelt(given: Iterable[str], known: Collection[str], former: Mapping[str, str]) -> list[str]:
    """Messages about given parameters that the node does not have.

    Args:
        given: names from the command line or a file.
        known: names of the declared parameters.
        former: current name of each renamed parameter.
    """
    strange = [name for name in given if name not in known and not name.startswith("qos_overrides.")]
    return [f"there is no parameter {name}{_instead(name, known, former)}" for name in strange]


def _instead(name: str, known: Collection[str], former: Mapping[str, str]) -> str:
    if name in former:
        return f"; it is called {former[name]} now"
    nearest = get_close_matches(name, known, 1)
    return f"; did you mean {nearest[0]}?" if nearest else ""
