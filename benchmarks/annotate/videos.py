"""Rendered videos to annotate."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import cycle, islice
from pathlib import Path

import cv2
import numpy as np

from metrichmsr_ros.data.synthesis.walking_sequence import WalkingSequence
from metrichmsr_ros.types import ImageArray

FPS = 10.0
FOV_DEG = "60"


def rendered(count: int, width: int = 640) -> list[ImageArray]:
    """Frames (H, width, 3) RGB of people who walk past a camera, evenly over twelve seconds."""
    sequence = WalkingSequence(120, FPS)
    images = [sequence[int(index)].image for index in np.linspace(0, 119, count)]
    height = round(images[0].shape[0] * width / images[0].shape[1])
    return [cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA).astype(np.uint8) for image in images]


def write_video(path: Path, images: Sequence[ImageArray], frames: int) -> Path:
    """A video of `frames` frames, of these images again and again."""
    height, width = images[0].shape[:2]
    video = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"mp4v"), FPS, (width, height))
    for image in islice(cycle(images), frames):
        video.write(np.ascontiguousarray(image[..., ::-1]))
    video.release()
    return path


def write_videos(folder: Path, count: int, images: Sequence[ImageArray], frames: int) -> list[str]:
    """Videos that begin at different images; returns their paths."""
    folder.mkdir(parents=True)
    shift = max(1, len(images) // count)
    return [
        str(write_video(folder / f"{i}.mp4", [*images[i * shift :], *images[: i * shift]], frames))
        for i in range(count)
    ]
