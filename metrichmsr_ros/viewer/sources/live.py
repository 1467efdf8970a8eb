"""People of a live topic, as they come."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from metrichmsr_ros.body.open_tables import FILES
from metrichmsr_ros.ros.inputs.stamp_gate import stamp_ns
from metrichmsr_ros.viewer.frames import ViewFrame, jpeg_of
from metrichmsr_ros.viewer.options import ViewError, ViewOptions
from metrichmsr_ros.viewer.sources.people_bags import person_of
from metrichmsr_ros.viewer.sources.source import ViewSource

if TYPE_CHECKING:
    from metrichmsr_ros.ros.watching.people_feed import PeopleFeed

PREFIX = "topic:"


def live_source(topic: str, options: ViewOptions) -> ViewSource:
    """The people of a topic from now on; `image`, `camera_info`, `world` and `body` of the options are used.

    Args:
        topic: of HumanMeshArray.

    Raises:
        ViewError: ROS 2 or this package's messages are not installed.
        TopicNameError: the topic, or `image` or `camera_info`, is not a name of ROS 2.
    """
    try:
        from metrichmsr_ros.ros.watching.people_feed import FeedTopics, PeopleFeed
    except ImportError as error:
        raise ViewError(
            f"{PREFIX}{topic} needs ROS 2 and this package's messages, and {error}; source both environments"
        ) from error
    feed = PeopleFeed(FeedTopics(topic, options.image or "", options.camera_info or "", options.world or ""))
    body = options.body or "open_light"
    return ViewSource(topic, frames_of(feed, options), body, True, is_live=True, close=feed.close)


def frames_of(feed: PeopleFeed, options: ViewOptions) -> Iterator[ViewFrame]:
    """The frames of a feed, until it is closed.

    Raises:
        ViewError: a person has a body that cannot be drawn.
    """
    first_ns: int | None = None
    for number, fed in enumerate(feed):
        for human in fed.message.humans:
            if options.body is None and human.body_model not in FILES:
                raise ViewError(f"the people are of the body {human.body_model!r}; --body smpl:PATH draws them")
        now_ns = stamp_ns(fed.message.header)
        first_ns = now_ns if first_ns is None else first_ns
        yield ViewFrame(
            number=number,
            time_s=(now_ns - first_ns) / 1e9,
            people=tuple(person_of(human) for human in fed.message.humans),
            camera=fed.camera,
            picture=b"" if fed.image is None else jpeg_of(fed.image),
            world_from_camera=fed.world_from_camera,
        )
