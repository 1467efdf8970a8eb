"""SMPL from the user's own file, computed by `smplx`.

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

from metrichmsr_ros.body.base import NUM_BETAS, BodyModel, BodyOutput, check_arguments
from metrichmsr_ros.body.joints import NUM_JOINTS
from metrichmsr_ros.body.pickles import load_array_pickle

REQUIRED = ("v_template", "shapedirs", "posedirs", "J_regressor", "weights", "kintree_table", "f")
INSTALL = (
    "SMPL needs the package 'smplx': pip install 'metrichmsr_ros[smpl]'. Its licence, and that of the model file from "
    "https://smpl.is.tue.mpg.de, allow non-commercial use only; the open body (body: open) has no such limit"
)


class SmplBody(BodyModel):
    """The user's SMPL model behind the same interface as the open body, with its pose blend shapes."""

    def __init__(self, path: Path, dtype: torch.dtype = torch.float32) -> None:
        """`path`: SMPL_NEUTRAL.npz or .pkl (also the old pickles that hold chumpy arrays).

        Raises:
            FileNotFoundError: the file does not exist.
            ImportError: `smplx` is not installed.
            ValueError: the file lacks an array of SMPL (named), or its pickle needs more than arrays.
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
        output = self.smpl(
            betas=betas, global_orient=rotations[:, :1], body_pose=rotations[:, 1:], transl=transl, pose2rot=False
        )
        return BodyOutput(output.vertices, output.joints[:, :NUM_JOINTS])


def read_smpl(path: Path) -> dict[str, NDArray[Any]]:
    """Arrays of an SMPL file, validated and cut to ten betas. Errors as `SmplBody`."""
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"SMPL model: {path} is not a file; get it from https://smpl.is.tue.mpg.de")
    if path.suffix == ".npz":
        with np.load(path, allow_pickle=False) as file:
            arrays: dict[str, Any] = {name: file[name] for name in file.files if name in REQUIRED}
    else:
        arrays = load_array_pickle(path)
    missing = [name for name in REQUIRED if not isinstance(arrays.get(name), np.ndarray)]
    if missing:
        raise ValueError(f"{path}: not an SMPL model, array(s) missing: {', '.join(missing)}")
    if arrays["shapedirs"].ndim != 3 or arrays["shapedirs"].shape[2] < NUM_BETAS:
        raise ValueError(f"{path}: shapedirs is {arrays['shapedirs'].shape}, expected (V, 3, >= {NUM_BETAS})")
    if arrays["weights"].shape[1] != NUM_JOINTS:
        raise ValueError(f"{path}: {arrays['weights'].shape[1]} joints, SMPL has {NUM_JOINTS}; SMPL-H/X do not fit")
    arrays["shapedirs"] = arrays["shapedirs"][:, :, :NUM_BETAS]
    return {name: arrays[name] for name in REQUIRED}


def _build(arrays: dict[str, NDArray[Any]], dtype: torch.dtype) -> Any:
    try:
        import smplx
    except ImportError as error:
        raise ImportError(INSTALL) from error
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
