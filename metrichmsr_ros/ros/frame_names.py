"""Names of coordinate frames as headers have them: ROS 1 put a slash before them, and some drivers leave them empty."""

from __future__ import annotations

from typing import Any


def bare(frame: str) -> str:
    """A frame's name without slashes before it and spaces around it."""
    return frame.strip().lstrip("/")


def is_same_frame(one: str, other: str) -> bool:
    """Whether two names can mean the same frame. An empty one was not filled in and contradicts none."""
    return bare(one) == bare(other) or not bare(one) or not bare(other)


def in_frame(header: Any, frame: str) -> Any:
    """A std_msgs/Header, of rclpy or of a bag, with this frame; the same object where it has it already."""
    return header if header.frame_id == frame else type(header)(stamp=header.stamp, frame_id=frame)
