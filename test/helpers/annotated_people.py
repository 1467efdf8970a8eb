"""A tiny annotation folder of people of known bodies, with or without its pictures."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch

from metrichmsr_ros.body.base import BodyModel
from metrichmsr_ros.data.formats.annotations.manifest import InputEntry, Manifest
from metrichmsr_ros.data.formats.annotations.rows import FrameRow, PersonRow
from metrichmsr_ros.data.formats.annotations.shard_writer import ShardWriter, shard_name

K = np.array([[300.0, 0.0, 159.5], [0.0, 300.0, 119.5], [0.0, 0.0, 1.0]])
SIZE = 320, 240
UPRIGHT = (np.pi, 0.0, 0.0)  # of the root, so that people stand in a level camera


def annotated_person(
    body: BodyModel, name: str, depth: float = 3.0, confidence: float = 0.8, is_occluded: bool = False
) -> PersonRow:
    """A person who stands on the optical axis; the position is known to 0.3 m in all."""
    pose = np.zeros(72, np.float32)
    pose[:3] = UPRIGHT
    betas = np.linspace(-1, 1, 10).astype(np.float32)
    transl = np.array([0.1, 0.0, depth], np.float32)
    with torch.no_grad():
        joints = body.joints(*(torch.from_numpy(values)[None] for values in (betas, pose, transl)))[0].numpy()
    pixels = joints @ K.T
    pixels = pixels[:, :2] / pixels[:, 2:]
    box = np.concatenate([pixels.min(0), pixels.max(0)]).astype(np.float32)
    covariance = np.diag([0.01, 0.01, 0.07]).astype(np.float32)
    return PersonRow(name, confidence, is_occluded, box, pose, betas, transl, covariance, joints)


def annotated_frame(index: int, *people: PersonRow, image: str | None = None) -> FrameRow:
    """A frame of `SIZE`."""
    return FrameRow(index, index * 10**8, *SIZE, K, people, image=image)


def write_annotations(
    folder: Path, frames: Sequence[FrameRow], kind: str, path: Path, source: str = "site", body: str = "open_light"
) -> None:
    """An annotation folder with one source."""
    shard = shard_name(source)
    with ShardWriter(folder, shard, source, body, "0.1.0") as writer:
        for frame in frames:
            writer.write(frame)
    entry = InputEntry(source, kind, path.as_posix(), "done", "", (shard,))
    Manifest("0.1.0", "ab", "embedded", body, {}, (entry,)).write(folder)
