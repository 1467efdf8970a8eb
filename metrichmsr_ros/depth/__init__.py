"""Metric scene depth, anchored on the people in it."""
