"""After training: make estimates of adults right in the median, and the stated uncertainty as wide as errors are.

    python -m metrichmsr_ros.training.human.calibrate_bias WEIGHTS "train-*.tar" "val-0000[0-3].tar" OUT

Height and distance cannot be told apart in one image, so a network answers with what is right for the mixture of people
that it learned from. Children in that mixture draw the estimates of all adults down. Two numbers, the medians of true
over estimated height and distance, go into the last biases of the shape and position heads. They are taken over the
adults it was trained on who stand or walk, as most people do whom robots meet. A third makes the ellipsoid meant for
68.3 % of the roots hold as many of people whom the network never saw, for those it saw it knows too well. Nothing else
of the network changes.
"""

from __future__ import annotations

import math
import sys
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import nn

from metrichmsr_ros.body.base import NUM_BETAS, BodyModel
from metrichmsr_ros.body.load import load_body
from metrichmsr_ros.body.resize import Resizer
from metrichmsr_ros.hmr.checkpoint import load_model, read_metadata, save_model
from metrichmsr_ros.hmr.model import MetricHMR
from metrichmsr_ros.training.human.landmark_table import PeopleTable, load_people
from metrichmsr_ros.training.human.standing import standing
from metrichmsr_ros.training.human.trainer import TrainingError
from metrichmsr_ros.training.human.validation import ONE_SIGMA_3D_SQUARED, squared_deviations

ADULT = 1.5  # metres
DEPTH_OUTPUT = 2  # of PositionHead: the logarithm of depth times half angle
DEVIATION_OUTPUTS = slice(3, 5)  # logarithms of the relative deviations along and across the line of sight
ONE_SIGMA = 0.6827


@dataclass(frozen=True)
class Bias:
    """Medians over standing adults of true over estimated body height and distance of the root."""

    height: float
    distance: float


@torch.inference_mode()
def adult_bias(model: MetricHMR, people: PeopleTable, body: BodyModel, batch_size: int = 512) -> Bias:
    """Bias over the people of `people` who stand and are taller than `ADULT`. TrainingError where there is none."""
    heights, distances = [], []
    counted = (body.height(people.truth.betas) > ADULT) & standing(people.truth.joints_cam)
    if not counted.any():
        raise TrainingError(f"nobody in this data stands and is taller than {ADULT} m")
    for index in counted.nonzero()[:, 0].split(batch_size):
        batch, truth = people.select(index)
        output = model(batch)
        root = body.joints(output.betas, output.rotmats, output.transl)[:, 0]
        heights.append(body.height(truth.betas) / body.height(output.betas))
        distances.append(truth.joints_cam[:, 0].norm(dim=-1) / root.norm(dim=-1))
    return Bias(torch.cat(heights).median().item(), torch.cat(distances).median().item())


@torch.no_grad()
def correct(model: MetricHMR, bias: Bias, body: BodyModel) -> None:
    """Multiply all estimated heights and distances by `bias`, in place.

    TrainingError for networks that regress the translation directly, where no bias is a factor.
    """
    if model.config.head.translation != "crop_ray":
        raise TrainingError("translation: direct has no logarithm of depth to correct; train with crop_ray")
    shape, position = model.shape.layers[-1], model.position.layers[-1]
    assert isinstance(shape, nn.Linear)
    assert isinstance(position, nn.Linear)
    mean = torch.zeros(1, NUM_BETAS)
    shape.bias.add_((Resizer(body)(mean, torch.tensor([bias.height])) - mean)[0])
    position.bias[DEPTH_OUTPUT].add_(math.log(bias.distance))


@torch.inference_mode()
def deviation_factor(model: MetricHMR, people: PeopleTable, body: BodyModel, batch_size: int = 512) -> float:
    """What the deviations of the root must be multiplied by for 68.3 % of `people` to lie within one."""
    squared = []
    for batch, truth in people.batches(batch_size):
        output = model(batch)
        off = body.joints(output.betas, output.rotmats, output.transl)[:, 0] - truth.joints_cam[:, 0]
        squared.append(squared_deviations(output, off))
    return math.sqrt(torch.cat(squared).quantile(ONE_SIGMA).item() / ONE_SIGMA_3D_SQUARED)


@torch.no_grad()
def widen(model: MetricHMR, factor: float) -> None:
    """Multiply all deviations of the position by `factor`, in place."""
    position = model.position.layers[-1]
    assert isinstance(position, nn.Linear)
    position.bias[DEVIATION_OUTPUTS].add_(math.log(factor))


def main(weights: str, pattern: str, held_out: str, out: str) -> None:
    """Corrects the network in the file `weights` by the people of shards: of its training, and held out."""
    model = load_model(weights)
    people, body = load_people([pattern]), load_body(model.config.body)
    before = adult_bias(model, people, body)
    correct(model, before, body)
    after = adult_bias(model, people, body)
    factor = deviation_factor(model, load_people([held_out]), body)
    widen(model, factor)
    kept = {name: text for name, text in read_metadata(weights).items() if name not in ("format", "config")}
    factors = {"height": before.height, "distance": before.distance, "deviation": factor}
    save_model(Path(out), model, kept | {"corrected": {name: round(value, 4) for name, value in factors.items()}})
    print(f"true over estimated, medians over standing adults: before {before}, after {after}")
    print(f"deviations times {factor:.3f}; wrote {out}")


if __name__ == "__main__":
    if len(sys.argv) != 5:
        sys.exit('use: python -m metrichmsr_ros.training.human.calibrate_bias WEIGHTS "SHARDS" "HELD-OUT SHARDS" OUT')
    main(*sys.argv[1:])
