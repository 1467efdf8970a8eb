"""What brings an initial depth to the people's scale: affine and plane fits, the learned refiner."""
