"""A network over landmarks with and without its pixel branch, which is trained by itself."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import torch

from metrichmsr_ros.hmr.config import PixelPositionConfig
from metrichmsr_ros.hmr.network.model import MetricHMR

_PREFIX = "pixel_position."


def without_branch(model: MetricHMR) -> MetricHMR:
    """A network without the branch: the model itself, or a copy of the rest of it."""
    if model.pixel_position is None:
        return model
    encoder = replace(model.config.image_encoder, kind="blazepose")
    landmarks = MetricHMR(replace(model.config, image_encoder=encoder, pixel_position=PixelPositionConfig()))
    landmarks.load_state_dict(_rest(model))
    return landmarks


def with_branch(model: MetricHMR, branch: Mapping[str, torch.Tensor], config: PixelPositionConfig) -> MetricHMR:
    """A copy of the network with the branch of that state, instead of the one that it may have; evaluation mode."""
    encoder = replace(model.config.image_encoder, kind="blazepose_pixels")
    whole = MetricHMR(replace(model.config, image_encoder=encoder, pixel_position=config))
    whole.load_state_dict(_rest(model) | {_PREFIX + name: value.cpu() for name, value in branch.items()})
    return whole.eval()


def with_branch_of(model: MetricHMR, other: MetricHMR) -> MetricHMR:
    """A copy of the network with the branch of `other`; the model itself if that has none."""
    if other.pixel_position is None:
        return model
    return with_branch(model, other.pixel_position.state_dict(), other.config.pixel_position)


def _rest(model: MetricHMR) -> dict[str, torch.Tensor]:
    return {name: value for name, value in model.state_dict().items() if not name.startswith(_PREFIX)}
