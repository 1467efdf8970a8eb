"""Routing tables are means of combine weights, whatever the tokens are."""

from __future__ import annotations

import numpy as np
import pytest
from test_hmr_encoders import SMALL, model_of, random_batch

from metrichmsr_ros.hmr.routing import TokenRouting, deepest_patch_routing, heat_maps, landmark_table


def test_routing_of_landmarks_is_a_distribution_over_experts():
    model, batch = model_of(), random_batch(5)
    routing = deepest_patch_routing(model, batch)
    np.testing.assert_allclose(routing.mean.sum(-1), 1, atol=1e-5)
    assert landmark_table(routing).shape == (33, 4)
    alone = [deepest_patch_routing(model, batch.select(slice(i, i + 1))).mean for i in range(5)]
    np.testing.assert_allclose(routing.mean, np.mean(alone, axis=0), atol=1e-5)
    np.testing.assert_allclose(routing.spread, np.std(alone, axis=0), atol=1e-5)


def test_heat_maps_keep_rows_and_columns():
    mean = np.arange(12 * 2, dtype=np.float32).reshape(12, 2)
    maps = heat_maps(TokenRouting(mean, mean), (48, 64))
    assert maps.shape == (2, 4, 3)
    assert maps[1, 2, 1] == mean[2 * 3 + 1, 1]
    with pytest.raises(ValueError, match="do not fill"):
        heat_maps(TokenRouting(mean, mean), (64, 64))
    with pytest.raises(ValueError, match="no 39 landmarks"):
        landmark_table(TokenRouting(mean, mean))


def test_nothing_is_routed_without_routed_experts():
    with pytest.raises(ValueError, match="nothing is routed"):
        deepest_patch_routing(model_of(moe=SMALL | {"routed_experts": 0}), random_batch(1))
