"""The field's metrics, benchmarks, bag replay and reports."""
