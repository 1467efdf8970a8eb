"""Recorded bags through the pipeline, in process: results, metrics, a report."""
