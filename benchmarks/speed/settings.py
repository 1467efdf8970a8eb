"""What processes of the benchmark agree on."""

from __future__ import annotations

FOV_X = 1.22
"""Horizontal field of view of every camera, radians: the demo's."""
FPS = 30.0
"""Images per second of simulated time."""
