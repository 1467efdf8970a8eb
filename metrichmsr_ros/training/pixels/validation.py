"""Errors of the pixel branch and of the whole network on held-out crops, by framing."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from metrichmsr_ros.body.load import load_body
from metrichmsr_ros.data.rendering.crops.framing import Framing
from metrichmsr_ros.data.synthesis.crops.shard_files import CropArrays
from metrichmsr_ros.hmr.network.engine import TorchEngine
from metrichmsr_ros.hmr.network.model import MetricHMR
from metrichmsr_ros.hmr.pixel_fusion import fused, trust_in_pixels
from metrichmsr_ros.training.pixels.crops import held_out_batches

BATCH = 256
_WILD = 0.3  # relative errors beyond this count as this in the correlation
SYSTEMS = ("landmarks", "pixels", "fused")


@torch.inference_mode()
def validate(model: MetricHMR, shards: Sequence[CropArrays]) -> dict[str, torch.Tensor]:
    """By name (N,): `framing`, and by system the relative errors of the distances and the stated deviations."""
    assert model.pixel_position is not None
    body, engine = load_body(model.config.body), TorchEngine(model)
    rows: dict[str, list[torch.Tensor]] = {}
    for batch, truth in held_out_batches(shards, body, BATCH):
        inputs, straight = batch.inputs(), np.zeros(len(batch), np.bool_)
        landmarks, pixels = engine(inputs, straight), engine.from_pixels(inputs, straight)
        both = fused(landmarks, pixels, model.pixel_position.correlation, trust_in_pixels(inputs, landmarks))
        true = truth.transl[:, 2].numpy()
        rows.setdefault("framing", []).append(truth.framing)
        for name, transl in zip(SYSTEMS, (landmarks.transl, pixels.transl, both.transl), strict=True):
            rows.setdefault(name, []).append(torch.from_numpy(transl[:, 2] / true - 1))
        relative = [e.transl_deviation[:, 0] / np.linalg.norm(e.transl, axis=-1) for e in (landmarks, both)]
        deviations = (relative[0], np.exp(pixels.log_deviation[:, 2]), relative[1])
        for name, values in zip(SYSTEMS, deviations, strict=True):
            rows.setdefault(f"{name} deviation", []).append(torch.from_numpy(values))
    return {name: torch.cat(values) for name, values in rows.items()}


def describe(errors: dict[str, torch.Tensor]) -> str:
    """Median of the distance's error, its absolute, and the share inside one sigma, by system and framing."""
    lines = []
    for name in SYSTEMS:
        parts = []
        for framing in (None, *Framing):
            chosen = errors["framing"] >= 0 if framing is None else errors["framing"] == framing
            if chosen.any():
                error, deviation = errors[name][chosen], errors[f"{name} deviation"][chosen]
                inside = (error.abs() <= deviation).float().mean()
                label = "all" if framing is None else framing.name.lower()
                parts.append(f"{label} {100 * error.median():+.1f} ({100 * error.abs().median():.1f}) {inside:.2f}")
        lines.append(f"  {name:9s} " + ", ".join(parts))
    both = torch.stack([errors[name].clamp(-_WILD, _WILD) for name in ("landmarks", "pixels")])
    return (
        "held out, distance: signed (absolute) median % and share inside 1 sigma\n"
        + "\n".join(lines)
        + f"\n  correlation of the errors of landmarks and pixels {torch.corrcoef(both)[0, 1]:.2f}"
    )
