"""Rendered training data and sequences with ground truth."""
