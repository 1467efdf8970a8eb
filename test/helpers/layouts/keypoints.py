"""Pictures with key points alone, as their makers publish them: COCO, AI Challenger, MPII."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from scipy.io import savemat

from helpers.layouts.files import save_picture
from helpers.layouts.world import World, box, make_world, picture
from metrichmsr_ros.body.joints import JOINT_NAMES
from metrichmsr_ros.data.formats.joint_maps import AIC_14, COCO_17, MPII_16
from metrichmsr_ros.types import AnyArray


def points_named(world: World, names: tuple[str, ...], hidden: float, seen: float) -> AnyArray:
    """(N, K, 3): the joints that `names` shares with the body, marked `seen`, the second one `hidden`; others zero."""
    points = np.zeros((len(world.pixels), len(names), 3))
    for k, name in enumerate(names):
        if name in JOINT_NAMES:
            points[:, k, :2], points[:, k, 2] = world.pixels[:, JOINT_NAMES.index(name)], hidden if k == 1 else seen
    return points


def write_coco(root: Path) -> tuple[Path, Path, World]:
    """Two people in one picture, a crowd, and somebody without key points."""
    world = make_world(2, (640, 480))
    save_picture(root / "train2017" / "000000000139.jpg", picture(world, 0))
    points = points_named(world, COCO_17, hidden=1, seen=2)
    low, high = world.pixels.min(1), world.pixels.max(1)
    people = [
        {
            "id": 10 + row,
            "image_id": 139,
            "category_id": 1,
            "iscrowd": 0,
            "num_keypoints": int((points[row, :, 2] > 0).sum()),
            "keypoints": points[row].ravel().tolist(),
            "bbox": [*low[row].tolist(), *(high - low)[row].tolist()],
        }
        for row in range(2)
    ]
    nobody = {**people[0], "id": 12, "num_keypoints": 0, "keypoints": [0] * 51}
    crowd = {**people[0], "id": 13, "iscrowd": 1}
    images = [{"id": 139, "file_name": "000000000139.jpg", "width": 640, "height": 480}]
    labels = root / "person_keypoints_train2017.json"
    labels.write_text(json.dumps({"images": images, "annotations": [*people, nobody, crowd], "categories": []}))
    return labels, root / "train2017", world


def write_aic(root: Path) -> tuple[Path, Path, World]:
    """Two people in one picture. Labels, images, truth."""
    world = make_world(2, (640, 480))
    save_picture(root / "images" / "0123abcd.jpg", picture(world, 0))
    points = points_named(world, AIC_14, hidden=2, seen=1)
    points[points[..., 2] == 0, 2] = 3  # not labelled
    low, high = world.pixels.min(1), world.pixels.max(1)
    entry = {
        "image_id": "0123abcd",
        "human_annotations": {f"human{n + 1}": np.concatenate([low, high], 1)[n].tolist() for n in range(2)},
        "keypoint_annotations": {f"human{n + 1}": points[n].ravel().tolist() for n in range(2)},
    }
    labels = root / "keypoint_train_annotations_20170909.json"
    labels.write_text(json.dumps([entry]))
    return labels, root / "images", world


def write_mpii(root: Path) -> tuple[Path, Path, World]:
    """MATLAB structs as MPII nests them: two people in the first picture, a test picture, one without joints."""
    world = make_world(2, (640, 480))
    save_picture(root / "images" / "015601864.jpg", picture(world, 0))
    points, (centre, side) = points_named(world, MPII_16, hidden=1, seen=1), box(world)

    def person(row: int) -> dict[str, Any]:
        marked = [
            {"x": u + 1, "y": v + 1, "id": k, "is_visible": k % 2} for k, (u, v, c) in enumerate(points[row]) if c
        ]
        place = {"x": centre[row, 0] + 1, "y": centre[row, 1] + 1}
        return {"x1": 1, "scale": side[row] / 250, "objpos": place, "annopoints": {"point": matlab_array(marked)}}

    unmarked = {"x1": 1, "scale": 1.0, "objpos": {"x": 5, "y": 5}, "annopoints": np.zeros((0, 0))}
    name = {"name": "015601864.jpg"}
    annolist = [
        {"image": name, "annorect": matlab_array([person(0), unmarked, person(1)])},
        {"image": {"name": "test.jpg"}, "annorect": matlab_array([person(0)])},
        {"image": {"name": "empty.jpg"}, "annorect": np.zeros((0, 0))},
    ]
    labels = root / "mpii_human_pose_v1_u12_1.mat"
    savemat(labels, {"RELEASE": {"annolist": matlab_array(annolist), "img_train": np.array([1, 0, 1])}})
    return labels, root / "images", world


def matlab_array(structs: list[dict[str, Any]]) -> AnyArray:
    """A 1 x N struct array."""
    array = np.zeros((1, len(structs)), [(name, object) for name in structs[0]])
    for n, struct in enumerate(structs):
        array[0, n] = tuple(struct.values())
    return array
