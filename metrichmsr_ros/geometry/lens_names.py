"""Names that other programs give to lens models, and coefficients that are padded with zeros."""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType

import numpy as np
from numpy.typing import ArrayLike

from metrichmsr_ros.types import Float64Array

_OTHER_NAMES = {
    "none": "undistorted no_distortion perspective rectilinear null",
    "plumb_bob": "radtan radtan5 radial_tangential brown brown_conrady opencv opencv_pinhole opencv5 pinhole_radtan",
    "rational_polynomial": "rational full_opencv opencv8 radtan8 pinhole_radtan8",
    "equidistant": "equi equidistant4 pinhole_equidistant fisheye fisheye4 opencv_fisheye kannala_brandt "
    "kannala_brandt4 kannala_brandt8 kb kb4 kb8",
}

# Their formulas differ from OpenCV's, but without coefficients they are the pinhole too.
_PINHOLE_WITHOUT_COEFFICIENTS = ("pinhole", "inverse_brown_conrady", "modified_brown_conrady")

REMEDIES: Mapping[str, str] = MappingProxyType(
    {
        "none": "write the model that D belongs to, such as plumb_bob",
        "pinhole": "write the model that D belongs to, such as plumb_bob",
        "inverse_brown_conrady": "it maps pixels to rays, OpenCV's model maps rays to pixels; use the driver's "
        "rectified stream, or calibrate the camera as plumb_bob",
        "modified_brown_conrady": "it applies tangential distortion after radial distortion; use the driver's "
        "rectified stream, or calibrate the camera as plumb_bob",
    }
)
OTHER_PROJECTIONS = (
    *("mei", "omni", "omnidirectional", "unified", "ucm", "eucm", "double_sphere", "ds", "scaramuzza", "ocam"),
    *("fov", "atan", "ftheta", "f_theta", "thin_prism_fisheye", "stereographic", "equisolid", "orthographic"),
    *("cylindrical", "equirectangular", "division", "fisheye62", "fisheye624", "fisheye_polynomial"),
)
_LENGTHS = {"equidistant": (4,), "plumb_bob": (4, 5, 8, 12, 14), "rational_polynomial": (4, 5, 8, 12, 14)}


def _key(name: str) -> str:
    return re.sub(r"[\s_\-]+", "", name.lower())


def _names() -> dict[str, str]:
    known = {*_OTHER_NAMES, *REMEDIES, *OTHER_PROJECTIONS}
    others = {_key(other): name for name, all_ in _OTHER_NAMES.items() for other in all_.split()}
    return {_key(name): name for name in known} | others | {"": "none"}


_NAMES: Mapping[str, str] = MappingProxyType(_names())


def lens_of(name: str, coefficients: ArrayLike) -> tuple[str, Float64Array]:
    """This package's name of a lens model and its coefficients (n,), without the zeros that only pad them.

    Capitals, spaces, underscores and dashes in a name do not count. A name that is not on the lists comes back as it
    is, in lower case. `distortion.coefficient_error` gives the reason why it cannot be used.
    """
    lower = name.strip(" \t\r\n\0").lower()
    model = _NAMES.get(_key(lower), lower)
    d = np.asarray(coefficients, np.float64).reshape(-1)
    if model in ("none", *_PINHOLE_WITHOUT_COEFFICIENTS) and not np.any(d):
        return "none", np.zeros(0)
    return model, _without_padding(d, _LENGTHS.get(model, ()))


def _without_padding(d: Float64Array, lengths: tuple[int, ...]) -> Float64Array:
    """`d` at the shortest of `lengths` that holds all its numbers; unchanged where its own length is one of them."""
    if d.size in lengths or not lengths or (d.size < min(lengths) and np.any(d)):
        return d
    numbers = np.trim_zeros(d, "b")
    fitting = [length for length in lengths if length >= numbers.size]
    return np.pad(numbers, (0, fitting[0] - numbers.size)) if fitting else d
