"""Calibration after training: removes the median bias of adults, and scales the reported uncertainty to the errors.

    python -m metrichmsr_ros.training.human.calibrate_bias WEIGHTS "train-*.tar" "val-0000[0-3].tar" OUT

One image does not separate height from distance, so the network's estimates depend on the people in its training data.
Children among them bias the estimates of all adults low. Two factors, the medians of true over estimated height and
distance, are folded into the last biases of the shape and position heads. They are computed over the standing and
walking adults of the training data, the people that robots meet most. A third factor scales the position's standard
deviations so that their 68.3 % ellipsoid holds 68.3 % of held-out roots; errors on training data are too small for
this. Nothing else in the network changes.
"""

from __future__ import annotations

import math
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import nn

from metrichmsr_ros.body.base import BodyModel
from metrichmsr_ros.body.engine import NUM_BETAS
from metrichmsr_ros.body.joints import JOINT_NAMES
from metrichmsr_ros.body.load import load_body
from metrichmsr_ros.body.resize import Resizer
from metrichmsr_ros.body.torch_engine import TorchBody
from metrichmsr_ros.hmr.network.checkpoint import load_model, save_model
from metrichmsr_ros.hmr.network.model import MetricHMR
from metrichmsr_ros.hmr.weights import read_metadata
from metrichmsr_ros.training.human.config import TrainingError
from metrichmsr_ros.training.human.landmark_table import PeopleTable, load_people
from metrichmsr_ros.training.human.validation import ONE_SIGMA_3D_SQUARED, squared_deviations

MIN_ADULT_HEIGHT = 1.5  # metres
DEPTH_OUTPUT = 2  # of PositionHead: the logarithm of depth times half angle
DEVIATION_OUTPUTS = slice(3, 5)  # logarithms of the relative standard deviations along and across the line of sight
ONE_SIGMA = 0.6827
MIN_LEG_ANGLE = 140.0
"""Degrees at hips and knees. In a brisk walk the knee of the swinging leg bends more for a moment."""
MAX_LEAN = 32.0
"""Degrees between the trunk and the image's upward direction. It leaves room for a pitched camera."""


def standing(joints_cam: torch.Tensor) -> torch.Tensor:
    """(B,) bool: who stands or walks, from joints (B, 24, 3) in the camera frame.

    The trunk points up in the image within `MAX_LEAN`, and hips and knees are straighter than `MIN_LEG_ANGLE`. Motion
    libraries and random poses hold few such people.
    """
    at = {name: joints_cam[:, index] for index, name in enumerate(JOINT_NAMES)}
    trunk = torch.nn.functional.normalize(at["neck"] - at["pelvis"], dim=-1)
    upright = -trunk[:, 1] > math.cos(math.radians(MAX_LEAN))
    chains = [
        (at[top], at[f"{side}_{middle}"], at[f"{side}_{end}"])
        for side in ("left", "right")
        for top, middle, end in (("neck", "hip", "knee"), (f"{side}_hip", "knee", "ankle"))
    ]
    cosines = [torch.nn.functional.cosine_similarity(a - b, c - b, dim=-1) for a, b, c in chains]
    return upright & (torch.stack(cosines).amax(0) < math.cos(math.radians(MIN_LEG_ANGLE)))


@dataclass(frozen=True)
class Bias:
    """Medians over standing adults: true over estimated body height, and true over estimated distance of the root."""

    height: float
    distance: float


@torch.inference_mode()
def adult_bias(model: MetricHMR, people: PeopleTable, body: BodyModel, batch_size: int = 512) -> Bias:
    """Bias over the people who stand and are taller than `MIN_ADULT_HEIGHT`. Raises TrainingError if there are none."""
    heights, distances = [], []
    adults = (body.height(people.truth.betas) > MIN_ADULT_HEIGHT) & standing(people.truth.joints_cam)
    if not adults.any():
        raise TrainingError(f"nobody in this data stands and is taller than {MIN_ADULT_HEIGHT} m; use other shards")
    for index in adults.nonzero()[:, 0].split(batch_size):
        batch, truth = people.select(index)
        output = model(batch)
        root = body.joints(output.betas, output.rotmats, output.transl)[:, 0]
        heights.append(body.height(truth.betas) / body.height(output.betas))
        distances.append(truth.joints_cam[:, 0].norm(dim=-1) / root.norm(dim=-1))
    return Bias(torch.cat(heights).median().item(), torch.cat(distances).median().item())


@torch.no_grad()
def correct(model: MetricHMR, bias: Bias, body: BodyModel) -> None:
    """Multiplies all estimated heights and distances by `bias`, in place.

    Raises TrainingError for networks that regress the translation directly: they have no output that is log depth.
    """
    if model.config.head.translation != "crop_ray":
        raise TrainingError("translation: direct has no logarithm of depth to correct; train with crop_ray")
    shape, position = model.shape.layers[-1], model.position.layers[-1]
    assert isinstance(shape, nn.Linear)
    assert isinstance(position, nn.Linear)
    mean = np.zeros((1, NUM_BETAS), np.float32)
    shape.bias.add_(torch.from_numpy(Resizer(TorchBody(body))(mean, np.array([bias.height], np.float32))[0]))
    position.bias[DEPTH_OUTPUT].add_(math.log(bias.distance))


@torch.inference_mode()
def deviation_factor(model: MetricHMR, people: PeopleTable, body: BodyModel, batch_size: int = 512) -> float:
    """Factor on the root's standard deviations for which 68.3 % of `people` lie inside the one-sigma ellipsoid."""
    squared = []
    for batch, truth in people.batches(batch_size):
        output = model(batch)
        error = body.joints(output.betas, output.rotmats, output.transl)[:, 0] - truth.joints_cam[:, 0]
        squared.append(squared_deviations(output, error))
    return math.sqrt(torch.cat(squared).quantile(ONE_SIGMA).item() / ONE_SIGMA_3D_SQUARED)


@torch.no_grad()
def widen(model: MetricHMR, factor: float) -> None:
    """Multiplies all standard deviations of the position by `factor`, in place."""
    position = model.position.layers[-1]
    assert isinstance(position, nn.Linear)
    position.bias[DEVIATION_OUTPUTS].add_(math.log(factor))


def main(weights: str, pattern: str, held_out: str, out: str) -> None:
    """Calibrates the network in the file `weights` on training shards (`pattern`) and held-out shards; writes `out`."""
    model = load_model(weights, setting="weights")
    people, body = load_people([pattern]), load_body(model.config.body)
    before = adult_bias(model, people, body)
    correct(model, before, body)
    after = adult_bias(model, people, body)
    factor = deviation_factor(model, load_people([held_out]), body)
    widen(model, factor)
    kept = {name: text for name, text in read_metadata(weights).items() if name not in ("format", "config")}
    factors = {"height": before.height, "distance": before.distance, "deviation": factor}
    save_model(Path(out), model, kept | {"corrected": {name: round(value, 4) for name, value in factors.items()}})
    print(f"medians of true over estimated, standing adults: before {before}, after {after}")
    print(f"standard deviations multiplied by {factor:.3f}; wrote {out}")


if __name__ == "__main__":
    if len(sys.argv) != 5:
        sys.exit('usage: python -m metrichmsr_ros.training.human.calibrate_bias WEIGHTS "SHARDS" "HELD-OUT SHARDS" OUT')
    main(*sys.argv[1:])
