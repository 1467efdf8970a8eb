"""Training of the depth refiner."""
