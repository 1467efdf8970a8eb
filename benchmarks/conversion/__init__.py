"""Round trips of `metrichmsr convert`: people with exact truth, readers of their own, and the errors in a table."""
