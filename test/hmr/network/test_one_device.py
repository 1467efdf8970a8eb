"""A forward stays on its device: it makes no tensor of the host, reads no value, and is one graph."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import pytest
import torch
from helpers.one_device import HostTensorError, on_one_device
from helpers.random_batches import random_batch
from helpers.small_networks import TINY_MOE, TINY_VITPOSE, model_of
from torch import nn

from metrichmsr_ros.body.base import BodyModel
from metrichmsr_ros.body.load import load_body
from metrichmsr_ros.config import build
from metrichmsr_ros.depth.calibration.network import Refiner
from metrichmsr_ros.depth.calibration.refiner import INPUT_CHANNELS, RefinerConfig
from metrichmsr_ros.hmr.config import ModelConfig
from metrichmsr_ros.hmr.network.batch import CropBatch
from metrichmsr_ros.hmr.network.mirroring import Mirror, estimate_as_seen
from metrichmsr_ros.hmr.network.model import HMROutput, MetricHMR

HEADS = {
    "paper": {"hidden": 16, "translation": "direct", "orientation_frame": "camera"},
    "vitpose-b": {"hidden": 16, "translation": "crop_ray", "orientation_frame": "crop"},
}


def vit(preset: str, **encoder: Any) -> MetricHMR:
    pytest.importorskip("transformers")
    torch.manual_seed(0)
    image = TINY_VITPOSE["image_encoder"] | encoder
    return MetricHMR(build(ModelConfig, TINY_VITPOSE | {"head": HEADS[preset], "image_encoder": image})).eval()


def crops(count: int = 3) -> CropBatch:
    torch.manual_seed(1)
    return dataclasses.replace(random_batch(count), crop_size=(48, 64), image=torch.rand(count, 3, 64, 48))


def landmarks(count: int = 3) -> CropBatch:
    return dataclasses.replace(random_batch(count), heavy=torch.arange(count) % 2 == 1)


class Posed(nn.Module):
    """A body that takes one batch: a mapping would not move to a device by itself."""

    def __init__(self, body: BodyModel) -> None:
        super().__init__()
        self.body = body

    def forward(self, numbers: torch.Tensor) -> tuple[torch.Tensor, ...]:
        betas, pose, transl = numbers.split([10, 72, 3], dim=1)
        posed = self.body(betas, pose, transl)
        return posed.vertices, posed.joints, self.body.joints(betas, pose, transl), self.body.height(betas)


class Mirrored(nn.Module):
    """A network that is shown every other view mirrored."""

    def __init__(self, model: MetricHMR) -> None:
        super().__init__()
        self.model, self.mirror = model, Mirror()

    def forward(self, batch: CropBatch) -> HMROutput:
        assert batch.heavy is not None
        return estimate_as_seen(self.model, batch, batch.heavy, self.mirror)


def embedded(**values: Any) -> MetricHMR:
    return model_of(image_encoder={"kind": "blazepose", "reads_heavy": True}, **values)


def refiner() -> Refiner:
    return Refiner(RefinerConfig(width=32, height=24, channels=(4, 8, 8), dim=16, layers=1, heads=2)).eval()


def pixel_branch() -> nn.Module:
    encoder = {"kind": "blazepose_pixels", "reads_heavy": True}
    branch = model_of(image_encoder=encoder, pixel_position={"mixer": "human_moe", "moe": TINY_MOE}).pixel_position
    assert branch is not None
    return branch


def with_maps() -> CropBatch:
    batch = landmarks(2)
    return dataclasses.replace(
        batch, trunk_maps=torch.rand(2, 88, 16, 16), decoder_maps=torch.rand(2, 288, 8, 8), crop_size=(256, 256)
    )


CASES: dict[str, tuple[Callable[[], nn.Module], Callable[[], Any]]] = {
    "paper": (lambda: vit("paper"), crops),
    "vitpose-b": (lambda: vit("vitpose-b"), crops),
    "vitpose-plus": (lambda: vit("paper", dataset_index=0), crops),
    "embedded": (embedded, landmarks),
    "embedded in the camera frame": (lambda: embedded(head=HEADS["paper"]), landmarks),
    "cliff": (lambda: embedded(conditioning="cliff"), landmarks),
    "mirrored views": (lambda: Mirrored(embedded()), landmarks),
    "pixel branch": (pixel_branch, with_maps),
    "refiner": (refiner, lambda: torch.rand(2, INPUT_CHANNELS, 24, 32)),
    "body": (lambda: Posed(load_body("open_light")), lambda: torch.rand(3, 85)),
}


def values(output: Any) -> list[torch.Tensor]:
    """The tensors of an output, in order."""
    if isinstance(output, torch.Tensor):
        return [output]
    parts = output if isinstance(output, tuple) else (getattr(output, f.name) for f in dataclasses.fields(output))
    return [part for part in parts if isinstance(part, torch.Tensor)]


@pytest.mark.parametrize("name", CASES)
def test_a_forward_makes_no_tensor_of_the_host(name):
    make, inputs = CASES[name]
    module, batch = make(), inputs()
    found, expected = values(on_one_device(module, batch)), values(module(batch))
    assert [(t.shape, t.dtype) for t in found] == [(t.shape, t.dtype) for t in expected]


@pytest.mark.parametrize("name", CASES)
def test_a_forward_is_one_graph_that_equals_it(name):
    make, inputs = CASES[name]
    module, batch = make(), inputs()
    torch.compiler.reset()
    traced = torch.compile(module, fullgraph=True, backend="eager")
    with torch.inference_mode():
        for ours, theirs in zip(values(traced(batch)), values(module(batch)), strict=True):
            torch.testing.assert_close(ours, theirs, rtol=1e-5, atol=1e-5)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device, on which the host may not wait")
@pytest.mark.parametrize("name", CASES)
def test_the_host_never_waits_for_the_gpu(name):
    make, inputs = CASES[name]
    module, batch = make().to("cuda"), inputs().to("cuda")
    with torch.inference_mode():
        module(batch)  # the first call of a library may wait
        torch.cuda.synchronize()
        torch.cuda.set_sync_debug_mode("error")
        try:
            output = module(batch)
        finally:
            torch.cuda.set_sync_debug_mode("default")
    assert all(value.is_cuda for value in values(output))


def test_smpl_stays_on_its_device(tmp_path):
    """The forward of `smplx` itself does not: it reads the parent of every joint."""
    pytest.importorskip("smplx")
    import numpy as np

    from metrichmsr_ros.body.open_tables import FILES, load_arrays, to_smpl_dict

    np.savez(tmp_path / "smpl.npz", **to_smpl_dict(load_arrays(FILES["open_light"])))
    body = load_body(f"smpl:{tmp_path / 'smpl.npz'}")
    assert len(on_one_device(Posed(body), torch.rand(2, 85))) == 4


class Careless(nn.Module):
    def __init__(self, mistake: Callable[[torch.Tensor], torch.Tensor]) -> None:
        super().__init__()
        self.mistake = mistake

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.mistake(x)


MISTAKES: dict[str, Callable[[torch.Tensor], torch.Tensor]] = {
    "a tensor of numbers": lambda x: x + torch.tensor([1.0, 2.0], device=x.device),
    "numbers like another": lambda x: x * x.new_tensor([1.0, 2.0]),
    "a default device": lambda x: x + torch.zeros(2),
    "a scalar of the host": lambda x: x * torch.ones(()),
    "a list as an index": lambda x: x[:, [1, 0]],
    "a value": lambda x: x * x.sum().item(),
    "a branch": lambda x: x if x.sum() > 0 else -x,
    "a boolean index": lambda x: x[x > 0],
    "a copy to the host": lambda x: x.cpu().to(x.device),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_every_way_to_the_host_is_found(name):
    with pytest.raises((HostTensorError, RuntimeError, NotImplementedError)):
        on_one_device(Careless(MISTAKES[name]), torch.rand(3, 2))
