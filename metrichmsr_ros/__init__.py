"""metrichmsr_ros: metric people and metric depth from one camera, as a library and a ROS 2 package.

    from metrichmsr_ros import Camera, Pipeline

    pipeline = Pipeline.from_preset("embedded")
    scene = pipeline.estimate(rgb, Camera.from_fov(1280, 720, fov_x=1.2))

Importing this package needs no ROS, no GPU, no network and no third-party package: each public name is imported when it
is first used. `metrichmsr_ros.msg` is the generated half and exists only where the messages were built.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from metrichmsr_ros.body.load import load_body
    from metrichmsr_ros.depth.engine import SceneDepth
    from metrichmsr_ros.depth.factory import DepthChoice
    from metrichmsr_ros.errors import MetricHMRError
    from metrichmsr_ros.geometry.camera import Camera
    from metrichmsr_ros.pipeline.pipeline import Pipeline
    from metrichmsr_ros.pipeline.scene import OutputRequest, PersonEstimate, Scene, SceneContext

__version__ = "1.0.0"

__all__ = [
    "Camera",
    "DepthChoice",
    "MetricHMRError",
    "OutputRequest",
    "PersonEstimate",
    "Pipeline",
    "Scene",
    "SceneContext",
    "SceneDepth",
    "load_body",
]

_MODULES = {
    "Camera": "geometry.camera",
    "DepthChoice": "depth.factory",
    "MetricHMRError": "errors",
    "OutputRequest": "pipeline.scene",
    "PersonEstimate": "pipeline.scene",
    "Pipeline": "pipeline.pipeline",
    "Scene": "pipeline.scene",
    "SceneContext": "pipeline.scene",
    "SceneDepth": "depth.engine",
    "load_body": "body.load",
}


def __getattr__(name: str) -> Any:
    """Import a public name on first use (PEP 562)."""
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}; public names: {', '.join(__all__)}")
    value = getattr(importlib.import_module(f"{__name__}.{_MODULES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    """Public names beside those that are imported already."""
    return sorted({*globals(), *__all__})
