"""The bodies of the data sets, in memory and in the layouts of SMPL and SMPL-X.

They are the light open body with its pelvis moved off the origin, per gender and per beta, as SMPL's is: so a reader
that forgets the pelvis is wrong by centimetres.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from helpers.layouts.files import write_pickle
from metrichmsr_ros.body.open_body import OpenBody
from metrichmsr_ros.body.open_tables import FILES, load_arrays, to_smpl_dict
from metrichmsr_ros.types import AnyArray

OFFSETS = {"neutral": (0.0, -0.21, 0.03), "female": (0.0, -0.20, 0.025), "male": (0.0, -0.24, 0.02)}
"""Metres that the rest pelvis is moved by."""


def arrays_like_smpl(gender: str) -> dict[str, AnyArray]:
    """A body whose rest pelvis depends on gender and betas."""
    arrays = load_arrays(FILES["open_light"])
    pelvis_by_beta = np.random.default_rng(len(gender)).normal(0.0, 0.01, (1, 3, 10)).astype(np.float32)
    moved = {
        "v_template": arrays["v_template"] + np.array(OFFSETS[gender], np.float32),
        "shapedirs": arrays["shapedirs"] + pelvis_by_beta,
    }
    return {**arrays, **moved}


BODIES = {gender: OpenBody(arrays_like_smpl(gender)) for gender in OFFSETS}


def joints_at_origin(gender: str, betas: AnyArray, pose: AnyArray) -> AnyArray:
    """(N, 24, 3) float64 joints in metres, for zero translation; betas (N, 10), pose (N, 72)."""
    shape, angles = torch.from_numpy(betas).float(), torch.from_numpy(pose).float()
    with torch.no_grad():
        joints = BODIES[gender].joints(shape, angles, torch.zeros(len(pose), 3))
    return joints.double().numpy()


def write_smpl(folder: Path) -> Path:
    """BODIES in SMPL's own files: SMPL_MALE.npz and SMPL_FEMALE.pkl."""
    folder.mkdir()
    np.savez(folder / "SMPL_MALE.npz", **to_smpl_dict(arrays_like_smpl("male")))  # type: ignore[arg-type]
    write_pickle(folder / "SMPL_FEMALE.pkl", to_smpl_dict(arrays_like_smpl("female")))
    return folder


def write_smplx(folder: Path) -> Path:
    """BODIES in the layout of SMPL-X: 55 joints, of which the first 22 are theirs."""
    folder.mkdir()
    for gender in ("male", "female"):
        body = to_smpl_dict(arrays_like_smpl(gender))
        regressor = np.concatenate([body["J_regressor"][:22], np.roll(body["J_regressor"], 1, axis=0)])[:55]
        regressor = np.concatenate([regressor, regressor[: 55 - len(regressor)]])
        arrays = {name: body[name] for name in ("v_template", "shapedirs")}
        np.savez(folder / f"SMPLX_{gender.upper()}.npz", J_regressor=regressor, **arrays)  # type: ignore[arg-type]
    return folder
