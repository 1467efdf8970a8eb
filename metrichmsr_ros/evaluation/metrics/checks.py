"""The gate through which arrays enter a metric: float64, equal shapes, never empty."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from metrichmsr_ros.errors import MetricHMRError
from metrichmsr_ros.types import Float64Array


class MetricInputError(MetricHMRError, ValueError):
    """What was handed to a metric cannot be measured; the message says which argument and why."""


def checked(values: ArrayLike, name: str, tail: tuple[int | None, ...]) -> Float64Array:
    """Return ``values`` as float64 after checking its shape.

    Args:
        values: anything NumPy can read.
        name: how the error message calls it.
        tail: sizes of the last axes; ``None`` accepts any size. One leading axis (frames) is required.

    Raises:
        MetricInputError: a wrong number of axes, a wrong size, or no frames at all.
    """
    array = np.asarray(values, dtype=np.float64)
    expected = "(N, " + ", ".join("any" if size is None else str(size) for size in tail) + ")"
    if not tail:
        expected = "(N,)"
    if array.ndim != len(tail) + 1 or any(s is not None and s != a for s, a in zip(tail, array.shape[1:], strict=True)):
        raise MetricInputError(f"{name} has shape {array.shape}; it must be {expected}")
    if array.size == 0:
        raise MetricInputError(f"{name} is empty (shape {array.shape}); a metric over nothing is undefined")
    return array


def paired(
    predicted: ArrayLike, truth: ArrayLike, tail: tuple[int | None, ...], name: str = "joints"
) -> tuple[Float64Array, Float64Array]:
    """Check two arrays that must describe the same frames; see :func:`checked`."""
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

    The field averages over the concatenated frames of all sequences, not over sequences; concatenate first.

    Raises:
        MetricInputError: there is no finite value to average.
    """
    array = np.asarray(values, dtype=np.float64)
    kept = array[np.isfinite(array)]
    if kept.size == 0:
        raise MetricInputError(f"{name}: none of the {array.size} values is finite, so there is nothing to average")
    return float(kept.mean())
