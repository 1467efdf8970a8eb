"""Endurance of the perception node under faults. `python -m benchmarks.soak --help`."""
