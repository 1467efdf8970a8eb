"""The open body's tables as arrays, from a compact npz, free of any model licence."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from metrichmsr_ros.assets import asset_path
from metrichmsr_ros.body.engine import BodyError
from metrichmsr_ros.body.joints import LANDMARK_NAMES, NUM_JOINTS, PARENTS
from metrichmsr_ros.errors import errors_as
from metrichmsr_ros.io.npz import read_npz
from metrichmsr_ros.types import Float64Array

Arrays = dict[str, NDArray[Any]]
FILES = {"open": "open_body.npz", "open_light": "open_body_light.npz"}


@dataclass(frozen=True, eq=False)
class OpenTables:
    """What poses the open body, float64.

    Attributes:
        name: "open" or "open_light".
        licence: of the data, as written in the file.
        template: (V, 3) m.
        directions: (V, 3, 10) m per unit of betas.
        weights: (V, 24) of linear blend skinning.
        joint_regressor: (24, V).
        landmark_regressor: (33, V).
        joint_template, joint_directions: (24, 3) and (24, 3, 10), the rest joints as a linear function of betas.
        faces: (F, 3) int64.
    """

    name: str
    licence: str
    template: Float64Array
    directions: Float64Array
    weights: Float64Array
    joint_regressor: Float64Array
    landmark_regressor: Float64Array
    joint_template: Float64Array
    joint_directions: Float64Array
    faces: NDArray[np.int64]

    @classmethod
    def of(cls, arrays: Arrays) -> OpenTables:
        """From the content of open_body.npz (docs/explanation/open_body.md lists the fields)."""
        template, directions = (arrays[name].astype(np.float64) for name in ("v_template", "shapedirs"))
        regressor = _dense(arrays, "joint_regressor", NUM_JOINTS)
        return cls(
            name=str(arrays["name"]),
            licence=str(arrays["licence"]),
            template=template,
            directions=directions,
            weights=_skinning(arrays),
            joint_regressor=regressor,
            landmark_regressor=_dense(arrays, "landmark_regressor", len(LANDMARK_NAMES)),
            joint_template=regressor @ template,
            joint_directions=np.einsum("jv,vck->jck", regressor, directions),
            faces=arrays["f"].astype(np.int64),
        )

    @classmethod
    def load(cls, name: str) -> OpenTables:
        """Load "open" or "open_light" from the data files of the package.

        Raises:
            BodyError: another name, or the data file lacks a part.
            NpzError: the data file is damaged.
        """
        if name not in FILES:
            raise BodyError(f"body: unknown open body {name!r}; choose from {', '.join(FILES)}")
        return cls.read(asset_path(FILES[name]))

    @classmethod
    def read(cls, path: Path) -> OpenTables:
        """Read a data file of an open body.

        Raises:
            BodyError: the file lacks a part, or parts contradict each other.
            NpzError: the file is damaged.
        """
        with errors_as(BodyError, f"{path} is not a data file of an open body, or is damaged; install it again"):
            return cls.of(read_npz(path))


def load_arrays(file_name: str) -> Arrays:
    """All arrays of one npz file of the package. Raises NpzError if it is damaged."""
    return read_npz(asset_path(file_name))


def to_smpl_dict(arrays: Arrays) -> dict[str, NDArray[Any]]:
    """An open body in SMPL's file layout (dense, float64), for any program that reads SMPL.

    `posedirs` are zeros (V, 3, 207); `kintree_table` holds 2^32 - 1 for the root's parent, as SMPL's files do.
    """
    parents = np.array([2**32 - 1, *PARENTS[1:]], dtype=np.int64)
    return {
        "v_template": arrays["v_template"].astype(np.float64),
        "shapedirs": arrays["shapedirs"].astype(np.float64),
        "posedirs": np.zeros((len(arrays["v_template"]), 3, 9 * (NUM_JOINTS - 1))),
        "J_regressor": _dense(arrays, "joint_regressor", NUM_JOINTS),
        "weights": _skinning(arrays),
        "kintree_table": np.stack([parents, np.arange(NUM_JOINTS)]),
        "f": arrays["f"].astype(np.uint32),
    }


def _skinning(arrays: Arrays) -> Float64Array:
    weights = np.zeros((len(arrays["v_template"]), NUM_JOINTS))
    np.put_along_axis(weights, arrays["weight_joints"].astype(np.int64), arrays["weight_values"], axis=1)
    return weights


def _dense(arrays: Arrays, name: str, rows: int) -> Float64Array:
    matrix = np.zeros((rows, len(arrays["v_template"])))
    matrix[arrays[f"{name}_rows"], arrays[f"{name}_columns"]] = arrays[f"{name}_values"]
    return matrix
