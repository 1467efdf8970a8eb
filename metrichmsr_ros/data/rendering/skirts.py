"""Garments around both legs: skirts, dresses, coats and long jackets.

`painting.cloth_offsets` covers each leg separately, so the crotch is visible. These garments hide it, and the landmark
network then estimates lower hips. A garment is a stack of rings; each is the enlarged convex hull of a slice of the
body, normal to the trunk.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from metrichmsr_ros.geometry.procrustes import umeyama
from metrichmsr_ros.types import Float64Array

TOP_Y = 0.06
"""Height of the upper ring, between waist and hips: y on the template, m."""
_STEP, _SLICE = 0.05, 0.03  # m: distance of rings; half of a slice's thickness
_AROUND = 40
_STEEPEST = 0.5  # least cosine of the angle between thigh and trunk; above it, cloth lies on the legs


@dataclass(frozen=True)
class Garment:
    """A tube: points on the template and on the posed body, both (N, 3) m, and faces (F, 3), facing outwards."""

    template: Float64Array
    vertices: Float64Array
    faces: NDArray[np.int64]


def hanging_garment(
    template: Float64Array, vertices: Float64Array, hem: float, thickness: float, flare: float
) -> Garment | None:
    """The garment of one body; None if its hem is above the hips or the thighs are raised.

    Args:
        template: (V, 3) the body in its rest pose, y up, m.
        vertices: (V, 3) the posed body in the world, m.
        hem: height y of the hem on the template, m.
        thickness: distance from the body, m.
        flare: widening per metre of length, m.
    """
    heights = np.linspace(TOP_Y, hem, max(2, 1 + round((TOP_Y - hem) / _STEP)))
    turn = _hips_rotation(template, vertices)
    if hem >= TOP_Y - _STEP or not _legs_point_down(template, vertices, turn):
        return None
    at_rest = np.eye(3)
    rings_at_rest, rings = [], []
    for height in heights:
        inside = _between(template, height - _SLICE, height + _SLICE)
        off = thickness + flare * (TOP_Y - height)
        rings_at_rest.append(_ring(template[inside], at_rest, off))
        rings.append(_ring(vertices[inside], turn, off))
    return Garment(np.concatenate(rings_at_rest), np.concatenate(rings), _tube(len(heights)))


def _legs_point_down(template: Float64Array, vertices: Float64Array, turn: Float64Array) -> bool:
    """Whether both thighs point down along the trunk, whose axes are the columns of `turn`."""
    hips = vertices[_between(template, -0.05, 0.05)].mean(0)
    for side in (-1.0, 1.0):
        knee = vertices[_between(template, -0.42, -0.35) & (side * template[:, 0] > 0)].mean(0)
        thigh = knee - hips
        if -thigh @ turn[:, 1] < _STEEPEST * np.linalg.norm(thigh):
            return False
    return True


def _between(template: Float64Array, low: float, high: float) -> NDArray[np.bool_]:
    """Mask (V,) of vertices between two heights on the template; the arms are above all heights used here."""
    inside: NDArray[np.bool_] = (template[:, 1] > low) & (template[:, 1] < high)
    return inside


def _hips_rotation(template: Float64Array, vertices: Float64Array) -> Float64Array:
    """The trunk's axes in the world (3, 3): the best-fit rotation of the hips."""
    hips = _between(template, 0.0, 0.1)
    _, rotation, _ = umeyama(template[hips], vertices[hips], with_scale=False)
    return rotation


def _ring(points: Float64Array, axes: Float64Array, off: float) -> Float64Array:
    """Ring (AROUND, 3): hull of `points` (N, 3) normal to axes[:, 1], enlarged by `off` m, at one height."""
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
