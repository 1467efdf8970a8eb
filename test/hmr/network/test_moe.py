"""Soft MoE against an independent float64 loop over slots, and the properties on which the paper's network relies."""

from __future__ import annotations

import math

import pytest
import torch

from metrichmsr_ros.hmr.config import MoEConfig
from metrichmsr_ros.hmr.network.model import load_balance
from metrichmsr_ros.hmr.network.moe import HumanMoE, SoftMoE


def _gelu(x):
    return 0.5 * x * (1 + torch.erf(x / math.sqrt(2)))


def soft_moe_by_loops(layer: SoftMoE, tokens: torch.Tensor) -> torch.Tensor:
    """Puigcerver et al., algorithm 1, for one person, one slot at a time, in float64."""
    phi, scale = layer.phi.double(), layer.scale.double()
    _, experts, slots = phi.shape
    logits = torch.zeros(len(tokens), experts * slots, dtype=torch.float64)
    for i, token in enumerate(tokens):
        for s in range(experts * slots):
            direction = phi[:, s // slots, s % slots]
            logits[i, s] = scale * (token / token.norm()) @ (direction / direction.norm())
    out = torch.zeros_like(tokens)
    for s in range(experts * slots):
        weights = logits[:, s].exp() / logits[:, s].exp().sum()
        slot = sum(w * t for w, t in zip(weights, tokens, strict=True))
        e, mlp = s // slots, layer.experts
        hidden = _gelu(slot @ mlp.weight_in[e].double() + mlp.bias_in[e, 0].double())
        result = hidden @ mlp.weight_out[e].double() + mlp.bias_out[e, 0].double()
        for i in range(len(tokens)):
            out[i] += logits[i, s].exp() / logits[i].exp().sum() * result
    return out


@pytest.mark.parametrize(("experts", "slots"), [(1, 1), (2, 3), (4, 2), (8, 1)])
def test_soft_moe_equals_loop_over_slots(experts, slots):
    torch.manual_seed(experts)
    layer = SoftMoE(16, experts, slots, hidden=24)
    with torch.no_grad():
        layer.scale.fill_(3.0)
        tokens = torch.randn(2, 7, 16)
        out, _ = layer(tokens)
        expected = torch.stack([soft_moe_by_loops(layer, person.double()) for person in tokens])
    assert (out.double() - expected).abs().max() < 1e-6


def test_moe_loads_weights_whose_scale_has_no_axis():
    layer = SoftMoE(8, 2, 2, hidden=8)
    saved = layer.state_dict() | {"scale": torch.tensor(2.5)}
    layer.load_state_dict(saved)
    assert layer.scale.item() == 2.5


def test_routing_weights_are_distributions():
    layer = SoftMoE(16, 4, 3, hidden=16)
    routing = layer.route(torch.randn(5, 9, 16))
    assert torch.allclose(routing.dispatch.sum(1), torch.ones(5, 4, 3), atol=1e-6)
    assert torch.allclose(routing.combine.sum((2, 3)), torch.ones(5, 9), atol=1e-6)
    assert torch.allclose(routing.expert_share.sum(-1), torch.ones(5), atol=1e-6)


def test_experts_get_tokens_without_normalisation():
    """Scaling all tokens changes the slots but not the routing."""
    layer = SoftMoE(8, 2, 2, hidden=8)
    tokens = torch.randn(1, 5, 8)
    assert torch.allclose(layer.route(tokens).combine, layer.route(10 * tokens).combine, atol=1e-5)
    assert not torch.allclose(layer(tokens)[0], layer(10 * tokens)[0], atol=1e-2)


@pytest.mark.parametrize(("patch", "total"), [(2, 1), (2, 0), (0, 1)])
@pytest.mark.parametrize("experts", [0, 2, 4])
@pytest.mark.parametrize("has_rays", [True, False])
def test_moe_people_never_mix(patch, total, experts, has_rays):
    torch.manual_seed(0)
    layers = {"patch_layers": patch, "global_layers": total}
    config = MoEConfig(width=16, heads=2, global_tokens=3, routed_experts=experts, **layers)
    moe = HumanMoE(config, has_rays).eval()
    image, rays = torch.randn(6, 11, 16), torch.randn(6, 5, 16) if has_rays else None
    out = moe(image, rays)
    assert out.pooled.shape == (6, moe.features)
    assert len(out.routing) == (patch + total if experts else 0)
    order = torch.tensor([3, 0, 5, 1, 4, 2])
    permuted = moe(image[order], None if rays is None else rays[order])
    assert torch.allclose(permuted.pooled, out.pooled[order], atol=1e-6)
    alone = moe(image[2:3], None if rays is None else rays[2:3])
    assert torch.allclose(alone.pooled, out.pooled[2:3], atol=1e-5)


def test_moe_dispatch_excludes_ray_tokens():
    """Routed experts and the shared expert get image tokens only; only the ray expert gets ray tokens."""
    config = MoEConfig(width=16, heads=2, patch_layers=1, global_layers=0)
    moe = HumanMoE(config, has_rays=True)
    out = moe(torch.randn(2, 11, 16), torch.randn(2, 5, 16))
    assert out.routing[0].dispatch.shape[1] == 11


def test_load_balance_is_minimal_for_even_routing():
    even = torch.full((3, 2, 4), 0.25)
    collapsed = torch.zeros(3, 2, 4)
    collapsed[..., 0] = 1
    assert load_balance(even).item() == pytest.approx(1.0)
    assert load_balance(collapsed).item() == pytest.approx(4.0)
    alternating = torch.eye(4)[:, None]  # each person uses one expert, the batch uses all alike
    assert load_balance(alternating).item() == pytest.approx(1.0)


def test_moe_gradient_reaches_every_parameter():
    moe = HumanMoE(MoEConfig(width=16, heads=2, patch_layers=1, global_layers=1), has_rays=True)
    moe(torch.randn(2, 6, 16), torch.randn(2, 3, 16)).pooled.square().sum().backward()
    assert [name for name, p in moe.named_parameters() if p.grad is None] == []
