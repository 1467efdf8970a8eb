"""Numbers of the uncertainty of joints and orientations, as `scripts/fit_joint_covariance.py` prints them."""

from __future__ import annotations

from dataclasses import dataclass

from metrichmsr_ros.types import Triple

JOINT_KINDS = (
    "pelvis", "hip", "spine1", "spine2", "spine3", "knee", "ankle", "foot",
    "neck", "collar", "head", "shoulder", "elbow", "wrist", "hand",
)  # fmt: skip
"""Joints whose two sides are known equally well."""
JOINT_INFLUENCES = ("hidden", "outside", "cut", "small", "bent", "tilt")
"""1 - visibility; m outside the image; share of the body outside; log of pixels; rad; rad."""
ORIENTATION_INFLUENCES = ("hidden", "cut", "small", "bent", "tilt")

Pair = tuple[float, float]


@dataclass(frozen=True)
class Fitted:
    """Numbers of the model; see `joints.py` and `orientation.py`. None that makes a deviation grow is negative.

    Attributes:
        joint_base: by kind, logarithms of deviations along and across the line of sight, m.
        joint_growth: by influence, growth of those logarithms.
        swing: share of the squared disagreement of views, along and across.
        size: factor of the size's deviation.
        doubt: factor of the probability of the other reading, beyond what is usual.
        orientation_base: logarithms of deviations of yaw, roll and lean, rad.
        orientation_growth: by influence.
        turned: share of the squared disagreement of views about the root.
        seen_base: by kind, log odds that a joint is seen whose landmarks are as likely seen as not.
        seen_by_landmarks: growth with the log odds of the landmarks' visibility.
        moves: by kind, m to the left, up and to the front: how differently a joint stands at two moments of a walk.
    """

    joint_base: tuple[Pair, ...]
    joint_growth: tuple[Pair, ...]
    swing: Pair
    size: float
    doubt: float
    orientation_base: Triple
    orientation_growth: tuple[Triple, ...]
    turned: Triple
    seen_base: tuple[float, ...]
    seen_by_landmarks: float
    moves: tuple[Triple, ...]


FITTED = Fitted(
    joint_base=(
        (-6.535, -6.511),
        (-4.641, -4.963),
        (-5.008, -5.124),
        (-4.327, -4.782),
        (-4.012, -4.584),
        (-3.352, -4.381),
        (-3.012, -4.417),
        (-2.908, -4.284),
        (-3.652, -4.412),
        (-3.768, -4.418),
        (-3.458, -4.491),
        (-3.555, -4.026),
        (-3.202, -4.374),
        (-2.82, -4.397),
        (-2.785, -4.409),
    ),
    joint_growth=((0.072, 1.174), (0.067, 0.276), (2.009, 1.766), (0.212, 0.2), (0.217, 0.354), (0.996, 1.241)),
    swing=(1.008, 0.384),
    size=1.129,
    doubt=1.0,
    orientation_base=(-2.446, -3.225, -2.987),
    orientation_growth=(
        (0.0, 0.851, 1.222),
        (1.916, 1.799, 2.096),
        (0.0, 0.124, 0.0),
        (0.0, 1.723, 1.195),
        (0.674, 0.607, 1.13),
    ),
    turned=(2.474, 0.048, 0.231),
    seen_base=(
        -1.651,
        -2.47,
        -2.161,
        -1.667,
        -1.202,
        0.236,
        0.661,
        0.796,
        -0.79,
        -1.036,
        0.616,
        -2.026,
        0.379,
        0.874,
        1.064,
    ),
    seen_by_landmarks=0.615,
    moves=(
        (0.0, 0.0, 0.0),
        (0.0, 0.0, 0.0),
        (0.0, 0.0, 0.0),
        (0.005, 0.0, 0.001),
        (0.011, 0.0, 0.001),
        (0.066, 0.033, 0.127),
        (0.124, 0.092, 0.299),
        (0.139, 0.058, 0.345),
        (0.029, 0.0, 0.004),
        (0.024, 0.002, 0.003),
        (0.04, 0.001, 0.005),
        (0.022, 0.015, 0.014),
        (0.02, 0.021, 0.086),
        (0.025, 0.054, 0.194),
        (0.03, 0.062, 0.207),
    ),
)
