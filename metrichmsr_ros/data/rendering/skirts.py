"""What hangs from the hips around both legs: skirts, dresses, coats and long jackets.

Cloth that follows each leg by itself (`painting.stand_off`) shows where the legs part. What hangs does not, and
the landmark network sees hips lower then. A garment is a stack of rings; each is the hull of the body's slice at its
height, seen along the trunk, a little wider.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from metrichmsr_ros.geometry.procrustes import umeyama
from metrichmsr_ros.types import Float64Array

TOP_Y = 0.06
"""Where what hangs begins: between waist and hips, y on the template, m."""
_STEP, _SLICE = 0.05, 0.03  # m, between rings; half of a slice's thickness
_AROUND = 40
_STEEPEST = 0.5  # cosine of the angle between a thigh and the trunk beyond which cloth lies on the legs


@dataclass(frozen=True)
class Garment:
    """A tube: its points on the template and on the posed body, both (N, 3) m, and faces (F, 3), seen from outside."""

    template: Float64Array
    vertices: Float64Array
    faces: NDArray[np.int64]


def hanging(
    template: Float64Array, vertices: Float64Array, hem: float, thickness: float, flare: float
) -> Garment | None:
    """The garment of one body, or None where nothing hangs: a hem above the hips, or thighs that are raised.

    Args:
        template: (V, 3) the body at rest, y up.
        vertices: (V, 3) the same body posed, anywhere in the world.
        hem: where it ends, y on the template, m.
        thickness: how far it stands off the body, m.
        flare: how much wider it gets for each metre that it falls, m.
    """
    heights = np.linspace(TOP_Y, hem, max(2, 1 + round((TOP_Y - hem) / _STEP)))
    turn = _hips_rotation(template, vertices)
    if hem >= TOP_Y - _STEP or not _legs_hang(template, vertices, turn):
        return None
    at_rest = np.eye(3)
    rings_at_rest, rings = [], []
    for height in heights:
        inside = _between(template, height - _SLICE, height + _SLICE)
        off = thickness + flare * (TOP_Y - height)
        rings_at_rest.append(_ring(template[inside], at_rest, off))
        rings.append(_ring(vertices[inside], turn, off))
    return Garment(np.concatenate(rings_at_rest), np.concatenate(rings), _tube(len(heights)))


def _legs_hang(template: Float64Array, vertices: Float64Array, turn: Float64Array) -> bool:
    """Whether both thighs point down the trunk, whose axes are the columns of `turn`."""
    hips = vertices[_between(template, -0.05, 0.05)].mean(0)
    for side in (-1.0, 1.0):
        knee = vertices[_between(template, -0.42, -0.35) & (side * template[:, 0] > 0)].mean(0)
        thigh = knee - hips
        if -thigh @ turn[:, 1] < _STEEPEST * np.linalg.norm(thigh):
            return False
    return True


def _between(template: Float64Array, low: float, high: float) -> NDArray[np.bool_]:
    """(V,) which vertices lie between two heights on the template; the arms, stretched out, are above all asked for."""
    inside: NDArray[np.bool_] = (template[:, 1] > low) & (template[:, 1] < high)
    return inside


def _hips_rotation(template: Float64Array, vertices: Float64Array) -> Float64Array:
    """(3, 3): the trunk's axes in the world; the rotation nearest to what moved the hips."""
    hips = _between(template, 0.0, 0.1)
    _, rotation, _ = umeyama(template[hips], vertices[hips], with_scale=False)
    return rotation


def _ring(points: Float64Array, axes: Float64Array, off: float) -> Float64Array:
    """(AROUND, 3): the hull of `points` (N, 3) across the axis axes[:, 1], `off` wider, level along that axis."""
    angle = np.arange(_AROUND) * (2 * np.pi / _AROUND)
    towards = np.stack([np.sin(angle), np.cos(angle)], 1)  # counter-clockwise from above: from z over x
    middle = points.mean(0)
    across = (points - middle) @ axes[:, (0, 2)]
    hull = across[(across @ towards.T).argmax(0)] + off * towards
    ring: Float64Array = middle + hull @ axes[:, (0, 2)].T
    return ring


def _tube(rings: int) -> NDArray[np.int64]:
    """Faces of `rings` rings, the first on top."""
    here = np.arange(_AROUND)
    there = (here + 1) % _AROUND
    quads = []
    for start in range(0, (rings - 1) * _AROUND, _AROUND):
        below = start + _AROUND
        quads += [np.stack([start + here, below + here, start + there], 1)]
        quads += [np.stack([start + there, below + here, below + there], 1)]
    return np.concatenate(quads)
