"""Readers of published label files and data sets."""
