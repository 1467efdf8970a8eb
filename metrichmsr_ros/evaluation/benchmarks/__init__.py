"""Benchmarks of the field and their protocols."""
