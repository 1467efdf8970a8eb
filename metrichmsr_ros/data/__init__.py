"""Training data: published layouts and the project's own synthetic set."""
