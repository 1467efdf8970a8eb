"""CameraInfo without ROS: what `camera_from_info` reads, as a plain object."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from numpy.typing import ArrayLike


def plain_info(
    width: int,
    height: int,
    distortion_model: str = "plumb_bob",
    d: ArrayLike = (),
    k: ArrayLike = (0.0,) * 9,
    r: ArrayLike = (0.0,) * 9,
    p: ArrayLike = (0.0,) * 12,
    binning: tuple[int, int] = (0, 0),
    roi: tuple[int, int, int, int] = (0, 0, 0, 0),
) -> Any:
    """Fields of sensor_msgs/CameraInfo, with the message's own defaults: all zero."""
    x, y, w, h = roi
    window = SimpleNamespace(x_offset=x, y_offset=y, width=w, height=h, do_rectify=False)
    return SimpleNamespace(
        width=width,
        height=height,
        distortion_model=distortion_model,
        d=d,
        k=k,
        r=r,
        p=p,
        binning_x=binning[0],
        binning_y=binning[1],
        roi=window,
    )
