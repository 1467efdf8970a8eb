"""Accuracy on held-out people of the open set: `python -m benchmarks.accuracy --data DIR [--weights FILE]`.

DIR holds val-*.tar (motions and shapes that training never sees; real BlazePose outputs on rendered bodies). Beside the
network stands what a user would write without it: BlazePose's world landmarks, scaled to a body of 1.70 m and put into
the camera frame by cv2.solvePnP. Both are compared on the 12 joints that BlazePose's landmarks and SMPL share
(shoulders, elbows, wrists, hips, knees, ankles), centred on the middle of the hips; the network also on all 24.
"""

from __future__ import annotations

import argparse
import platform
from pathlib import Path

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from metrichmsr_ros.body.joints import JOINT_NAMES, LANDMARK_JOINTS
from metrichmsr_ros.body.model import BodyModel, load_body
from metrichmsr_ros.geometry.alignment import align, umeyama
from metrichmsr_ros.hmr.checkpoint import load_model
from metrichmsr_ros.training.human import describe
from metrichmsr_ros.training.people_table import PeopleTable, load_people
from metrichmsr_ros.training.validation import validate

Array = NDArray[np.float64]
LANDMARKS = [landmark for landmark, _ in LANDMARK_JOINTS]
JOINTS = [joint for _, joint in LANDMARK_JOINTS]
NAMES = [JOINT_NAMES[joint] for joint in JOINTS]
HIPS = [NAMES.index("left_hip"), NAMES.index("right_hip")]
BONES = [
    (NAMES.index(f"{side}_{a}"), NAMES.index(f"{side}_{b}"))
    for side in ("left", "right")
    for a, b in (("shoulder", "elbow"), ("elbow", "wrist"), ("shoulder", "hip"), ("hip", "knee"), ("knee", "ankle"))
]
ASSUMED_HEIGHT = 1.70


def bone_length(joints: Array) -> Array:
    """Summed length (...) of the ten bones of (..., 12, 3)."""
    a, b = np.array(BONES).T
    return np.linalg.norm(joints[..., a, :] - joints[..., b, :], axis=-1).sum(-1)


def baseline(people: PeopleTable, body: BodyModel) -> Array:
    """(N, 12, 3) joints in the camera frame from world landmarks, a body of 1.70 m and solvePnP."""
    zero = torch.zeros(1, 10)
    mean_joints = body.rest_joints(zero)[0, JOINTS].double().numpy()
    length = bone_length(mean_joints) * ASSUMED_HEIGHT / body.height(zero).item()
    world = people.inputs.world[:, :33].double().numpy()
    world = world * (length / bone_length(world[:, LANDMARKS]))[:, None, None]
    pixels = full_image_pixels(people)
    intrinsics = people.inputs.intrinsics.double().numpy()
    return np.stack([_place(*row)[LANDMARKS] for row in zip(world, pixels, intrinsics, strict=True)])


def full_image_pixels(people: PeopleTable) -> Array:
    """(N, 33, 2) landmarks in the full image, from crop pixels by K K'^-1."""
    K, crop = people.inputs.intrinsics.double(), people.inputs.crop_intrinsics.double()
    points = people.inputs.landmarks[:, :33, :2].double()
    rays = torch.cat([points, torch.ones_like(points[..., :1])], dim=-1) @ (K @ torch.linalg.inv(crop)).mT
    return (rays[..., :2] / rays[..., 2:]).numpy()


def _place(world: Array, pixels: Array, intrinsics: Array) -> Array:
    found, turn, shift = cv2.solvePnP(world, pixels, intrinsics, None, flags=cv2.SOLVEPNP_SQPNP)
    if not found:
        return np.full_like(world, np.nan)
    return world @ cv2.Rodrigues(turn)[0].T + shift[:, 0]


@torch.inference_mode()
def network(people: PeopleTable, weights: str, body: BodyModel) -> Array:
    """(N, 12, 3) joints in the camera frame from the network."""
    output = load_model(weights)(people.inputs)
    return body.joints(output.betas, output.rotmats, output.transl)[:, JOINTS].double().numpy()


def row(found: Array, true: Array) -> list[str]:
    """PA-MPJPE, MPJPE (mm) of 12 joints; root error mean and median (m), mean and median % of the distance."""
    hips, true_hips = found[:, HIPS].mean(1), true[:, HIPS].mean(1)
    a, b = found - hips[:, None], true - true_hips[:, None]
    aligned = align(a, *umeyama(a, b))
    root = np.linalg.norm(hips - true_hips, axis=-1)
    percent = 100 * root / np.linalg.norm(true_hips, axis=-1)
    pa, mpjpe = (1000 * np.linalg.norm(x - b, axis=-1).mean() for x in (aligned, a))
    lengths = (f"{root.mean():.3f}", f"{np.median(root):.3f}")
    return [f"{pa:.1f}", f"{mpjpe:.1f}", *lengths, f"{percent.mean():.1f}", f"{np.median(percent):.1f}"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help="folder with val-*.tar")
    parser.add_argument("--weights", default="embedded", help="preset with weights, or a .safetensors file")
    arguments = parser.parse_args()
    body = load_body("open_light")
    people = load_people([str(arguments.data / "val-*.tar")])
    true = people.truth.joints_cam[:, JOINTS].double().numpy()
    columns = ("12 joints, mm and m", "PA-MPJPE", "MPJPE", "root", "root, median", "root %", "root %, median")
    table = Table(*columns, title=f"{len(people)} held-out landmark sets, {platform.machine()}")
    table.add_row("BlazePose world + 1.70 m + solvePnP", *row(baseline(people, body), true))
    table.add_row(f"MetricHMR {arguments.weights}", *row(network(people, arguments.weights, body), true))
    console = Console()
    console.print(table)
    console.print("24 joints: " + describe(validate(load_model(arguments.weights), people, body)), highlight=False)


if __name__ == "__main__":
    main()
