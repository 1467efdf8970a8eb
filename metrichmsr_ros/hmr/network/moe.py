"""HumanMoE: Soft Mixture of Experts after Puigcerver et al. (ICLR 2024), arranged as in MetricHMSR.

Every block is pre-normalised self-attention over all tokens of ONE person (people in a batch never mix), then a
feed-forward layer made of experts: image tokens go to routed Soft-MoE experts plus one always-on shared expert, ray
tokens to the ray expert. Patch MoE blocks work on the tokens of the encoders; Global MoE blocks work on a few global
tokens that attend to the patch tokens, and so aggregate the whole person.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import nn
from torch.nn import functional

from metrichmsr_ros.hmr.config import MoEConfig


@dataclass(frozen=True)
class Routing:
    """Weights (B, N, K, S) of one Soft-MoE layer: dispatch sums to 1 over tokens, combine over all slots."""

    dispatch: torch.Tensor
    combine: torch.Tensor

    @property
    def expert_share(self) -> torch.Tensor:
        """(B, K): mean over tokens of each expert's combine weight, the p_i of the load-balance loss."""
        return self.combine.sum(dim=-1).mean(dim=1)


class Experts(nn.Module):
    """`count` two-layer GELU perceptrons of the same shape, all evaluated by two batched products."""

    def __init__(self, count: int, width: int, hidden: int) -> None:
        super().__init__()
        self.weight_in = nn.Parameter(torch.empty(count, width, hidden))
        self.bias_in = nn.Parameter(torch.zeros(count, 1, hidden))
        self.weight_out = nn.Parameter(torch.empty(count, hidden, width))
        self.bias_out = nn.Parameter(torch.zeros(count, 1, width))
        nn.init.trunc_normal_(self.weight_in, std=width**-0.5)
        nn.init.trunc_normal_(self.weight_out, std=0.5 * hidden**-0.5)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """x: (B, K, S, D), S inputs for each of the K experts -> same shape, in the precision of the weights."""
        x = x.to(self.weight_in.dtype)
        hidden = functional.gelu(torch.einsum("bksd,kdh->bksh", x, self.weight_in) + self.bias_in)
        return torch.einsum("bksh,khd->bksd", hidden, self.weight_out) + self.bias_out


class SoftMoE(nn.Module):
    """Soft-MoE layer: every slot is a convex combination of tokens, every output token one of slot outputs.

    Logits are L2-normalised tokens times L2-normalised slot parameters times one learnable scale (Puigcerver et al.,
    section 2.3); the experts get the tokens without normalisation.
    """

    def __init__(self, width: int, experts: int, slots: int, hidden: int) -> None:
        super().__init__()
        self.phi = nn.Parameter(torch.randn(width, experts, slots) * width**-0.5)
        self.scale = nn.Parameter(torch.ones(1))  # with one axis, because FSDP does not shard scalars
        self.experts = Experts(experts, width, hidden)

    def _load_from_state_dict(self, state_dict: dict[str, Any], prefix: str, *rest: Any) -> None:
        name = f"{prefix}scale"
        if name in state_dict:  # older weights hold a scalar
            state_dict[name] = state_dict[name].reshape(1)
        super()._load_from_state_dict(state_dict, prefix, *rest)

    def route(self, x: torch.Tensor) -> Routing:
        """x: (B, N, D) -> dispatch and combine weights (B, N, K, S)."""
        directions = self.scale * functional.normalize(self.phi, dim=0, eps=1e-6)
        logits = torch.einsum("bnd,dks->bnks", functional.normalize(x, dim=-1, eps=1e-6), directions)
        return Routing(logits.softmax(dim=1), logits.flatten(2).softmax(dim=-1).view_as(logits))

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, Routing]:
        """x: (B, N, D) -> (B, N, D) and the routing."""
        routing = self.route(x)
        x = x.to(self.experts.weight_in.dtype)
        slots = torch.einsum("bnd,bnks->bksd", x, routing.dispatch.to(x.dtype))
        out = self.experts(slots)
        return torch.einsum("bksd,bnks->bnd", out, routing.combine.to(out.dtype)), routing


