"""Input validation of the metrics: arrays become float64, with checked shapes and at least one frame."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from metrichmsr_ros.errors import MetricHMRError
from metrichmsr_ros.types import Float64Array


class MetricInputError(MetricHMRError, ValueError):
    """The input of a metric is not valid; the message names the argument and the reason."""


def checked(values: ArrayLike, name: str, tail: tuple[int | None, ...]) -> Float64Array:
    """Return ``values`` as float64 after checking its shape.

    Args:
        values: anything that NumPy converts to an array.
        name: name of the array in error messages.
        tail: sizes of the axes after the first (frames); ``None`` accepts any size.

    Raises:
        MetricInputError: a wrong number of axes, a wrong size, or no frames.
    """
    array = np.asarray(values, dtype=np.float64)
    expected = "(N, " + ", ".join("any" if size is None else str(size) for size in tail) + ")"
    if not tail:
        expected = "(N,)"
    if array.ndim != len(tail) + 1 or any(s is not None and s != a for s, a in zip(tail, array.shape[1:], strict=True)):
        raise MetricInputError(f"{name} has shape {array.shape}; it must be {expected}")
    if array.size == 0:
        raise MetricInputError(f"{name} is empty (shape {array.shape}); a metric needs at least one frame")
    return array


def paired(
    predicted: ArrayLike, truth: ArrayLike, tail: tuple[int | None, ...], name: str = "joints"
) -> tuple[Float64Array, Float64Array]:
    """Check two arrays of the same frames, which must have the same shape; see :func:`checked`."""
    first = checked(predicted, f"predicted {name}", tail)
    second = checked(truth, f"true {name}", tail)
    if first.shape != second.shape:
        raise MetricInputError(f"predicted {name} {first.shape} and true {name} {second.shape} differ in shape")
    return first, second


def finite_frames(*arrays: Float64Array) -> NDArray[np.bool_]:
    """(N,) mask of the frames in which every number of every array is finite."""
    masks = [np.isfinite(array).reshape(len(array), -1).all(axis=1) for array in arrays]
    return np.logical_and.reduce(masks)


def mean_error(values: ArrayLike, name: str = "metric") -> float:
    """Mean of per-frame errors, leaving out frames that are NaN (no estimate).

    The literature averages over the concatenated frames of all sequences, not over sequences; concatenate first.

    Raises:
        MetricInputError: no value is finite.
    """
    array = np.asarray(values, dtype=np.float64)
    kept = array[np.isfinite(array)]
    if kept.size == 0:
        raise MetricInputError(f"{name}: none of the {array.size} values is finite, so there is nothing to average")
    return float(kept.mean())
