"""Calibration of an initial depth to the scale of the people: affine and plane fits, the learned refiner."""

from metrichmsr_ros.depth.calibration.affine import fit_affine, fit_field, fit_scale
from metrichmsr_ros.depth.calibration.planes import fit_planes

METHODS = {"scale": fit_scale, "affine": fit_affine, "field": fit_field, "planes": fit_planes}
"""The closed forms, which need no weights, by name."""
