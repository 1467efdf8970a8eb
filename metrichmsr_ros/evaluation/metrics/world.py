"""World-frame and temporal errors: W-/WA-MPJPE-100, RTE, ERVE, jitter, acceleration.

Inputs are metres in a fixed world frame at a constant frame rate. The reference implementations first drop the frames
outside ``good_frames_mask`` and treat the rest as consecutive; frames with a non-finite coordinate are dropped in the
same way by the metrics that align a trajectory. Differences over time score NaN there instead.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from metrichmsr_ros.evaluation.metrics.checks import MetricInputError, checked, finite_frames, paired
from metrichmsr_ros.evaluation.metrics.pose import MILLIMETRES
from metrichmsr_ros.geometry.procrustes import align, umeyama
from metrichmsr_ros.types import Float64Array

Tail = Literal["short", "merge"]


def chunk_bounds(frames: int, length: int = 100, tail: Tail = "short") -> list[tuple[int, int]]:
    """Half-open frame ranges over which W-/WA-MPJPE align.

    ``short`` (WHAM, GVHMR, PromptHMR): consecutive chunks; the last one may be shorter.
    ``merge`` (TRAM): the remainder joins the last chunk and the final frame is dropped. If ``frames`` is a multiple of
    ``length``, TRAM's loop ends before the last chunk, so that chunk is left out.

    Raises:
        MetricInputError: no frames, or too few for ``merge`` (it needs more than ``length``).
    """
    if frames < 1 or length < 1:
        raise MetricInputError(f"cannot cut {frames} frames into chunks of {length}")
    if tail == "short":
        return [(start, min(start + length, frames)) for start in range(0, frames, length)]
    if frames <= length:
        raise MetricInputError(f"the merging tail rule needs more than {length} frames, got {frames}; use tail='short'")
    starts = range(0, frames - length, length)
    return [(start, start + length if start + 2 * length <= frames else frames - 1) for start in starts]


def _aligned_error(predicted: Float64Array, truth: Float64Array, first_frames: int | None) -> Float64Array:
    """(n,) mm errors of one chunk after a Sim(3) fitted to its first frames (all when None)."""
    anchor = slice(None, first_frames)
    fit = umeyama(predicted[anchor].reshape(-1, 3), truth[anchor].reshape(-1, 3), with_scale=True)
    aligned = align(predicted, *fit)
    return MILLIMETRES * np.linalg.norm(aligned - truth, axis=-1).mean(axis=-1)


def _chunked(predicted: ArrayLike, truth: ArrayLike, first: int | None, length: int, tail: Tail) -> Float64Array:
    ours, theirs = paired(predicted, truth, (None, 3))
    kept = finite_frames(ours, theirs)
    if not kept.any():
        raise MetricInputError(f"none of the {len(kept)} frames is finite, so no trajectory can be aligned")
    ours, theirs = ours[kept], theirs[kept]
    bounds = chunk_bounds(len(ours), length, tail)
    return np.concatenate([_aligned_error(ours[a:b], theirs[a:b], first) for a, b in bounds])


def w_mpjpe(predicted: ArrayLike, truth: ArrayLike, length: int = 100, tail: Tail = "short") -> Float64Array:
    """World MPJPE: every chunk aligned by one Sim(3) on all joints of its first two frames, scale included.

    Source: SLAHMR ``first_align_joints`` as used by WHAM (EMDB, RICH), 100-frame chunks.

    Args:
        predicted: (N, 24, 3) m, world frame.
        truth: (N, 24, 3) m, world frame.
        length: frames per chunk.
        tail: rule for the remainder, see :func:`chunk_bounds`.

    Returns:
        (M,) mm, one value per measured frame.
    """
    return _chunked(predicted, truth, 2, length, tail)


def wa_mpjpe(predicted: ArrayLike, truth: ArrayLike, length: int = 100, tail: Tail = "short") -> Float64Array:
    """World MPJPE with every chunk aligned by one Sim(3) on all joints of all its frames; else as :func:`w_mpjpe`."""
    return _chunked(predicted, truth, None, length, tail)


def rte(predicted_root: ArrayLike, true_root: ArrayLike) -> Float64Array:
    """Root trajectory error, percent of the distance walked.

    The whole trajectory is aligned rigidly (no scale); ``|| error_t || / (length of the true path) * 100``.
    Source: WHAM ``compute_rte``. WHAM takes SMPL's ``trans`` as the root, TRAM and GVHMR joint 0.

    Args:
        predicted_root: (N, 3) m, world frame, N >= 2.
        true_root: (N, 3) m, world frame.

    Returns:
        (M,) percent for the finite frames; all NaN if the person never moves.
    """
    ours, theirs = paired(predicted_root, true_root, (3,), "root")
    kept = finite_frames(ours, theirs)
    if kept.sum() < 2:
        raise MetricInputError(f"a root trajectory needs 2 finite frames, got {int(kept.sum())} of {len(kept)}")
    ours, theirs = ours[kept], theirs[kept]
    aligned = align(ours, *umeyama(ours, theirs, with_scale=False))
    errors = np.linalg.norm(aligned - theirs, axis=-1)
    walked = np.linalg.norm(np.diff(theirs, axis=0), axis=-1).sum()
    return 100.0 * errors / walked if walked > 0 else np.full(len(errors), np.nan)


def erve(
    predicted_orient: ArrayLike, predicted_root: ArrayLike, true_orient: ArrayLike, true_root: ArrayLike
) -> Float64Array:
    """Egocentric root velocity error, millimetres per frame (no frame-rate factor).

    The predicted step of frame t is turned by ``R* R^T`` of that frame before it is compared, so that heading drift
    does not count. Source: TRAM ``computer_erve``.

    Args:
        predicted_orient: (N, 3, 3) root orientation, body to world.
        predicted_root: (N, 3) m, joint 0.
        true_orient: (N, 3, 3).
        true_root: (N, 3) m.

    Returns:
        (N-1,) mm per frame.
    """
    turn, true_turn = paired(predicted_orient, true_orient, (3, 3), "orientation")
    ours, theirs = paired(predicted_root, true_root, (3,), "root")
    if len(turn) != len(ours) or len(ours) < 2:
        raise MetricInputError(f"ERVE needs 2 frames of both: {len(turn)} orientations, {len(ours)} roots")
    align = np.einsum("nij,nkj->nik", true_turn, turn)[:-1]
    steps = np.einsum("nij,nj->ni", align, np.diff(ours, axis=0))
    return MILLIMETRES * np.linalg.norm(steps - np.diff(theirs, axis=0), axis=-1)


def jitter(joints: ArrayLike, fps: float = 30.0) -> Float64Array:
    """Mean third difference of the predicted joints, in 10 m/s^3; a property of one motion, not an error.

    ``mean_j || J[t+3] - 3 J[t+2] + 3 J[t+1] - J[t] || * fps^3 / 10``. Source: WHAM, GVHMR ``compute_jitter`` over all
    24 joints (EMDB's own code leaves nine of them out).

    Args:
        joints: (N, J, 3) m, world frame, N >= 4.
        fps: frames per second.

    Returns:
        (N-3,) in units of 10 m/s^3.
    """
    points = checked(joints, "joints", (None, 3))
    if len(points) < 4:
        raise MetricInputError(f"jitter needs 4 frames, got {len(points)}")
    return np.linalg.norm(np.diff(points, n=3, axis=0), axis=-1).mean(axis=-1) * fps**3 / 10.0


def acceleration_error(predicted: ArrayLike, truth: ArrayLike, fps: float = 30.0, trim: int = 0) -> Float64Array:
    """Error of the joints' second difference, m/s^2.

    ``mean_j || D2 p - D2 q || * fps^2``. Source: VIBE ``compute_error_accel``; WHAM and TRAM pass pelvis-centred joints
    and drop one more value at either end (``trim=1``), GVHMR does not (``trim=0``).

    Args:
        predicted: (N, J, 3) m, N >= 3 + 2 trim.
        truth: (N, J, 3) m.
        fps: frames per second.
        trim: values left out at either end.

    Returns:
        (N - 2 - 2 trim,) m/s^2.
    """
    ours, theirs = paired(predicted, truth, (None, 3))
    if len(ours) < 3 + 2 * trim:
        raise MetricInputError(f"the acceleration error needs {3 + 2 * trim} frames, got {len(ours)}")
    difference = np.diff(ours - theirs, n=2, axis=0)
    errors = np.linalg.norm(difference, axis=-1).mean(axis=-1) * fps**2
    return errors[trim : len(errors) - trim]