class Attention(nn.Module):
    """Multi-head attention of `x` over `context` (both already normalised)."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.query = nn.Linear(width, width)
        self.key_value = nn.Linear(width, 2 * width)
        self.out = nn.Linear(width, width)

    def forward(self, x: torch.Tensor, context: torch.Tensor) -> torch.Tensor:
        """x: (B, N, D), context: (B, M, D) -> (B, N, D)."""
        q = self._split(self.query(x))
        k, v = (self._split(part) for part in self.key_value(context).chunk(2, dim=-1))
        if q.is_cuda or (q.dtype != torch.float32 and not q.requires_grad):
            return self.out(functional.scaled_dot_product_attention(q, k, v).transpose(1, 2).flatten(2))
        scores = (q @ k.transpose(-1, -2)) * q.shape[-1] ** -0.5
        # For a hundred tokens this is faster on a CPU than scaled_dot_product_attention: 1.5x in bf16 with gradients.
        mixed = scores.softmax(dim=-1).to(v.dtype) @ v
        return self.out(mixed.transpose(1, 2).flatten(2))

    def _split(self, x: torch.Tensor) -> torch.Tensor:
        return x.unflatten(-1, (self.heads, -1)).transpose(1, 2)  # (B, H, N, D/H)


class ExpertLayer(nn.Module):
    """The feed-forward part of a block: image tokens to routed + shared experts, ray tokens to the ray expert."""

    def __init__(self, config: MoEConfig, has_rays: bool) -> None:
        super().__init__()
        width, hidden = config.width, config.width * config.expert_ratio
        self.routed = (
            SoftMoE(width, config.routed_experts, config.slots_per_expert, hidden) if config.routed_experts else None
        )
        self.shared = Experts(1, width, hidden) if config.shared_expert else None
        self.ray = Experts(1, width, hidden) if has_rays else None

    def forward(self, x: torch.Tensor, num_image: int) -> tuple[torch.Tensor, Routing | None]:
        """x: (B, N, D), the first `num_image` tokens are image tokens, the others ray tokens."""
        image, rays = x[:, :num_image], x[:, num_image:]
        routing = None
        out = torch.zeros_like(image)
        if self.shared is not None:
            out = self.shared(image[:, None])[:, 0]
        if self.routed is not None:
            mixed, routing = self.routed(image)
            out = out + mixed
        if self.ray is not None:
            out = torch.cat([out, self.ray(rays[:, None])[:, 0]], dim=1)
        return out, routing


class MoEBlock(nn.Module):
    """Attention and experts with residuals; a block `over_context` also attends to unchanged context tokens."""

    def __init__(self, config: MoEConfig, has_rays: bool, over_context: bool = False) -> None:
        super().__init__()
        self.norm_attention = nn.LayerNorm(config.width)
        self.norm_context = nn.LayerNorm(config.width) if over_context else None
        self.norm_experts = nn.LayerNorm(config.width)
        self.attention = Attention(config.width, config.heads)
        self.experts = ExpertLayer(config, has_rays)
        self.dropout = nn.Dropout(config.dropout)

    def forward(
        self, x: torch.Tensor, num_image: int, context: torch.Tensor | None = None
    ) -> tuple[torch.Tensor, Routing | None]:
        """x: (B, N, D) with `num_image` image tokens first; context: (B, M, D), further tokens to attend to."""
        query = keys = self.norm_attention(x)
        if self.norm_context is not None and context is not None:
            keys = torch.cat([query, self.norm_context(context)], dim=1)
        x = x + self.dropout(self.attention(query, keys))
        out, routing = self.experts(self.norm_experts(x), num_image)
        return x + self.dropout(out), routing


@dataclass(frozen=True)
class HumanFeatures:
    """Output of HumanMoE. pooled: (B, F) for the heads; routing: one entry per Soft-MoE layer, patch layers first."""

    pooled: torch.Tensor
    routing: tuple[Routing, ...]


class HumanMoE(nn.Module):
    """Patch MoE then Global MoE; either may have no layers.

    Without Global MoE the heads get the mean image token and the mean ray token; with it they get all global tokens
    (`global_tokens` of image type and, with ray tokens, one of ray type).
    """

    def __init__(self, config: MoEConfig, has_rays: bool) -> None:
        super().__init__()
        self.patch = nn.ModuleList(MoEBlock(config, has_rays) for _ in range(config.patch_layers))
        self.globals = nn.ModuleList(MoEBlock(config, has_rays, over_context=True) for _ in range(config.global_layers))
        self.num_global = config.global_tokens
        rows = config.global_tokens + int(has_rays)
        if config.global_layers:
            self.queries = nn.Parameter(torch.randn(rows, config.width) * 0.02)
        groups = rows if config.global_layers else 1 + int(has_rays)
        self.norm = nn.LayerNorm(config.width)
        self.features = groups * config.width

    def forward(self, image: torch.Tensor, rays: torch.Tensor | None) -> HumanFeatures:
        """image: (B, N, D) image tokens, rays: (B, M, D) ray tokens or None."""
        tokens, num_image = image if rays is None else torch.cat([image, rays], dim=1), image.shape[1]
        routings = []
        for block in self.patch:
            tokens, routing = block(tokens, num_image)
            routings.append(routing)
        pooled = self._means(tokens, num_image)
        if len(self.globals):
            pooled = self.queries.expand(image.shape[0], -1, -1).to(tokens.dtype)
            for block in self.globals:
                pooled, routing = block(pooled, self.num_global, context=tokens)
                routings.append(routing)
        return HumanFeatures(self.norm(pooled).flatten(1), tuple(r for r in routings if r is not None))

    @staticmethod
    def _means(tokens: torch.Tensor, num_image: int) -> torch.Tensor:
        groups = [tokens[:, :num_image].mean(1)]
        if tokens.shape[1] > num_image:
            groups.append(tokens[:, num_image:].mean(1))
        return torch.stack(groups, dim=1)
