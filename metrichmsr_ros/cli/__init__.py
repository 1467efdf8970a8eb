"""The command `metrichmsr`."""
