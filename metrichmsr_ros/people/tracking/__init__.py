"""Following people over the images of a video."""
