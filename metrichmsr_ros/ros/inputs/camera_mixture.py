"""Detect several cameras on one image topic, by the frames, sizes and intrinsics that alternate."""

from __future__ import annotations

from collections import deque
from typing import NamedTuple

from metrichmsr_ros.geometry.camera import Camera

RECENT_IMAGES = 12
RETURNS = 3  # an earlier camera returned this often; a reconfigured driver does not alternate


class Source(NamedTuple):
    """Properties that distinguish cameras: frame, image size, and intrinsics in pixels."""

    frame: str
    size: tuple[int, int]
    intrinsics: tuple[float, ...]


class CameraMixture:
    """The cameras of the last images."""

    def __init__(self) -> None:
        self._recent: deque[Source] = deque(maxlen=RECENT_IMAGES)

    def problem(self, frame: str, size: tuple[int, int], camera: Camera | None) -> str:
        """Add one image and describe what alternates; empty if nothing does.

        Args:
            frame: of the image's header. size: (width, height) of the image.
            camera: of the image; None if no CameraInfo fits it.
        """
        self._recent.append(Source(frame, size, tuple(camera.intrinsics.ravel().tolist()) if camera else ()))
        if self._returns() < RETURNS:
            return ""
        sources = list(dict.fromkeys(self._recent))
        differ = [_listed(f"{name}s", [source[index] for source in sources]) for index, name in enumerate(_NAMES)]
        return f"images of {len(sources)} cameras alternate: {'; '.join(filter(None, differ))}"

    def _returns(self) -> int:
        images = list(self._recent)
        return sum(now != images[i] and now in images[: i + 1] for i, now in enumerate(images[1:]))


_NAMES = ("frame", "size", "focal length")


def _listed(name: str, values: list[object]) -> str:
    """`name` with the values, where they differ."""
    words = list(dict.fromkeys(_words(value) for value in values))
    return f"{name} {', '.join(words)}" if len(words) > 1 else ""


def _words(value: object) -> str:
    if not isinstance(value, tuple):
        return repr(value)
    if not value:
        return "unknown"
    return f"{value[0]}x{value[1]}" if len(value) == 2 else f"{value[0]:.1f}"
