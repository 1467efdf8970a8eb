"""Training of the branch that finds position and shape from pixels."""
