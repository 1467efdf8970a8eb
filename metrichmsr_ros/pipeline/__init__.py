"""Image and camera in, people and depth in metres out."""
