"""Sources of the viewer: each yields its frames in order."""
