"""Metric scene depth, calibrated by the people in the scene."""
