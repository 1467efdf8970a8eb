"""Readers of WebDataset shards with images: this package's open set, and 4D-Humans' training tars."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from metrichmsr_ros.body.pickles import loads_arrays
from metrichmsr_ros.data.formats.joint_maps import BODY_44, to_joints
from metrichmsr_ros.data.formats.labels import LabelError, LabelTable, box_around, box_of_side, label_table
from metrichmsr_ros.data.formats.tar_samples import ShardError, TarSample, tar_samples
from metrichmsr_ros.errors import reads
from metrichmsr_ros.types import AnyArray

Content = TypeVar("Content")

PIXELS_PER_SCALE = 200.0
PERSON_FIELDS = ("pose", "betas", "transl", "joints_cam")
OPEN_FIELDS = (*PERSON_FIELDS, "intrinsics", "image_size")
FIELDS_4DHUMANS = ("keypoints_2d", "center", "scale", "body_pose", "betas", "has_body_pose", "has_betas")
PICTURES = ("jpg", "jpeg", "png")


@reads(LabelError, "an open shard")
def read_open(shard: Path) -> LabelTable:
    """The people of an open shard (`metrichmsr synthesize`) whose sample has an image; betas of the open body.

    A box contains the part of a person inside the image, as a detector's box does.
    """
    columns: dict[str, list[AnyArray]] = {name: [] for name in OPEN_FIELDS}
    person: list[str] = []
    image: list[Path] = []
    for key, arrays, picture in _with_image(shard, "npz", TarSample.arrays):
        missing = [name for name in OPEN_FIELDS if name not in arrays]
        if missing:
            raise LabelError(f"{shard}:{key}.npz: field(s) missing: {', '.join(missing)}")
        count = len(arrays["pose"])
        for name in PERSON_FIELDS:
            columns[name].append(arrays[name])
        for name in ("intrinsics", "image_size"):
            columns[name].append(np.repeat(arrays[name][None], count, 0))
        person += [f"{shard.name}/{key}#{row}" for row in range(count)]
        image += [picture] * count
    if not person:
        raise LabelError(
            f"{shard}: no image with people; `metrichmsr synthesize` stores images with a part of its samples"
        )
    rows = {name: np.concatenate(parts) for name, parts in columns.items()}
    homogeneous = rows["joints_cam"] @ np.swapaxes(rows["intrinsics"], 1, 2)
    ahead = homogeneous[..., 2:] > 0.1
    pixels = homogeneous[..., :2] / np.where(ahead, homogeneous[..., 2:], 0.1)
    inside = np.clip(pixels, 0, rows["image_size"][:, None] - 1)
    return label_table(
        person=person,
        image=image,
        body="open",
        intrinsics=rows["intrinsics"].astype(np.float64),
        bbox=box_around(np.where(ahead, inside, inside[:, :1])),
        joints_2d=np.concatenate([pixels, ahead], -1).astype(np.float32),
        **{name: rows[name].astype(np.float32) for name in ("pose", "betas", "transl")},
        **{name: np.ones(len(person), bool) for name in ("has_pose", "has_betas", "has_transl")},
    )


@reads(LabelError, "a shard of 4D-Humans")
def read_4dhumans_tar(shard: Path) -> LabelTable:
    """One tar of 4D-Humans' training data: `KEY.jpg` and `KEY.data.pyd`, a pickled list with a dictionary per person.

    It reads `keypoints_2d` (44, 3), `center`, `scale` (px / 200), `body_pose`, `betas` and their masks. The set has no
    intrinsics. `keypoints_3d` (empty for AIC, COCO and MPII) and the masks of `detection.npz` are not used. The
    restricted unpickler reads the pickle.
    """
    people: list[dict[str, Any]] = []
    person: list[str] = []
    image: list[Path] = []
    for key, content, picture in _with_image(shard, "data.pyd", lambda sample: sample.read("data.pyd")):
        for row, entry in enumerate(loads_arrays(content, f"{shard}:{key}.data.pyd")):
            missing = [name for name in FIELDS_4DHUMANS if name not in entry]
            if missing:
                raise LabelError(f"{shard}:{key}.data.pyd: field(s) missing: {', '.join(missing)}")
            people.append(entry)
            person.append(f"{shard.name}/{key}#{row}")
            image.append(picture)
    if not people:
        raise LabelError(f"{shard}: no KEY.jpg with a KEY.data.pyd found; is this a tar of 4D-Humans?")

    def rows(name: str, width: int) -> AnyArray:
        return np.array([np.ravel(entry[name])[:width] for entry in people], np.float32)

    side = PIXELS_PER_SCALE * np.array([np.max(entry["scale"]) for entry in people], np.float32)
    points = np.array([np.asarray(entry["keypoints_2d"])[: len(BODY_44)] for entry in people], np.float32)
    return label_table(
        person=person,
        image=image,
        bbox=box_of_side(rows("center", 2), side),
        pose=rows("body_pose", 72),
        betas=rows("betas", 10),
        joints_2d=to_joints(points, BODY_44),
        has_pose=rows("has_body_pose", 1)[:, 0] > 0,
        has_betas=rows("has_betas", 1)[:, 0] > 0,
    )


def _with_image(
    shard: Path, extension: str, read: Callable[[TarSample], Content]
) -> Iterator[tuple[str, Content, Path]]:
    """Key, result of `read` and path of the image, for every sample with an image and a file of this extension."""
    try:
        for sample in tar_samples(shard):
            picture = next((name for name in PICTURES if name in sample.files), None)
            if picture is not None and extension in sample.files:
                yield sample.key, read(sample), sample.path(picture)
    except ShardError as error:
        raise LabelError(str(error)) from None
