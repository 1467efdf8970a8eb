"""What `metrichmsr annotate` does in a second, how its memory grows, and what is left after kill -9."""
