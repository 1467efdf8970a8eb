"""The paper's refiner losses: L = w_d L_depth + w_a L_anchor + w_tv L_tv + w_var L_var. The paper does not state
norms and weights; those here are our choice. Depth terms are relative absolute errors, as in the reported AbsRel;
field terms use dimensionless fields.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class RefinerLossWeights:
    """Weights of the four terms; the paper does not state its own."""

    depth: float = 1.0
    anchor: float = 0.1
    tv: float = 0.02
    var: float = 0.02


def relative_error(depth: Tensor, truth: Tensor, weight: Tensor) -> Tensor:
    """Weighted mean of |depth - truth| / truth over (B, 1, H, W); `truth` of weight 0 may be anything but NaN."""
    error = (depth - truth).abs() / truth.clamp_min(1e-3)
    return (error * weight).sum() / weight.sum().clamp_min(1e-6)


def total_variation(fields: Tensor) -> Tensor:
    """Mean absolute step between neighbours of (B, C, H, W) times the grid size: independent of the resolution."""
    across = (fields[..., 1:] - fields[..., :-1]).abs().mean() * fields.shape[-1]
    down = (fields[..., 1:, :] - fields[..., :-1, :]).abs().mean() * fields.shape[-2]
    return across + down


def variance(fields: Tensor) -> Tensor:
    """Mean squared deviation of (B, C, H, W) from each field's mean: pulls the fields towards a global affine map."""
    return ((fields - fields.mean(dim=(-2, -1), keepdim=True)) ** 2).mean()


def refiner_loss(
    depth: Tensor,
    fields: Tensor,
    truth: Tensor,
    valid: Tensor,
    human: Tensor,
    human_weight: Tensor,
    weights: RefinerLossWeights,
) -> dict[str, Tensor]:
    """The four terms, weighted, and their sum as "total".

    Args:
        depth: (B, 1, H, W) refined depth, metres.
        fields: (B, 2, h, w) dimensionless deviations of scale and offset.
        truth, valid: (B, 1, H, W) true depth in metres and its mask, 0 or 1.
        human, human_weight: (B, 1, H, W) anchor depth in metres and its weight in 0..1.
    """
    terms = {
        "depth": weights.depth * relative_error(depth, truth, valid),
        "anchor": weights.anchor * relative_error(depth, human, human_weight),
        "tv": weights.tv * total_variation(fields),
        "var": weights.var * variance(fields),
    }
    terms["total"] = torch.stack(list(terms.values())).sum()
    return terms
