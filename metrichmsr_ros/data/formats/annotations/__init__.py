"""Annotation folders: people and frames as Parquet, in shards that are whole or absent, and a manifest."""
