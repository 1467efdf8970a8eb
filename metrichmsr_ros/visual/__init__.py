"""Visualisation: body overlays, depth and point clouds, expert routing."""
