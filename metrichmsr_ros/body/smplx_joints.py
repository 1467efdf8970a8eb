"""Joints of SMPL-X for datasets labelled with it (RICH, PROX): the 22 shared with SMPL's tree, without the mesh.

Reads the user's own `SMPLX_MALE.npz` and so on; expressions, hands and jaw do not move these joints.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import roma
import torch

from metrichmsr_ros.body.base import chain
from metrichmsr_ros.body.engine import NUM_BETAS, BodyError, BodyFileError
from metrichmsr_ros.body.joints import NUM_JOINTS
from metrichmsr_ros.body.pickles import loads_array, plain
from metrichmsr_ros.io.npz import read_npz
from metrichmsr_ros.types import AnyArray

SHARED = 22
_NEEDED = ("v_template", "shapedirs", "J_regressor")


class SmplxJoints:
    """The joint regressor of one SMPL-X file.

    Raises:
        BodyFileError: the file does not exist.
        BodyError, NpzError: the file lacks an array of SMPL-X, which is named, or is not an npz file.
    """

    def __init__(self, path: str | Path) -> None:
        path = Path(path).expanduser()
        if not path.is_file():
            raise BodyFileError(f"SMPL-X model: {path} is not a file; get it from https://smpl-x.is.tue.mpg.de")
        arrays = {name: plain(value) for name, value in read_npz(path, _NEEDED, loads_array).items()}
        missing = [name for name in _NEEDED if name not in arrays]
        if missing:
            raise BodyError(f"{path}: not an SMPL-X npz, array(s) missing: {', '.join(missing)}")
        _check_shapes(path, arrays)
        regressor = np.asarray(arrays["J_regressor"], np.float64)[:SHARED]
        self._rest = regressor @ np.asarray(arrays["v_template"], np.float64)
        shapes = np.asarray(arrays["shapedirs"], np.float64)[:, :, :NUM_BETAS]
        self._directions = np.einsum("jv,vab->jab", regressor, shapes)

    def joints(self, betas: AnyArray, pose: AnyArray) -> AnyArray:
        """(24, 3) joints of betas (10,) and pose (72,), translation zero; SMPL-X lacks 22 and 23, which are wrists."""
        rest = np.zeros((NUM_JOINTS, 3))
        rest[:SHARED] = self._rest + self._directions @ np.asarray(betas, np.float64)
        rest[SHARED:] = rest[20:22]
        rotations = roma.rotvec_to_rotmat(torch.from_numpy(np.asarray(pose, np.float64)).reshape(1, NUM_JOINTS, 3))
        posed: AnyArray = chain(rotations, torch.from_numpy(rest)[None])[1][0].numpy()
        return posed


def _check_shapes(path: Path, arrays: Mapping[str, Any]) -> None:
    """Refuse arrays that are not those of one mesh; expressions may follow the betas, and hands the joints."""
    count = np.shape(arrays["v_template"])[:1]
    least = {"v_template": (*count, 3), "shapedirs": (*count, 3, NUM_BETAS), "J_regressor": (SHARED, *count)}
    for name, shape in least.items():
        values = np.asarray(arrays[name])
        is_fit = values.ndim == len(shape) and all(a >= b for a, b in zip(values.shape, shape, strict=True))
        if not is_fit or values.dtype.kind not in "iuf" or count not in (values.shape[:1], values.shape[1:]):
            raise BodyError(f"{path}: {name} is {values.dtype} {values.shape}, expected numbers {shape}; not SMPL-X?")
