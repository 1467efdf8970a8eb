"""Readers of label files and data sets."""
