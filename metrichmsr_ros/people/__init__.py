"""Finding people in images and following them through time."""
