"""Public benchmarks and their protocols."""
