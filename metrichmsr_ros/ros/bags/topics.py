"""Choose the topics of a bag to replay: one camera's images and their CameraInfo, found by type and name."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from metrichmsr_ros.ros.bags.errors import BagChoiceError, UnreadableBagError
from metrichmsr_ros.ros.topic_names import topic_words

IMAGE = "sensor_msgs/msg/Image"
COMPRESSED = "sensor_msgs/msg/CompressedImage"
CAMERA_INFO = "sensor_msgs/msg/CameraInfo"
_NO_PICTURE = frozenset({"depth", "disparity", "overlay", "mask", "masks", "infra", "infrared"})


@dataclass(frozen=True)
class ImageTopics:
    """The topics to replay. `camera_info` is None if the caller gives the intrinsics."""

    image: str
    camera_info: str | None
    compressed: bool


def image_transport_base(topic: str) -> str:
    """`/camera/image_raw/compressed` -> `/camera/image_raw`; other names are unchanged."""
    return topic.removesuffix("/compressed")


def camera_info_topic(image: str) -> str:
    """The `camera_info` topic beside an image topic, by image_transport's rule: only the last token differs."""
    return image_transport_base(image).rpartition("/")[0] + "/camera_info"


def select_topics(
    bag: str, kinds: Mapping[str, str], image: str | None, camera_info: str | None, needs_info: bool
) -> ImageTopics:
    """Choose the topics to replay; topics given as None are found by name.

    Args:
        bag: its path, for error texts. kinds: type of each topic that has messages.
        image: image topic, raw or compressed.
        camera_info: its CameraInfo topic.
        needs_info: False if the caller gives the intrinsics.

    Raises:
        BagChoiceError: the topic does not exist, is not an image, or several topics qualify.
        UnreadableBagError: no colour images, or no CameraInfo for them.
    """
    chosen = image or _only_image(bag, kinds, camera_info, needs_info)
    if chosen not in kinds:
        raise BagChoiceError(f"{bag} has no messages on {chosen}; {_listing(kinds)}")
    if kinds[chosen] not in (IMAGE, COMPRESSED):
        raise BagChoiceError(f"{bag}: {chosen} is of type {kinds[chosen]}, which is not an image; {_listing(kinds)}")
    info = camera_info or camera_info_topic(chosen)
    if not needs_info:
        return ImageTopics(chosen, None, kinds[chosen] == COMPRESSED)
    if kinds.get(info) != CAMERA_INFO:
        found = f"is of type {kinds[info]}" if info in kinds else "has no messages"
        raise UnreadableBagError(
            f"{bag}: {info} {found}, so images of {chosen} have no intrinsics; name the topic with "
            f"--camera-info or give --fov or --intrinsics; {_listing(kinds)}"
        )
    return ImageTopics(chosen, info, kinds[chosen] == COMPRESSED)


def _only_image(bag: str, kinds: Mapping[str, str], camera_info: str | None, needs_info: bool) -> str:
    images = [n for n, kind in kinds.items() if kind in (IMAGE, COMPRESSED)]
    images = [
        n for n in images if topic_words(n).isdisjoint(_NO_PICTURE)
    ] or images  # if all names look like depth, keep all
    # The raw image is preferred to its compressed one, because compression loses detail.
    images = [n for n in images if image_transport_base(n) == n or image_transport_base(n) not in images]
    with_info = [n for n in images if kinds.get(camera_info or camera_info_topic(n)) == CAMERA_INFO]
    candidates = with_info if needs_info and with_info else images
    if not candidates:
        raise UnreadableBagError(f"{bag} holds no colour images; {_listing(kinds)}")
    if len(candidates) > 1:
        raise BagChoiceError(
            f"{bag} holds {len(candidates)} image topics ({', '.join(candidates)}); choose with --image"
        )
    return candidates[0]


def _listing(kinds: Mapping[str, str]) -> str:
    return "topics: " + (", ".join(f"{name} ({kind})" for name, kind in sorted(kinds.items())) or "none")
