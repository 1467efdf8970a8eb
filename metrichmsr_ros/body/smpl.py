"""SMPL from the user's own file, with the tables that `smplx` builds of it.

Neither the model file (https://smpl.is.tue.mpg.de) nor the code of `smplx` is free for commercial use, so this package
includes neither: `pip install metrichmsr_ros[smpl]` installs the code; you download the file under your own licence.
"""

from __future__ import annotations

import contextlib
import io
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from metrichmsr_ros.body.base import BodyModel, BodyOutput, chain, check_arguments, skinned
from metrichmsr_ros.body.engine import NUM_BETAS, BodyError, BodyFileError
from metrichmsr_ros.body.joints import NUM_JOINTS
from metrichmsr_ros.body.pickles import load_array_pickle, loads_array, plain
from metrichmsr_ros.errors import MissingPackageError
from metrichmsr_ros.io.npz import read_npz

REQUIRED = ("v_template", "shapedirs", "posedirs", "J_regressor", "weights", "kintree_table", "f")
INSTALL = (
    "SMPL needs the package 'smplx': pip install 'metrichmsr_ros[smpl]'. Its licence, and that of the model file from "
    "https://smpl.is.tue.mpg.de, allow non-commercial use only; the open body (body: open) has no such limit"
)


class SmplBody(BodyModel):
    """The user's SMPL model behind the same interface as the open body, with its pose blend shapes.

    `smplx` builds the tables from the file. The forward is ours, because that of `smplx` asks the device for the parent
    of every joint, for which the host waits 23 times.
    """

    def __init__(self, path: Path, dtype: torch.dtype = torch.float32) -> None:
        """`path`: SMPL_NEUTRAL.npz or .pkl (also the old pickles that hold chumpy arrays).

        Raises:
            BodyFileError: the file does not exist.
            MissingPackageError: `smplx` is not installed.
            BodyError: the file lacks an array of SMPL (named), or one has a wrong shape.
            NpzError, NotAPickleError, RefusedPickleError: the file cannot be read, or needs more than arrays.
        """
        super().__init__()
        self.name = "smpl"
        arrays = read_smpl(path)
        self.smpl = _build(arrays, dtype)
        regressor = self.smpl.J_regressor
        self.register_buffer("faces", torch.from_numpy(arrays["f"].astype(np.int64)), persistent=False)
        self.register_buffer("joint_template", regressor @ self.smpl.v_template, persistent=False)
        directions = torch.einsum("jv,vck->jck", regressor, self.smpl.shapedirs)
        self.register_buffer("joint_directions", directions, persistent=False)

    @property
    def num_vertices(self) -> int:
        """Number of vertices of the mesh (6,890 for SMPL)."""
        return int(self.smpl.v_template.shape[0])

    def shaped(self, betas: Tensor) -> Tensor:
        """The mesh (B, V, 3) of betas (B, 10) in the rest pose, metres."""
        return self.smpl.v_template + torch.einsum("bk,vck->bvc", betas, self.smpl.shapedirs)

    def forward(self, betas: Tensor, pose: Tensor, transl: Tensor) -> BodyOutput:
        """Pose bodies; see `BodyModel.forward`."""
        rotations = check_arguments(betas, pose, transl)
        rest_joints = self.rest_joints(betas)
        world, joints = chain(rotations, rest_joints)
        offsets = joints - (world @ rest_joints[..., None])[..., 0]
        bent = (rotations[:, 1:] - torch.eye(3, dtype=betas.dtype, device=betas.device)).flatten(1)
        mesh = self.shaped(betas) + (bent @ self.smpl.posedirs).unflatten(1, (-1, 3))
        vertices = skinned(mesh, world, offsets, self.smpl.lbs_weights)
        return BodyOutput(vertices + transl[:, None], joints + transl[:, None])


def read_smpl(path: Path) -> dict[str, NDArray[Any]]:
    """Arrays of an SMPL file, validated and cut to ten betas. Errors as `SmplBody`."""
    path = Path(path)
    if not path.is_file():
        raise BodyFileError(f"SMPL model: {path} is not a file; get it from https://smpl.is.tue.mpg.de")
    if path.suffix == ".npz":
        arrays: dict[str, Any] = {name: plain(value) for name, value in read_npz(path, REQUIRED, loads_array).items()}
    else:
        arrays = load_array_pickle(path)
    missing = [name for name in REQUIRED if not isinstance(arrays.get(name), np.ndarray)]
    if missing:
        raise BodyError(f"{path}: not an SMPL model, array(s) missing: {', '.join(missing)}")
    if arrays["shapedirs"].ndim != 3 or arrays["shapedirs"].shape[2] < NUM_BETAS:
        raise BodyError(f"{path}: shapedirs is {arrays['shapedirs'].shape}, expected (V, 3, >= {NUM_BETAS})")
    if arrays["weights"].ndim == 2 and arrays["weights"].shape[1] != NUM_JOINTS:
        raise BodyError(f"{path}: {arrays['weights'].shape[1]} joints, SMPL has {NUM_JOINTS}; SMPL-H/X do not fit")
    _check_shapes(path, arrays)
    arrays["shapedirs"] = arrays["shapedirs"][:, :, :NUM_BETAS]
    return {name: arrays[name] for name in REQUIRED}


def _check_shapes(path: Path, arrays: dict[str, Any]) -> None:
    count, faces = (len(np.atleast_1d(arrays[name])) for name in ("v_template", "f"))
    expected = {
        "v_template": (count, 3),
        "shapedirs": (count, 3, arrays["shapedirs"].shape[2]),
        "posedirs": (count, 3, 9 * (NUM_JOINTS - 1)),
        "J_regressor": (NUM_JOINTS, count),
        "weights": (count, NUM_JOINTS),
        "kintree_table": (2, NUM_JOINTS),
        "f": (faces, 3),
    }
    for name, shape in expected.items():
        if arrays[name].shape != shape or arrays[name].dtype.kind not in "iuf":
            raise BodyError(f"{path}: {name} is {arrays[name].dtype} {arrays[name].shape}, expected numbers {shape}")
    if faces and arrays["f"].max() >= count:
        raise BodyError(f"{path}: f names vertex {arrays['f'].max()} of {count}; the file is damaged")


def _build(arrays: dict[str, NDArray[Any]], dtype: torch.dtype) -> Any:
    try:
        import smplx
    except ImportError as error:
        raise MissingPackageError(INSTALL) from error
    # smplx indexes face and hand vertices of SMPL's mesh; a mesh of another size does not have them.
    vertex_ids = None if len(arrays["v_template"]) == 6890 else _NO_VERTICES
    with contextlib.redirect_stdout(io.StringIO()):  # smplx warns about ten betas, which are intended
        return smplx.SMPL(
            model_path="",
            data_struct=SimpleNamespace(**arrays),
            num_betas=NUM_BETAS,
            create_betas=False,
            create_global_orient=False,
            create_body_pose=False,
            create_transl=False,
            vertex_ids=vertex_ids,
            dtype=dtype,
        )


_VERTEX_NAMES = (
    "nose reye leye rear lear LBigToe LSmallToe LHeel RBigToe RSmallToe RHeel "
    "lthumb lindex lmiddle lring lpinky rthumb rindex rmiddle rring rpinky"
)
_NO_VERTICES = dict.fromkeys(_VERTEX_NAMES.split(), 0)
