"""MetricHMR: encoders, HumanMoE, heads and losses."""
