"""Changes at random to the branch's inputs in training, so that it trusts neither pixels nor landmarks alone."""

from __future__ import annotations

import torch

from metrichmsr_ros.hmr.network.batch import CropBatch
from metrichmsr_ros.hmr.network.pixels.branch import BranchTokens
from metrichmsr_ros.training.pixels.config import MapNoise


def noisy_maps(batch: CropBatch, noise: MapNoise) -> CropBatch:
    """Noise on landmarks; a gain on every channel of the maps, and noise on the trunk's."""
    trunk, decoder = batch.trunk_maps, batch.decoder_maps
    assert trunk is not None
    assert decoder is not None
    spread = trunk.std((2, 3), keepdim=True)
    gained = trunk * (1 + noise.gain * torch.randn_like(spread))
    return batch.with_tensors(
        {
            "landmarks": batch.landmarks + noise.landmark_px * torch.randn_like(batch.landmarks),
            "world": batch.world + noise.world_m * torch.randn_like(batch.world),
            "trunk_maps": gained + noise.noise * spread * torch.randn_like(trunk),
            "decoder_maps": decoder * (1 + noise.gain * torch.randn_like(decoder[..., :1, :1])),
        }
    )


def without_some(tokens: BranchTokens, noise: MapNoise) -> BranchTokens:
    """Tokens with some set to zero; nobody loses all pixels and all landmarks, nor all of the only kind there is."""
    count = len(tokens.camera)
    has_both = bool(tokens.pixels.shape[1] and tokens.landmarks.shape[1])
    pixels_left = torch.rand(count, 1, 1, device=tokens.camera.device) >= noise.no_pixels * has_both
    landmarks_left = torch.rand(count, 1, 1, device=tokens.camera.device) >= noise.no_landmarks * has_both
    landmarks_left = landmarks_left | ~pixels_left

    def kept(all_left: torch.Tensor, most: float, values: torch.Tensor) -> torch.Tensor:
        return values * (
            all_left & (torch.rand_like(values[..., :1]) >= most * torch.rand(count, 1, 1, device=tokens.camera.device))
        )

    return BranchTokens(
        tokens.camera,
        kept(landmarks_left, noise.landmarks, tokens.landmarks),
        kept(pixels_left, noise.pixels, tokens.pixels),
    )
