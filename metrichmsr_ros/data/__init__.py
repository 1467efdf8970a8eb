"""Training data: published data sets and this project's synthetic set."""
