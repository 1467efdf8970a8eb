"""Topic names of a bag are judged by whole words, and a name alone refuses nothing."""

from __future__ import annotations

import pytest

from metrichmsr_ros.ros.bags.errors import BagChoiceError, UnreadableBagError
from metrichmsr_ros.ros.bags.topics import CAMERA_INFO, COMPRESSED, IMAGE, select_topics
from metrichmsr_ros.ros.topic_names import topic_words


def chosen(*images, kind=IMAGE, infos=()):
    kinds = dict.fromkeys(images, kind) | dict.fromkeys(infos, CAMERA_INFO)
    return select_topics("a bag", kinds, None, None, needs_info=False).image


@pytest.mark.parametrize(
    ("topic", "words"),
    [
        ("/cam/image_raw", {"cam", "image", "raw"}),
        ("/camera/infra1/image_rect_raw", {"camera", "infra", "image", "rect", "raw"}),
        ("/robot/depthCamera/Image", {"robot", "depth", "camera", "image"}),
        ("/unmasked/2/image", {"unmasked", "image"}),
    ],
)
def test_words_of_a_topic(topic, words):
    assert topic_words(topic) == words


@pytest.mark.parametrize(
    "topic", ["/unmasked/image", "/infrastructure/cam/image", "/overlayed/image", "/masked_men/image"]
)
@pytest.mark.parametrize("other", ["/cam/depth/image_raw", "/seg/mask", "/camera/infra1/image_rect_raw", "/disparity"])
def test_words_count_only_as_a_whole(topic, other):
    assert chosen(topic, other) == topic


@pytest.mark.parametrize("topic", ["/depth_cam/image_raw", "/mask/image", "/infra1/image", "/overlay/image"])
@pytest.mark.parametrize("kind", [IMAGE, COMPRESSED])
def test_the_only_image_is_taken_whatever_its_name(topic, kind):
    assert chosen(topic, kind=kind) == topic


def test_several_candidates_are_listed_and_none_is_an_error():
    with pytest.raises(BagChoiceError, match=r"2 image topics.*/a/depth, /b/depth"):
        chosen("/a/depth", "/b/depth")
    with pytest.raises(UnreadableBagError, match="no colour images"):
        chosen(infos=["/cam/camera_info"])
