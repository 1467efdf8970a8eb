"""Crops of dressed people as a robot's camera sees them, drawn on a CPU or a GPU with numba and OpenCV."""
