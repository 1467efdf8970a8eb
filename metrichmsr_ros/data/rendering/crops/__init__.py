"""Crops of dressed people as a robot's camera sees them, drawn on a CPU with numba and OpenCV."""
