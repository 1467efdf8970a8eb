"""What the words in a topic's name say."""

from __future__ import annotations

import re


def topic_words(topic: str) -> set[str]:
    """The words of a topic's name in small letters, without numbers behind them.

    They are parted by slashes, underscores, or a capital: `/cam/infra1/imageRect` -> cam, infra, image, rect.
    """
    parted = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", topic)
    return {word.rstrip("0123456789") for word in re.split(r"[^a-z0-9]+", parted.lower())} - {""}


def names_rectified_image(topic: str) -> bool:
    """Whether a topic's name shows that its images are rectified, as `image_rect` and `image_rect_color` do."""
    return not topic_words(topic).isdisjoint(("rect", "rectified"))
