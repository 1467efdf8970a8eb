"""A network over pixels in half precision."""

from __future__ import annotations

from metrichmsr_ros.acceleration.execution import Precision
from metrichmsr_ros.acceleration.precision import DTYPES, halve_linear_layers
from metrichmsr_ros.hmr.config import check_precision
from metrichmsr_ros.hmr.network.model import MetricHMR
from metrichmsr_ros.hmr.network.moe import Experts


def halve(model: MetricHMR, precision: Precision) -> None:
    """Change a network to half precision, for inference: the transformers of its encoders and the Patch MoE, which do
    nearly all of its products.

    What is few and decides the metres stays float32: the first layer of both encoders, which reads pixels and rays,
    their projections to tokens, the Global MoE and the heads.

    Raises:
        ExecutionError: as `check_precision`.
    """
    check_precision(model.config, precision)
    if precision == "float32":
        return
    dtype = DTYPES[precision]
    halve_linear_layers(model.image_encoder.get_submodule("backbone"), dtype)
    if model.config.conditioning == "ray_map":
        halve_linear_layers(model.get_submodule("ray_encoder.backbone"), dtype)
    halve_linear_layers(model.moe.patch, dtype)
    for module in model.moe.patch.modules():
        if isinstance(module, Experts):
            module.requires_grad_(False).to(dtype)
