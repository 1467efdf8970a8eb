"""Finding people in one image."""
