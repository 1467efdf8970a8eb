"""Whether landmarks lie on a body, and whether two landmark sets show the same person."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from metrichmsr_ros.people.blazepose.landmarks import ROI_SCALE, LandmarkSet
from metrichmsr_ros.people.blazepose.masking import LIMBS
from metrichmsr_ros.types import FloatingArray

NOSE = 0
SHOULDERS, ELBOWS, WRISTS = (11, 12), (13, 14), (15, 16)
HIPS, KNEES, ANKLES = (23, 24), (25, 26), (27, 28)
BODY = np.array([NOSE, *SHOULDERS, *ELBOWS, *WRISTS, *HIPS, *KNEES, *ANKLES])
LEGS = np.array([*KNEES, *ANKLES])
MIRRORED = np.array([NOSE, 12, 11, 14, 13, 16, 15, 24, 23, 26, 25, 28, 27])
_LEGS_SEEN = 0.5, 0.4  # mean visibility of legs that are not hidden, and of legs that are
_MAX_SHARED = 0.65
TORSO = np.array([*SHOULDERS, *HIPS])


def body_evidence(landmarks: LandmarkSet) -> float:
    """Mean heatmap peak 0..1 of the body landmarks, weighted by visibility.

    A landmark with high visibility should have a high peak. The mean is about 0.55 or more on people. It is 0.35 on
    clothes that lie on grass, although their presence and visibility are full.
    """
    weight = landmarks.visibility[BODY] + 1e-3
    return float(landmarks.peaks[BODY] @ weight / weight.sum())


def body_size(landmarks: LandmarkSet) -> float:
    """Diameter of the circle around the body, px: about the height of a standing person."""
    return landmarks.roi.size / ROI_SCALE


def torso_points(landmarks: LandmarkSet) -> FloatingArray:
    """(2, 2) px: middle of the shoulders, middle of the hips; swapping left and right does not change them."""
    pixels = landmarks.pixels
    return np.stack([pixels[list(SHOULDERS)].mean(0), pixels[list(HIPS)].mean(0)])


def are_same_person(first: LandmarkSet, second: LandmarkSet, tolerance: float = 0.07) -> bool:
    """True when two landmark sets lie on one body: torsos coincide, or most visible joints do.

    Joints may also coincide with their mirror images, because the network sometimes confuses front and back views.
    Boxes are not compared: the boxes of two people side by side may overlap more than two boxes of one person.
    """
    size = min(body_size(first), body_size(second))
    if not are_near(first.extent, second.extent, tolerance * size):
        return False
    torso = np.linalg.norm(torso_points(first) - torso_points(second), axis=1)
    if (torso < tolerance * size).all():
        return True
    one, other = first.pixels[BODY], second.pixels[BODY]
    direct = np.linalg.norm(one - other, axis=1)
    mirrored = np.linalg.norm(one - second.pixels[MIRRORED], axis=1)
    seen = np.minimum(first.visibility[BODY], second.visibility[BODY]) > 0.3
    if seen.sum() < 4:
        return False
    shared = max((direct[seen] < tolerance * size).mean(), (mirrored[seen] < tolerance * size).mean())
    return bool(shared > 0.5)


def are_near(box: FloatingArray, other: FloatingArray, gap: float) -> bool:
    """True when a point of a box (4,) x0, y0, x1, y1 px may be within `gap` px of one of another box."""
    apart = max(box[0] - other[2], other[0] - box[2], box[1] - other[3], other[1] - box[3])
    return bool(apart <= gap)


def legs_hidden(visibility: FloatingArray) -> FloatingArray:
    """(...,) how far knees and ankles count as hidden, 0 to 1, from the visibility (..., 33 or 39) of landmarks.

    Landmarks of hidden legs are invented, and with them the scale of the whole skeleton: it fits the crop. Between 0
    and 1 the share is linear, so that distances do not jump while people walk behind something.
    """
    seen, hidden = _LEGS_SEEN
    share: FloatingArray = np.clip((seen - visibility[..., LEGS].mean(-1)) / (seen - hidden), 0, 1)
    return share


def is_known(landmarks: LandmarkSet, bodies: Sequence[LandmarkSet]) -> bool:
    """True when the landmarks lie on one of `bodies`, or are a mixture of several of them."""
    if any(are_same_person(landmarks, body) for body in bodies):
        return True
    return share_on_bodies(landmarks, bodies) > _MAX_SHARED


def share_on_bodies(landmarks: LandmarkSet, bodies: Sequence[LandmarkSet], half_width: float = 0.06) -> float:
    """Share 0..1 of the visible body landmarks that lie on the limbs or torsos of other bodies.

    Near 1 for a mixture of two people, or for one person found again at another scale. Under 0.5 for a real second
    person, unless almost the whole body is hidden.
    """
    points = landmarks.pixels[BODY][landmarks.visibility[BODY] > 0.5]
    bodies = [body for body in bodies if are_near(landmarks.extent, body.extent, half_width * body_size(body))]
    if not len(points) or not bodies:
        return 0.0
    nearest = np.min([_distance_to_limbs(points, body) / body_size(body) for body in bodies], axis=0)
    return float((nearest < half_width).mean())


def _distance_to_limbs(points: FloatingArray, body: LandmarkSet) -> FloatingArray:
    """(N,) px from (N, 2) points to the nearest limb, or the neck, of a body."""
    neck = body.pixels[list(SHOULDERS)].mean(0)
    start = np.vstack([body.pixels[[a for a, _ in LIMBS]], neck])
    end = np.vstack([body.pixels[[b for _, b in LIMBS]], body.pixels[NOSE]])
    along = end - start
    length = np.maximum((along**2).sum(1), 1e-6)
    where = np.clip(((points[:, None] - start) * along).sum(-1) / length, 0.0, 1.0)
    return np.linalg.norm(points[:, None] - (start + where[..., None] * along), axis=-1).min(1)
