"""Random inputs for every door of the package: messages, parameters and files. `python -m benchmarks.fuzz --help`."""
