"""Parameters and FLOPs of every preset: `python -m benchmarks.parameters [--forward paper]`.

FLOPs are of one forward pass for one person, counted by torch (a multiply-add is two). Networks are built on the meta
device, so the paper's network needs no memory. `--forward PRESET` also times a preset in float32 and in bf16.
"""

from __future__ import annotations

import argparse
import platform
import time

import torch
from rich.console import Console
from rich.table import Table
from torch.utils.flop_counter import FlopCounterMode

from metrichmsr_ros.assets import config_path
from metrichmsr_ros.config import load_config
from metrichmsr_ros.hmr.config import ModelConfig
from metrichmsr_ros.hmr.network.batch import CropBatch
from metrichmsr_ros.hmr.network.model import MetricHMR

PRESETS = ("embedded", "vitpose-b", "paper")
PARTS = ("image_encoder", "ray_encoder", "moe", "pose", "shape", "position")


def one_person(config: ModelConfig, dtype: torch.dtype = torch.float32) -> CropBatch:
    """A batch of one person with random landmarks and pixels, in the preset's input format."""
    width, height = config.image_encoder.crop_size
    intrinsics = torch.tensor([[[500.0, 0, 319.5], [0, 500, 239.5], [0, 0, 1]]])
    return CropBatch(
        landmarks=torch.rand(1, 39, 3) * 256,
        visibility=torch.rand(1, 39),
        presence=torch.rand(1, 39),
        world=torch.randn(1, 39, 3) * 0.3,
        crop_intrinsics=intrinsics,
        intrinsics=intrinsics,
        image_size=torch.tensor([[640.0, 480.0]]),
        bbox=torch.tensor([[200.0, 100.0, 400.0, 400.0]]),
        crop_size=(width, height),
        image=None if config.image_encoder.reads_landmarks else torch.rand(1, 3, height, width, dtype=dtype),
    )


def flops(model: torch.nn.Module, batch: CropBatch) -> int:
    """FLOPs of one forward pass; both may be on the meta device."""
    with FlopCounterMode(display=False) as counter:
        model(batch)
    return counter.get_total_flops()


def millions(module: torch.nn.Module | None) -> str:
    return "-" if module is None else f"{sum(p.numel() for p in module.parameters()) / 1e6:.2f}"


@torch.inference_mode()
def time_forward(preset: str, console: Console) -> None:
    config = load_config(ModelConfig, config_path(f"models/{preset}.yaml"))
    for dtype in (torch.float32, torch.bfloat16):
        model = MetricHMR(config).eval().to(dtype)
        batch = one_person(config, dtype)
        model(batch)
        seconds: list[float] = []
        while len(seconds) < 3 or sum(seconds) < 2.0:
            start = time.perf_counter()
            out = model(batch)
            seconds.append(time.perf_counter() - start)
        finite = all(torch.isfinite(x).all() for x in (out.rotmats, out.betas, out.transl))
        console.print(
            f"{preset} forward, 1 person, {str(dtype)[6:]} weights, {platform.processor() or platform.machine()}, "
            f"{torch.get_num_threads()} threads: min {min(seconds) * 1000:.1f} ms, "
            f"median {sorted(seconds)[len(seconds) // 2] * 1000:.1f} ms, finite: {finite}",
            highlight=False,
        )
        del model


def column(preset: str) -> dict[str, str]:
    """Parameters of each part, their sum, and FLOPs of one preset, as text."""
    config = load_config(ModelConfig, config_path(f"models/{preset}.yaml"))
    with torch.device("meta"):
        model = MetricHMR(config).eval().requires_grad_(False)
    parts = {part: millions(getattr(model, part)) for part in PARTS}
    operations = flops(model, one_person(config).to("meta"))
    return parts | {"all": millions(model), "GFLOPs, 1 person": f"{operations / 1e9:.2f}"}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--forward", choices=PRESETS, help="also run and time this preset in float32 and bf16")
    arguments = parser.parse_args()
    console = Console()
    table = Table("", *PRESETS, title="parameters in millions")
    columns = {preset: column(preset) for preset in PRESETS}
    for row in (*PARTS, "all", "GFLOPs, 1 person"):
        table.add_row(row.replace("_", " "), *(columns[preset][row] for preset in PRESETS))
    console.print(table)
    if arguments.forward:
        time_forward(arguments.forward, console)


if __name__ == "__main__":
    main()
