"""Training of the human network."""
