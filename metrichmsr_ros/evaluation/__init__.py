"""Metrics, benchmarks and trajectory files."""
