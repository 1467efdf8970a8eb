"""The calibrations that need no weights, by name, from the simplest to the best."""

from __future__ import annotations

from metrichmsr_ros.depth.calibration.affine import fit_affine, fit_field, fit_scale
from metrichmsr_ros.depth.calibration.planes import fit_planes

METHODS = {"scale": fit_scale, "affine": fit_affine, "field": fit_field, "planes": fit_planes}
