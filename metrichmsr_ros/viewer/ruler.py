"""A ruler: two points that the user clicks, the line between them and its length in metres."""

from __future__ import annotations

from typing import Any

import numpy as np

from metrichmsr_ros.types import Float64Array

_COLOUR = (230, 60, 40)


class Ruler:
    """Measures between clicks.

    Args:
        scene: `ViserServer.scene`.
    """

    def __init__(self, scene: Any) -> None:
        self._scene = scene
        self._start: Float64Array | None = None
        self._nodes: list[Any] = []

    def put(self, point: Float64Array) -> str:
        """Set the next point (3,); returns what to tell the user."""
        if self._start is None:
            self.clear()
            self._start = point
            self._mark(0, point)
            return "Click the second point."
        start, self._start = self._start, None
        self._mark(1, point)
        return self._line(start, point)

    def clear(self) -> None:
        """Remove the points and the line."""
        for node in self._nodes:
            node.remove()
        self._nodes, self._start = [], None

    def _mark(self, number: int, point: Float64Array) -> None:
        node = self._scene.add_icosphere(f"/ruler/point{number}", 0.025, color=_COLOUR, position=point)
        self._nodes.append(node)

    def _line(self, start: Float64Array, end: Float64Array) -> str:
        length, (x, y, z) = float(np.linalg.norm(end - start)), np.abs(end - start)
        ends = np.stack([start, end]).astype(np.float32)[None]
        self._nodes.append(self._scene.add_line_segments("/ruler/line", ends, _COLOUR, thickness=0.01))
        middle = (start + end) / 2
        self._nodes.append(self._scene.add_label("/ruler/length", f"{length:.3f} m", position=middle))
        return f"**{length:.3f} m** ({np.hypot(x, y):.3f} m level, {z:.3f} m in height)"
