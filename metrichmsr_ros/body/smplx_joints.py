"""Joints of SMPL-X for datasets labelled with it (RICH, PROX): the 22 shared with SMPL's tree, without the mesh.

Reads the user's own `SMPLX_MALE.npz` and so on; expressions, hands and jaw do not move these joints.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import roma
import torch

from metrichmsr_ros.body.base import NUM_BETAS, chain
from metrichmsr_ros.body.joints import NUM_JOINTS
from metrichmsr_ros.types import AnyArray

SHARED = 22


class SmplxJoints:
    """The joint regressor of one SMPL-X file.

    Raises:
        FileNotFoundError: the file does not exist.
        ValueError: the file lacks an array of SMPL-X; names it.
    """

    def __init__(self, path: str | Path) -> None:
        path = Path(path).expanduser()
        if not path.is_file():
            raise FileNotFoundError(f"SMPL-X model: {path} is not a file; get it from https://smpl-x.is.tue.mpg.de")
        with np.load(path, allow_pickle=False) as file:
            missing = [name for name in ("v_template", "shapedirs", "J_regressor") if name not in file.files]
            if missing:
                raise ValueError(f"{path}: not an SMPL-X npz, array(s) missing: {', '.join(missing)}")
            regressor = np.asarray(file["J_regressor"], np.float64)[:SHARED]
            self._rest = regressor @ np.asarray(file["v_template"], np.float64)
            shapes = np.asarray(file["shapedirs"], np.float64)[:, :, :NUM_BETAS]
        self._directions = np.einsum("jv,vab->jab", regressor, shapes)

    def joints(self, betas: AnyArray, pose: AnyArray) -> AnyArray:
        """(24, 3) joints of betas (10,) and pose (72,), translation zero; SMPL-X lacks 22 and 23, which are wrists."""
        rest = np.zeros((NUM_JOINTS, 3))
        rest[:SHARED] = self._rest + self._directions @ np.asarray(betas, np.float64)
        rest[SHARED:] = rest[20:22]
        rotations = roma.rotvec_to_rotmat(torch.from_numpy(np.asarray(pose, np.float64)).reshape(1, NUM_JOINTS, 3))
        posed: AnyArray = chain(rotations, torch.from_numpy(rest)[None])[1][0].numpy()
        return posed
