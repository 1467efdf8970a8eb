"""Training steps of a network over pixels: crops a second, beside the least that the device allows."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace

import torch

from benchmarks.gpu.clock import milliseconds
from benchmarks.gpu.limits import Limits
from benchmarks.gpu.work import operations
from metrichmsr_ros.body.load import load_body
from metrichmsr_ros.data.crop_dataset import PersonSample
from metrichmsr_ros.data.image_sets import ImageSet
from metrichmsr_ros.hmr.inputs import CropInputs
from metrichmsr_ros.hmr.network.batch import CropBatch
from metrichmsr_ros.hmr.network.losses import Truth
from metrichmsr_ros.training.distributed import Processes
from metrichmsr_ros.training.human.config import TrainConfig
from metrichmsr_ros.training.human.image_batches import image_batches
from metrichmsr_ros.training.human.trainer import HumanRun

BODY = "open_light"
_PASSES = 3
"""A step multiplies as much as three forwards: one forward, and twice as much backward."""


@dataclass(frozen=True)
class Trained:
    """Crops a second of training steps, and the share of the device's limit, 0..1."""

    crops: float
    share: float


class OneBatch:
    """`Batches` of one batch that is there already, so that steps do not wait for data."""

    def __init__(self, batch: CropBatch, truth: Truth) -> None:
        self._sample = batch, truth

    def __len__(self) -> int:
        """Number of crops."""
        return len(self._sample[0])

    def share(self, step: int, among: Processes) -> PersonSample:
        """The batch."""
        return self._sample

    def names(self, step: int) -> list[str]:
        """Numbers."""
        return [str(number) for number in range(len(self))]

    def labels_sha256(self) -> str:
        """Nothing: the run is not resumed."""
        return ""


def step_rate(config: TrainConfig, views: CropInputs, device: torch.device, limits: Limits) -> Trained:
    """Training steps in bf16 on one batch; without what draws and cuts the pictures, see `loader_rate`."""
    config = replace(config, batch_size=len(views), steps=1000, precision="bf16", warmup_steps=1)
    batches = OneBatch(CropBatch.of(views, torch.device("cpu")), _standing(len(views)))
    run = HumanRun(config, batches, load_body(BODY), Processes(0, 1, device))
    ms = milliseconds(run.step, device, repeats=10)
    least = limits.least_ms(_PASSES * operations(run.model, views), 0.0)
    return Trained(1e3 * len(views) / ms, least / ms)


def loader_rate(config: TrainConfig, workers: int, size: int, steps: int = 5) -> float:
    """Crops a second that the data loader draws and cuts with so many processes; rendered people, without an end."""
    images = (ImageSet(kind="rendered"),)
    batches = image_batches(replace(config, images=images, workers=workers, batch_size=size, steps=1000))
    among = Processes(0, 1, torch.device("cpu"))
    batches.share(0, among)  # starts the processes
    started = time.perf_counter()
    for step in range(1, steps + 1):
        batches.share(step, among)
    return steps * size / (time.perf_counter() - started)


@torch.no_grad()
def _standing(count: int) -> Truth:
    """Labels of people in the rest pose 4 m away."""
    body = load_body(BODY)
    pose, betas, transl = torch.zeros(count, 72), torch.zeros(count, 10), torch.tensor([[0.0, 0.0, 4.0]] * count)
    joints = body.joints(betas, torch.eye(3).expand(count, 24, 3, 3), transl)
    known = torch.ones(count, dtype=torch.bool)
    on_image = torch.cat([500 * joints[..., :2] / joints[..., 2:] + 300, torch.ones(count, 24, 1)], dim=-1)
    return Truth(pose, betas, transl, joints, on_image, known, known, known, known, known)
