"""Figures of expert routing: a heat map per expert over one crop, and a coloured table of joints by experts.

All experts and figures share one colour scale, so that they can be compared; the legend shows its limits.
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from metrichmsr_ros.types import AnyArray, ImageArray

PANEL = 300  # px, height of one panel
COLUMNS = 5  # panels in a row
GAP, CAPTION, LEGEND = 10, 30, 54
PAPER, INK, DOT = (255, 255, 255), (30, 30, 30), (255, 220, 60)
FONT = cv2.FONT_HERSHEY_SIMPLEX


def draw_person(
    crop: ImageArray,
    joints: AnyArray,
    weights: AnyArray,
    maps: AnyArray,
    opacity: AnyArray,
    limits: tuple[float, float],
) -> ImageArray:
    """The crop (H, W, 3) RGB around its joints (J, 2), a panel per expert, and the legend, as one RGB image.

    Args:
        weights: (J, K) share of each expert at the joints, drawn as dots; maps: (K, H, W) share at each pixel.
        opacity: (H, W) 0..1 of the maps; limits: least and largest share of the colour scale.
    """
    rows, columns = _window(joints, crop.shape[:2])
    crop, maps, opacity = crop[rows, columns], maps[:, rows, columns], opacity[rows, columns]
    scale = PANEL / crop.shape[0]
    dots = (joints - [columns.start, rows.start]) * scale
    panels = [_panel(_with_dots(_resized(crop, scale), dots, np.full((len(dots), 3), DOT)), "joints in view")]
    grey = np.repeat(cv2.cvtColor(np.ascontiguousarray(crop), cv2.COLOR_RGB2GRAY)[..., None], 3, axis=2)
    first, shown, blend = maps.argmax(0), opacity > 0.3, 0.7 * opacity[..., None]
    for k, share in enumerate(maps):
        heat = ((1 - blend) * (0.5 * grey + 120) + blend * colours(share, limits)).astype(np.uint8)
        led = (first == k)[shown].mean() if shown.any() else 0.0
        marked = _with_dots(_resized(heat, scale), dots, colours(np.nan_to_num(weights[:, k]), limits))
        panels.append(_panel(marked, f"expert {k + 1}: largest on {100 * led:.0f} % of the area"))
    picture = _grid(panels)
    return np.vstack([picture, _legend(picture.shape[1], limits)])


def _window(joints: AnyArray, shape: tuple[int, ...]) -> tuple[slice, slice]:
    """Rows and columns of the crop around the joints with a margin; the whole crop without joints."""
    known = joints[np.isfinite(joints).all(1)]
    if not len(known):
        return slice(0, shape[0]), slice(0, shape[1])
    low, high = known.min(0), known.max(0)
    half = 0.5 * max((high - low).max(), 0.2 * shape[0]) + 0.08 * shape[0]
    left, top = np.maximum((low + high) / 2 - half, 0).astype(int)
    right, bottom = np.minimum((low + high) / 2 + half, [shape[1], shape[0]]).astype(int)
    return slice(top, bottom), slice(left, right)


def draw_table(names: Sequence[str], shares: AnyArray, limits: tuple[float, float]) -> ImageArray:
    """Joints (rows) by experts (columns): cells with the colour and the number of `shares` (J, K)."""
    label, cell, row = 190, max(58, 520 // shares.shape[1]), 24
    picture = np.full((2 * row + row * len(names), label + cell * shares.shape[1] + GAP, 3), PAPER, np.uint8)
    for k in range(shares.shape[1]):
        _text(picture, f"expert {k + 1}" if cell > 80 else f"e{k + 1}", (label + k * cell + 6, row))
    for j, (name, values) in enumerate(zip(names, shares, strict=True)):
        top = int(1.5 * row) + j * row
        _text(picture, name, (GAP, top + 17))
        for k, value in enumerate(values):
            colour = colours(np.array(value), limits)
            corner = (label + k * cell, top)
            cv2.rectangle(picture, corner, (corner[0] + cell - 3, top + row - 3), colour.tolist(), cv2.FILLED)
            ink = INK if colour.mean() > 140 else PAPER
            weight = 2 if value == values.max() else 1
            _text(picture, f"{value:.3f}", (corner[0] + 6, top + 16), ink, weight)
    legend = _legend(picture.shape[1], limits)
    return np.vstack([picture, legend])


def colours(shares: AnyArray, limits: tuple[float, float]) -> AnyArray:
    """Shares (...) -> RGB (..., 3) uint8: dark violet at limits[0], yellow at limits[1]."""
    span = max(limits[1] - limits[0], 1e-9)
    level = np.clip(np.rint(255 * (np.asarray(shares) - limits[0]) / span), 0, 255).astype(np.uint8)
    scale = cv2.applyColorMap(np.arange(256, dtype=np.uint8)[:, None], cv2.COLORMAP_VIRIDIS)[:, 0, ::-1]
    return scale[level]


def _with_dots(image: ImageArray, points: AnyArray, inks: AnyArray) -> ImageArray:
    for (u, v), ink in zip(points, inks, strict=True):
        if np.isfinite([u, v]).all():
            centre = (round(float(u)), round(float(v)))
            cv2.circle(image, centre, 5, INK, -1, cv2.LINE_AA)
            cv2.circle(image, centre, 4, [int(value) for value in ink], -1, cv2.LINE_AA)
    return image


def _resized(image: ImageArray, scale: float) -> ImageArray:
    size = (round(image.shape[1] * scale), round(image.shape[0] * scale))
    return np.ascontiguousarray(cv2.resize(image, size, interpolation=cv2.INTER_LINEAR))


def _panel(image: ImageArray, caption: str) -> ImageArray:
    panel = np.full((image.shape[0] + CAPTION + GAP, max(image.shape[1], 250) + GAP, 3), PAPER, np.uint8)
    panel[CAPTION : CAPTION + image.shape[0], GAP : GAP + image.shape[1]] = image
    _text(panel, caption, (GAP, CAPTION - 9))
    return panel


def _grid(panels: list[ImageArray]) -> ImageArray:
    columns = min(COLUMNS, len(panels))
    blank = np.full_like(panels[0], 255)
    filled = panels + [blank] * (-len(panels) % columns)
    return np.vstack([np.hstack(filled[i : i + columns]) for i in range(0, len(filled), columns)])


def _legend(width: int, limits: tuple[float, float]) -> ImageArray:
    legend = np.full((LEGEND, width, 3), PAPER, np.uint8)
    bar = colours(np.linspace(*limits, 160), limits)
    legend[8:22, GAP : GAP + 160] = bar
    _text(legend, f"{limits[0]:.3f}", (GAP, 40), scale=0.42)
    _text(legend, f"{limits[1]:.3f}", (GAP + 118, 40), scale=0.42)
    _text(legend, "share of the expert in a token's", (GAP + 172, 19), scale=0.42)
    _text(legend, "routed output (sums to 1)", (GAP + 172, 38), scale=0.42)
    return legend


def _text(
    image: ImageArray,
    text: str,
    origin: tuple[int, int],
    ink: tuple[int, ...] = INK,
    weight: int = 1,
    scale: float = 0.48,
) -> None:
    cv2.putText(image, text, origin, FONT, scale, ink, weight, cv2.LINE_AA)
