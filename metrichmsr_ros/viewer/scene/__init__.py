"""What the viewer draws: arrays in the axes of the scene, and the handles that hold them."""
