"""Charts as inline SVG text, without scripts, fonts or network requests, so that a report is one file."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

import numpy as np
from numpy.typing import ArrayLike

_WIDTH, _HEIGHT = 860, 240
_LEFT, _RIGHT, _TOP, _BOTTOM = 62, 16, 12, 40


@dataclass(frozen=True)
class Series:
    """One line or row of a chart: name, CSS colour, points, and whether the line is dashed."""

    name: str
    colour: str
    x: ArrayLike
    y: ArrayLike
    dashed: bool = False


@dataclass(frozen=True)
class ChartArea:
    """The mapping from data to pixels of one chart."""

    x0: float
    x1: float
    y0: float
    y1: float
    width: int = _WIDTH
    height: int = _HEIGHT

    def px(self, x: float) -> float:
        """Pixel of a data x."""
        return _LEFT + (x - self.x0) / ((self.x1 - self.x0) or 1.0) * (self.width - _LEFT - _RIGHT)

    def py(self, y: float) -> float:
        """Pixel of a data y; y grows upwards."""
        return self.height - _BOTTOM - (y - self.y0) / ((self.y1 - self.y0) or 1.0) * (self.height - _TOP - _BOTTOM)


def ticks(low: float, high: float, count: int = 5) -> list[float]:
    """Round numbers (1, 2, 5 times a power of ten) within [low, high]."""
    if not (math.isfinite(low) and math.isfinite(high)) or high <= low:
        return [low] if math.isfinite(low) else []
    rough = (high - low) / max(count, 1)
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(m * power for m in (1, 2, 5, 10) if m * power >= rough)
    first = math.ceil(low / step - 1e-9)
    return [k * step for k in range(first, math.floor(high / step + 1e-9) + 1)]


def _axes(frame: ChartArea, x_label: str, y_label: str, y_ticks: bool = True) -> list[str]:
    left, right = frame.px(frame.x0), frame.px(frame.x1)
    bottom, top = frame.py(frame.y0), frame.py(frame.y1)
    parts = [f'<path class="axis" d="M{left:.1f} {top:.1f}V{bottom:.1f}H{right:.1f}"/>']
    for value in ticks(frame.x0, frame.x1, 8):
        x = frame.px(value)
        parts.append(f'<path class="grid" d="M{x:.1f} {top:.1f}V{bottom:.1f}"/>')
        parts.append(f'<text x="{x:.1f}" y="{bottom + 15:.1f}" text-anchor="middle">{value:g}</text>')
    for value in ticks(frame.y0, frame.y1) if y_ticks else []:
        y = frame.py(value)
        parts.append(f'<path class="grid" d="M{left:.1f} {y:.1f}H{right:.1f}"/>')
        parts.append(f'<text x="{left - 6:.1f}" y="{y + 4:.1f}" text-anchor="end">{value:g}</text>')
    middle = (left + right) / 2
    parts.append(f'<text x="{middle:.1f}" y="{frame.height - 6}" text-anchor="middle">{escape(x_label)}</text>')
    centre = (top + bottom) / 2
    parts.append(
        f'<text x="14" y="{centre:.1f}" text-anchor="middle" transform="rotate(-90 14 {centre:.1f})">'
        f"{escape(y_label)}</text>"
    )
    return parts


def _svg(frame: ChartArea, title: str, parts: Sequence[str]) -> str:
    return (
        f'<svg viewBox="0 0 {frame.width} {frame.height}" role="img" aria-label="{escape(title)}">'
        f"<title>{escape(title)}</title>{''.join(parts)}</svg>"
    )


def _path(frame: ChartArea, x: np.ndarray, y: np.ndarray, colour: str, dashed: bool = False) -> str:
    """A line with gaps at missing values; an isolated value becomes a dot."""
    pieces, dots, run = [], [], []
    for a, b in [*zip(x.tolist(), y.tolist(), strict=True), (math.nan, math.nan)]:
        if math.isfinite(a) and math.isfinite(b):
            run.append((frame.px(a), frame.py(b)))
            continue
        if len(run) > 1:
            pieces.append("M" + "L".join(f"{u:.1f} {v:.1f}" for u, v in run))
        elif run:
            dots.append(f'<circle cx="{run[0][0]:.1f}" cy="{run[0][1]:.1f}" r="2" fill="{colour}"/>')
        run = []
    kind = "line dashed" if dashed else "line"
    line = f'<path class="{kind}" stroke="{colour}" d="{"".join(pieces)}"/>' if pieces else ""
    return line + "".join(dots)


def line_chart(title: str, series: Sequence[Series], x_label: str, y_label: str) -> str:
    """Lines over a common x; the y axis starts at zero."""
    arrays = [(s, np.asarray(s.x, float), np.asarray(s.y, float)) for s in series]
    xs = np.concatenate([x for _, x, _ in arrays]) if arrays else np.zeros(0)
    ys = np.concatenate([y for _, _, y in arrays]) if arrays else np.zeros(0)
    xs, ys = xs[np.isfinite(xs)], ys[np.isfinite(ys)]
    if not len(xs) or not len(ys):
        return f"<p>{escape(title)}: nothing to show.</p>"
    frame = ChartArea(float(xs.min()), float(xs.max()), min(0.0, float(ys.min())), float(ys.max()) * 1.05 or 1.0)
    lines = [_path(frame, x, y, s.colour, s.dashed) for s, x, y in arrays]
    return _svg(frame, title, [*_axes(frame, x_label, y_label), *lines]) + legend(series)


def histogram(title: str, values: ArrayLike, marks: dict[str, float], x_label: str, bins: int = 40) -> str:
    """Counts of values, with named vertical marks (percentiles)."""
    data = np.asarray(values, float)
    data = data[np.isfinite(data)]
    if not len(data):
        return f"<p>{escape(title)}: nothing to show.</p>"
    high = max(float(data.max()), *marks.values()) if marks else float(data.max())
    counts, edges = np.histogram(data, bins=bins, range=(min(0.0, float(data.min())), high or 1.0))
    frame = ChartArea(float(edges[0]), float(edges[-1]), 0.0, float(counts.max()) * 1.15)
    parts = _axes(frame, x_label, "frames")
    for count, a, b in zip(counts, edges[:-1], edges[1:], strict=True):
        if count:
            x, y = frame.px(a), frame.py(count)
            width, height = frame.px(b) - x - 1, frame.py(0) - y
            parts.append(f'<rect class="bar" x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{height:.1f}"/>')
    for row, (name, value) in enumerate(marks.items()):
        x = frame.px(value)
        parts.append(f'<path class="mark" d="M{x:.1f} {frame.py(0):.1f}V{_TOP}"/>')
        side, anchor = (-4, "end") if x > 0.85 * frame.width else (4, "start")  # keep the text inside the chart
        place = f'x="{x + side:.1f}" y="{_TOP + 10 + 13 * row}" text-anchor="{anchor}"'
        parts.append(f"<text {place}>{escape(name)} {value:.1f}</text>")
    return _svg(frame, title, parts)


def timeline(
    title: str, rows: Sequence[tuple[Series, Sequence[tuple[float, float]]]], x_label: str, whole: tuple[float, float]
) -> str:
    """One row per person with a bar per visible span [start, end]; `whole` is the span of the recording."""
    if not rows:
        return f"<p>{escape(title)}: no people.</p>"
    height = _TOP + _BOTTOM + 18 * len(rows)
    frame = ChartArea(*whole, 0.0, float(len(rows)), height=height)
    parts = _axes(frame, x_label, "", y_ticks=False)
    for index, (series, row) in enumerate(rows):
        y = frame.py(len(rows) - index) + 3
        parts.append(f'<text x="{_LEFT - 6}" y="{y + 10:.1f}" text-anchor="end">{escape(series.name)}</text>')
        for start, end in row:
            x = frame.px(start)
            width = max(frame.px(end) - x, 1.5)
            fill = series.colour
            parts.append(f'<rect x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="12" fill="{fill}"/>')
    return _svg(frame, title, parts)


def ground_map(title: str, paths: Sequence[Series], x_label: str, y_label: str, mark_camera: bool = True) -> str:
    """Paths from above with equal scales and a dot at each start; the camera at the origin points up the page."""
    arrays = [(s, np.asarray(s.x, float), np.asarray(s.y, float)) for s in paths]
    origin = [[0.0]] if mark_camera else []
    xs = np.concatenate([*origin, *[x[np.isfinite(x)] for _, x, _ in arrays]])
    ys = np.concatenate([*origin, *[y[np.isfinite(y)] for _, _, y in arrays]])
    if not len(xs):
        return f"<p>{escape(title)}: nothing to show.</p>"
    size = 520
    span = max(float(np.ptp(xs)), float(np.ptp(ys)), 0.5) * 1.1
    scale_width = size - _LEFT - _RIGHT
    scale_height = size - _TOP - _BOTTOM
    half_x, half_y = span / 2 * max(1.0, scale_width / scale_height), span / 2 * max(1.0, scale_height / scale_width)
    cx, cy = (float(xs.max()) + float(xs.min())) / 2, (float(ys.max()) + float(ys.min())) / 2
    frame = ChartArea(cx - half_x, cx + half_x, cy - half_y, cy + half_y, size, size)
    parts = _axes(frame, x_label, y_label)
    u, v = frame.px(0.0), frame.py(0.0)
    if mark_camera:
        parts.append(f'<path class="camera" d="M{u:.1f} {v:.1f}l-9 -16h18z"/>')
    for series, x, y in arrays:
        parts.append(_path(frame, x, y, series.colour))
        good = np.flatnonzero(np.isfinite(x) & np.isfinite(y))
        if len(good):
            a, b = frame.px(float(x[good[0]])), frame.py(float(y[good[0]]))
            parts.append(f'<circle cx="{a:.1f}" cy="{b:.1f}" r="4" fill="{series.colour}"/>')
    return _svg(frame, title, parts) + legend(paths)


def legend(series: Sequence[Series]) -> str:
    """HTML list of the names in their colours."""
    items = "".join(f'<li><i style="background:{s.colour}"></i>{_legend_name(s)}</li>' for s in series)
    return f'<ul class="legend">{items}</ul>'


def _legend_name(series: Series) -> str:
    return escape(series.name) + (" (dashed)" if series.dashed else "")
