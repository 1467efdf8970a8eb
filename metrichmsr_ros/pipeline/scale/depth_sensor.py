"""Distance and size of people from the image of a depth sensor."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from metrichmsr_ros.depth.anchor import make_anchor
from metrichmsr_ros.depth.sources.base import DepthMap, resampled
from metrichmsr_ros.geometry.camera import Camera
from metrichmsr_ros.pipeline.scale.evidence import ScaleEvidence

MIN_PIXELS = 30
MIN_SHARE = 0.5  # of the measured pixels of a body that must lie on one surface like the body's
SENSOR_STD = 0.01  # relative: calibration of a depth sensor against its colour camera
SURFACE_STD = 0.02  # metres: clothes and hair against the mesh
FAR_SIDE_STD = 0.1  # metres: where only a part of the body is measured
WINDOW_SIDE = 240
_MARGIN = 4
_BAND_M = 0.15  # around the body's surface: chest, arms and legs at once, but not the wall behind
_SEARCH = 3.0  # prior deviations of log s in which the surface is looked for
WHOLE_SHARE = 0.85  # of the measured pixels of a whole body, above and below its middle
_MOST_WRONG = math.log(2.0)  # -log s up to which a whole body is looked for


def depth_of_bodies(
    vertices_cam: Sequence[ArrayLike], faces: ArrayLike, priors: Sequence[float], depth: DepthMap, camera: Camera
) -> list[ScaleEvidence | None]:
    """Scale at which each body's visible surface lies where the sensor measured it.

    Args:
        vertices_cam: (V, 3) per person, metres, camera frame; nearer people hide farther ones.
        faces: (F, 3). priors: standard deviation of log s per person.
        depth: measured. camera: of the image, undistorted.

    Returns:
        One entry per person, None when too little of the body was measured or no surface like it was found.
    """
    if not len(vertices_cam):
        return []
    window = _window(vertices_cam, camera)
    anchor = make_anchor(vertices_cam, faces, window)
    measured = resampled(depth, window)
    both = np.isfinite(measured) & anchor.mask
    with np.errstate(invalid="ignore", divide="ignore"):
        ratio = np.log(measured[both].astype(np.float64) / anchor.depth[both])
    owner, modelled, rows = anchor.person[both], anchor.depth[both], np.nonzero(both)[0]
    seen = np.bincount(anchor.person[anchor.mask], minlength=len(priors))
    found = []
    for n, prior in enumerate(priors):
        of_one = owner == n
        distances = ratio[of_one], modelled[of_one]
        whole = _whole_body(*distances, rows[of_one], int(seen[n]))
        found.append(whole or _evidence(*distances, prior, int(seen[n])))
    return found


def _window(vertices_cam: Sequence[ArrayLike], camera: Camera) -> Camera:
    """Camera of the part of the image that shows people; coarser where that is large, because a few pixels suffice."""
    pixels = camera.project(np.concatenate([np.asarray(mesh, np.float64) for mesh in vertices_cam]))
    limit = np.array(camera.size, np.float64) - 1
    low = np.clip(np.floor(np.nanmin(pixels, axis=0)) - _MARGIN, 0, limit - 1)
    high = np.clip(np.ceil(np.nanmax(pixels, axis=0)) + _MARGIN, low + 1, limit)
    ratio = min(1.0, WINDOW_SIDE / float((high - low).max()))
    width, height = (int(side) for side in np.ceil((high - low) * ratio) + 1)
    matrix = np.array([[ratio, 0, -ratio * low[0]], [0, ratio, -ratio * low[1]], [0, 0, 1]])
    return camera.transformed(matrix, (width, height))


def _whole_body(
    ratio: NDArray[np.float64], modelled: NDArray[np.float32], rows: NDArray[np.intp], seen: int
) -> ScaleEvidence | None:
    """Evidence of one person whose whole visible body was measured as one surface nearer than the network says.

    A child: what stands in front of a person hides a part, and the part beside it is farther away. What is measured
    behind where a person should be may be the wall.
    """
    if len(ratio) < max(MIN_PIXELS, MIN_SHARE * seen):  # sensors have holes, at hair and black clothes
        return None
    distance = float(np.median(modelled))
    middle, band = float(np.median(ratio)), _BAND_M / distance
    near = np.abs(ratio - middle) < band * math.exp(-middle)  # the band has its width where the surface is
    upper = rows < np.median(rows)
    if not -_MOST_WRONG <= middle <= 0 or min(near[upper].mean(), near[~upper].mean()) < WHOLE_SHARE:
        return None
    return ScaleEvidence(float(np.median(ratio[near])), SURFACE_STD / distance, SENSOR_STD, "depth", is_whole=True)


def _evidence(
    ratio: NDArray[np.float64], modelled: NDArray[np.float32], prior: float, seen: int
) -> ScaleEvidence | None:
    """Evidence of one person of whom `seen` pixels show, some of them measured."""
    if len(ratio) < MIN_PIXELS:
        return None
    distance = float(np.median(modelled))
    band = _BAND_M / distance
    middle = _densest(ratio, band, prior)
    for _ in range(3):  # three steps of a mean shift towards the median nearby
        near = np.abs(ratio - middle) < band
        if not near.any():
            return None
        middle = float(np.median(ratio[near]))
    if near.mean() < MIN_SHARE:
        return None
    unmeasured = 1 - len(ratio) / seen  # beyond the sensor's range lies the far side of the body
    noise = math.hypot(SURFACE_STD, FAR_SIDE_STD * unmeasured) / distance
    return ScaleEvidence(middle, noise, SENSOR_STD, "depth")


def _densest(ratio: NDArray[np.float64], band: float, prior: float) -> float:
    """Where most of `ratio` lies, of equal peaks the one nearest to the network's estimate."""
    reach = _SEARCH * prior + band
    edges = np.linspace(-reach, reach, max(3, math.ceil(8 * reach / band)))
    counts, _ = np.histogram(ratio, edges)
    centres = (edges[:-1] + edges[1:]) / 2
    density = np.convolve(counts, np.hanning(9), "same") * np.exp(-0.5 * (centres / (2 * prior)) ** 2)
    return float(centres[np.argmax(density)])
