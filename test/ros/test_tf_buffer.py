"""What the node does with tf2's buffer: late transforms and bags that loop. The buffer is a stand-in."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

pytest.importorskip("rclpy")
pytest.importorskip("tf2_msgs.msg")

from geometry_msgs.msg import TransformStamped
from helpers.ros_messages import make_header, seconds_of

from metrichmsr_ros.ros import tf


class Buffer:
    """Keeps what it is given, by frame."""

    def __init__(self) -> None:
        self.stamps: dict[str, list[float]] = {}

    def clear(self) -> None:
        self.stamps.clear()

    def set_transform(self, transform: TransformStamped, authority: str) -> None:
        self.stamps.setdefault(transform.child_frame_id, []).append(seconds_of(transform))


@pytest.fixture
def take(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Gives transforms of frames and stamps to a listener, and returns what its buffer holds."""
    buffer, taken = Buffer(), []
    monkeypatch.setattr(tf, "tf2_ros", SimpleNamespace(Buffer=lambda: buffer), raising=False)
    monkeypatch.setattr(tf, "_TransformTopics", lambda node, take, came: taken.append(take))
    tf._Tf2TransformListener(SimpleNamespace())  # type: ignore[arg-type]

    def all_of(*transforms: tuple[str, float]) -> dict[str, list[float]]:
        for child, seconds in transforms:
            taken[0](TransformStamped(header=make_header(seconds, "map"), child_frame_id=child), False)
        return buffer.stamps

    return all_of


def test_a_single_late_transform_clears_nothing(take: Any) -> None:
    assert take(("base", 10.0), ("base", 12.0), ("base", 10.5), ("base", 12.1), ("base", 10.6)) == {
        "base": [10.0, 12.0, 10.5, 12.1, 10.6]
    }
    assert take(("base", 12.2))["base"][-1] == 12.2


def test_a_transform_older_than_the_buffer_clears_it_at_once(take: Any) -> None:
    take(("base", 100.0), ("arm", 100.0), ("arm", 95.0))
    assert take(("base", 5.0)) == {"base": [5.0]}  # and not what was late before the jump


def test_a_jump_back_clears_all_that_was_before_it(take: Any) -> None:
    take(("base", 10.0), ("base", 12.0), ("arm", 12.0), ("base", 1.0), ("arm", 1.0))
    assert take(("base", 1.1), ("arm", 1.1)) == {"arm": [1.0, 1.1], "base": [1.0, 1.1]}
    assert take(("base", 1.2)) == {"arm": [1.0, 1.1], "base": [1.0, 1.1, 1.2]}
