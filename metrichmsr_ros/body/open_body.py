"""The open body: linear blend skinning over a compact npz, free of any model licence."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from metrichmsr_ros.body.base import BodyModel, BodyOutput, chain, check_arguments, skinned
from metrichmsr_ros.body.engine import BodyError
from metrichmsr_ros.body.open_tables import FILES, Arrays, OpenTables, load_arrays


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
        tables = OpenTables.of(arrays)
        self.name, self.licence = tables.name, tables.licence

        def register(name: str, array: NDArray[Any]) -> None:
            self.register_buffer(name, torch.from_numpy(np.ascontiguousarray(array)).to(dtype), persistent=False)

        register("template", tables.template)  # (V, 3)
        register("directions", tables.directions.reshape(-1, tables.directions.shape[2]).T)  # (10, V * 3)
        register("weights", tables.weights)  # (V, 24)
        register("joint_regressor", tables.joint_regressor)  # (24, V)
        register("landmark_regressor", tables.landmark_regressor)  # (33, V)
        register("joint_template", tables.joint_template)  # (24, 3)
        register("joint_directions", tables.joint_directions)  # (24, 3, 10)
        self.register_buffer("faces", torch.from_numpy(tables.faces), persistent=False)

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
        vertices = skinned(self.shaped(betas), world, offsets, self.weights)
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
