"""Replay recorded bags through the pipeline, in process: results, metrics and a report."""
