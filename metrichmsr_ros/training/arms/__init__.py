"""Training of the network that says what arms do."""
