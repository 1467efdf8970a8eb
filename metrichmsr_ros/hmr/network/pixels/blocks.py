"""Blocks of the pixel branch: BlazePose's inverted residual, and a transformer's."""

from __future__ import annotations

import torch
from torch import nn


class InvertedResidual(nn.Module):
    """Expand, filter each channel, project: a block of BlazePose's trunk."""

    def __init__(self, channels: int, hidden: int, out: int, stride: int) -> None:
        super().__init__()
        self.expand = nn.Conv2d(channels, hidden, 1)
        self.filter = nn.Conv2d(hidden, hidden, 5, stride, padding=2, groups=hidden)
        self.project = nn.Conv2d(hidden, out, 1)
        self.adds = stride == 1

    def forward(self, maps: torch.Tensor) -> torch.Tensor:
        """(B, C, H, W) maps to maps of the block's channels and stride."""
        hidden = nn.functional.relu6(self.filter(nn.functional.relu6(self.expand(maps))))
        projected: torch.Tensor = self.project(hidden)
        return maps + projected if self.adds else projected


class TransformerBlock(nn.Module):
    """Attention and a perceptron, both with a residual and normalised before."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.norm_attention, self.norm_mlp = nn.LayerNorm(width), nn.LayerNorm(width)
        self.attention = nn.MultiheadAttention(width, heads, batch_first=True)
        self.mlp = nn.Sequential(nn.Linear(width, 2 * width), nn.GELU(), nn.Linear(2 * width, width))

    def forward(self, tokens: torch.Tensor, bias: torch.Tensor | None = None) -> torch.Tensor:
        """(B, N, D) tokens to tokens; people do not mix. bias: (N, N), added to the logarithms of the attention."""
        normed = self.norm_attention(tokens)
        tokens = tokens + self.attention(normed, normed, normed, need_weights=False, attn_mask=bias)[0]
        mixed: torch.Tensor = tokens + self.mlp(self.norm_mlp(tokens))
        return mixed
