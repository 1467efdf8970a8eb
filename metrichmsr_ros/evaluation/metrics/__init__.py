"""All metrics; their modules give definitions, sources and units."""

from __future__ import annotations

from metrichmsr_ros.evaluation.metrics.checks import MetricInputError, mean_error
from metrichmsr_ros.evaluation.metrics.depth import (
    DepthErrors,
    DepthProtocol,
    NoDepthError,
    depth_errors,
    mean_depth_errors,
)
from metrichmsr_ros.evaluation.metrics.pose import (
    H36M14_HIPS,
    H36M14_ROOT,
    SMPL24_HIPS,
    SMPL24_ROOT,
    JointProtocol,
    height_error,
    mpjpe,
    pa_mpjpe,
    pve,
    regress_joints,
    relative_depth_error,
    root_position,
)
from metrichmsr_ros.evaluation.metrics.tracking import TrackingErrors, TrackingFrame, match_people, tracking_errors
from metrichmsr_ros.evaluation.metrics.world import (
    acceleration_error,
    chunk_bounds,
    erve,
    jitter,
    rte,
    w_mpjpe,
    wa_mpjpe,
)

__all__ = [
    "H36M14_HIPS",
    "H36M14_ROOT",
    "SMPL24_HIPS",
    "SMPL24_ROOT",
    "DepthErrors",
    "DepthProtocol",
    "JointProtocol",
    "MetricInputError",
    "NoDepthError",
    "TrackingErrors",
    "TrackingFrame",
    "acceleration_error",
    "chunk_bounds",
    "depth_errors",
    "erve",
    "height_error",
    "jitter",
    "match_people",
    "mean_depth_errors",
    "mean_error",
    "mpjpe",
    "pa_mpjpe",
    "pve",
    "regress_joints",
    "relative_depth_error",
    "root_position",
    "rte",
    "tracking_errors",
    "w_mpjpe",
    "wa_mpjpe",
]
