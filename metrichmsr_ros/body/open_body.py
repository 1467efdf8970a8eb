"""The open body: linear blend skinning over a compact npz, free of any model licence."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from metrichmsr_ros.assets import asset_path
from metrichmsr_ros.body.base import BodyModel, BodyOutput, chain, check_arguments
from metrichmsr_ros.body.engine import BodyError
from metrichmsr_ros.body.joints import LANDMARK_NAMES, NUM_JOINTS, PARENTS

Arrays = dict[str, NDArray[Any]]
FILES = {"open": "open_body.npz", "open_light": "open_body_light.npz"}


class OpenBody(BodyModel):
    """Linear blend skinning without pose blend shapes; the rest pelvis is the origin for every shape.

    Skinning blends all 24 joints of a vertex in one dense product: on a CPU a matrix product of 12,000 x 24 is faster
    than gathering the six joints with weight.

    Attributes:
        licence: licence of the data, as written in the file.
        landmark_regressor: (33, V), sparse; each of BlazePose's landmarks as a weighted mean of vertices.
    """

    template: Tensor
    directions: Tensor
    weights: Tensor
    joint_regressor: Tensor
    landmark_regressor: Tensor

    def __init__(self, arrays: Arrays, dtype: torch.dtype = torch.float32) -> None:
        """`arrays`: the content of open_body.npz (docs/explanation/open_body.md lists the fields)."""
        super().__init__()
        self.name = str(arrays["name"])
        self.licence = str(arrays["licence"])
        smpl = to_smpl_dict(arrays)
        regressor, template, directions = smpl["J_regressor"], smpl["v_template"], smpl["shapedirs"]
        landmarks = _dense(arrays, "landmark_regressor", len(LANDMARK_NAMES))

        def register(name: str, array: NDArray[Any]) -> None:
            self.register_buffer(name, torch.from_numpy(np.ascontiguousarray(array)).to(dtype), persistent=False)

        register("template", template)  # (V, 3)
        register("directions", directions.reshape(-1, directions.shape[2]).T)  # (10, V * 3)
        register("weights", smpl["weights"])  # (V, 24)
        register("joint_regressor", regressor)  # (24, V)
        register("landmark_regressor", landmarks)  # (33, V)
        register("joint_template", regressor @ template)  # (24, 3)
        register("joint_directions", np.einsum("jv,vck->jck", regressor, directions))  # (24, 3, 10)
        self.register_buffer("faces", torch.from_numpy(smpl["f"].astype(np.int64)), persistent=False)

    @classmethod
    def load(cls, name: str, dtype: torch.dtype = torch.float32) -> OpenBody:
        """Load "open" or "open_light" from the data files of the package."""
        if name not in FILES:
            raise BodyError(f"body: unknown open body {name!r}; choose from {', '.join(FILES)}")
        return cls(load_arrays(FILES[name]), dtype)

    @property
    def num_vertices(self) -> int:
        """Number of vertices of the mesh."""
        return len(self.template)

    def shaped(self, betas: Tensor) -> Tensor:
        """The mesh (B, V, 3) of betas (B, 10) in the rest pose, metres."""
        return self.template + (betas @ self.directions).unflatten(1, (-1, 3))

    def forward(self, betas: Tensor, pose: Tensor, transl: Tensor) -> BodyOutput:
        """Pose bodies; see `BodyModel.forward`."""
        rotations = check_arguments(betas, pose, transl)
        rest_joints = self.rest_joints(betas)
        world, joints = chain(rotations, rest_joints)
        offsets = joints - (world @ rest_joints[..., None])[..., 0]
        per_joint = torch.cat([world, offsets[..., None]], 3).flatten(2)  # (B, 24, 12), rows of [R | t]
        per_vertex = (per_joint.mT @ self.weights.T).unflatten(1, (3, 4))  # (B, 3, 4, V)
        shaped = self.shaped(betas).mT  # (B, 3, V)
        vertices = ((per_vertex[:, :, :3] * shaped[:, None]).sum(2) + per_vertex[:, :, 3]).mT
        return BodyOutput((vertices + transl[:, None]).contiguous(), joints + transl[:, None])

    def landmarks(self, vertices: Tensor) -> Tensor:
        """BlazePose's 33 landmarks (..., 33, 3) on posed vertices (..., V, 3); the order is `LANDMARK_NAMES`."""
        return self.landmark_regressor @ vertices


@dataclass(frozen=True)
class Population:
    """The bodies from which the shape space was learned: 84 % adults, 16 % children of 3 to 17 years."""

    betas: NDArray[np.float32]  # (N, 10)
    height: NDArray[np.float32]  # (N,) metres
    bmi: NDArray[np.float32]  # (N,) kg/m^2
    age: NDArray[np.float32]  # (N,) years
    is_child: NDArray[np.bool_]  # (N,)
    is_female: NDArray[np.bool_]  # (N,)

    @classmethod
    def load(cls) -> Population:
        """Load the population from the data files of the package."""
        arrays = load_arrays("open_body_population.npz")
        return cls(*(arrays[name] for name in ("betas", "height", "bmi", "age", "is_child", "is_female")))


def load_arrays(file_name: str) -> Arrays:
    """All arrays of one npz file of the package; pickled content is not allowed."""
    with np.load(asset_path(file_name), allow_pickle=False) as file:
        return {name: file[name] for name in file.files}


def to_smpl_dict(arrays: Arrays) -> dict[str, NDArray[Any]]:
    """An open body in SMPL's file layout (dense, float64), for any program that reads SMPL.

    `posedirs` are zeros (V, 3, 207); `kintree_table` holds 2^32 - 1 for the root's parent, as SMPL's files do.
    """
    vertices = len(arrays["v_template"])
    weights = np.zeros((vertices, NUM_JOINTS))
    np.put_along_axis(weights, arrays["weight_joints"].astype(np.int64), arrays["weight_values"], axis=1)
    parents = np.array([2**32 - 1, *PARENTS[1:]], dtype=np.int64)
    return {
        "v_template": arrays["v_template"].astype(np.float64),
        "shapedirs": arrays["shapedirs"].astype(np.float64),
        "posedirs": np.zeros((vertices, 3, 9 * (NUM_JOINTS - 1))),
        "J_regressor": _dense(arrays, "joint_regressor", NUM_JOINTS),
        "weights": weights,
        "kintree_table": np.stack([parents, np.arange(NUM_JOINTS)]),
        "f": arrays["f"].astype(np.uint32),
    }


def _dense(arrays: Arrays, name: str, rows: int) -> NDArray[np.float64]:
    matrix = np.zeros((rows, len(arrays["v_template"])))
    matrix[arrays[f"{name}_rows"], arrays[f"{name}_columns"]] = arrays[f"{name}_values"]
    return matrix
