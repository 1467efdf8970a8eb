"""Training of the human and depth networks."""
