"""The body model interface: shape, pose and translation of a person -> mesh and joints, in metres.

`load_body("open")` and `load_body("open_light")` give the free body of this package (CC0 data, one shape space on two
meshes), `load_body("smpl:/path/to/SMPL_NEUTRAL.npz")` the user's own SMPL. All three share SMPL's pose parameters and
kinematic tree; betas of the open body and of SMPL are different shape spaces and must not be mixed.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass

import roma
import torch
from torch import Tensor

from metrichmsr_ros.body.engine import NUM_BETAS
from metrichmsr_ros.body.joints import JOINT_NAMES, NUM_JOINTS, PARENTS


@dataclass(frozen=True)
class BodyOutput:
    """A posed body: `vertices` (B, V, 3) and `joints` (B, 24, 3), in the frame of `transl`, metres."""

    vertices: Tensor
    joints: Tensor


class BodyModel(torch.nn.Module, ABC):
    """Betas, pose and translation -> vertices and joints; batched, differentiable, float32 or float64.

    Attributes:
        name: "open", "open_light" or "smpl".
        faces: (F, 3) int64, counter-clockwise seen from outside.
        joint_template, joint_directions: (24, 3) and (24, 3, 10), the rest joints as a linear function of betas.
    """

    name: str
    parents: tuple[int, ...] = PARENTS
    joint_names: tuple[str, ...] = JOINT_NAMES
    faces: Tensor
    joint_template: Tensor
    joint_directions: Tensor

    @property
    @abstractmethod
    def num_vertices(self) -> int:
        """Number of vertices of the mesh."""

    @abstractmethod
    def shaped(self, betas: Tensor) -> Tensor:
        """The mesh (B, V, 3) of betas (B, 10) in the rest pose, metres."""

    @abstractmethod
    def forward(self, betas: Tensor, pose: Tensor, transl: Tensor) -> BodyOutput:
        """Pose bodies.

        Args:
            betas: (B, 10) shape, unit variance each.
            pose: (B, 72) axis-angle in radians, or (B, 24, 3, 3) rotation matrices; joint 0 turns the whole body.
            transl: (B, 3) SMPL's translation, metres, added after posing.

        Raises:
            ValueError: a shape does not fit; names the argument.
        """

    def rest_joints(self, betas: Tensor) -> Tensor:
        """Joints (B, 24, 3) of betas (B, 10) in the rest pose, metres; joint 0 is the pelvis offset of SMPL."""
        _require(betas, "betas", (NUM_BETAS,))
        return self.joint_template + torch.einsum("bk,jck->bjc", betas, self.joint_directions)

    def joints(self, betas: Tensor, pose: Tensor, transl: Tensor) -> Tensor:
        """Joints (B, 24, 3) equal to those of `forward`, without skinning the mesh. Arguments as `forward`."""
        rotations = check_arguments(betas, pose, transl)
        return chain(rotations, self.rest_joints(betas))[1] + transl[:, None]

    def height(self, betas: Tensor) -> Tensor:
        """Standing height (B,) in metres: from the highest to the lowest vertex along y in the rest pose.

        SHAPY measures from a head-top vertex to the left heel vertex. On a person standing straight these are the
        highest and lowest points, and the two definitions agree within a millimetre or two.
        """
        upright = self.shaped(betas)[..., 1]
        return upright.amax(-1) - upright.amin(-1)


def check_arguments(betas: Tensor, pose: Tensor, transl: Tensor) -> Tensor:
    """Check the shapes of a body's arguments and return its pose as rotation matrices (B, 24, 3, 3)."""
    _require(betas, "betas", (NUM_BETAS,))
    _require(transl, "transl", (3,))
    if pose.ndim == 2 and pose.shape[1] == 3 * NUM_JOINTS:
        rotations = roma.rotvec_to_rotmat(pose.reshape(-1, NUM_JOINTS, 3))
    elif pose.ndim == 4 and pose.shape[1:] == (NUM_JOINTS, 3, 3):
        rotations = pose
    else:
        raise ValueError(f"pose: shape {tuple(pose.shape)}, expected (B, 72) axis-angle or (B, 24, 3, 3) matrices")
    if not betas.shape[0] == pose.shape[0] == transl.shape[0]:
        raise ValueError(f"batch sizes differ: betas {len(betas)}, pose {len(pose)}, transl {len(transl)}")
    return rotations


def chain(rotations: Tensor, rest_joints: Tensor) -> tuple[Tensor, Tensor]:
    """Forward kinematics along the tree.

    Args:
        rotations: (B, 24, 3, 3) of each joint relative to its parent.
        rest_joints: (B, 24, 3).

    Returns:
        World rotations (B, 24, 3, 3) and joint positions (B, 24, 3); the root stays at its rest position.
    """
    world: list[Tensor] = [rotations[:, 0]]
    positions: list[Tensor] = [rest_joints[:, 0]]
    for joint in range(1, NUM_JOINTS):
        parent = PARENTS[joint]
        bone = rest_joints[:, joint] - rest_joints[:, parent]
        positions.append(positions[parent] + (world[parent] @ bone[:, :, None])[:, :, 0])
        world.append(world[parent] @ rotations[:, joint])
    return torch.stack(world, 1), torch.stack(positions, 1)


def skinned(mesh: Tensor, rotations: Tensor, offsets: Tensor, weights: Tensor) -> Tensor:
    """A mesh (B, V, 3) moved by its joints' maps x -> R x + t, blended by `weights` (V, 24).

    Args:
        mesh: in the rest pose. rotations: (B, 24, 3, 3). offsets: (B, 24, 3).
        weights: of every joint on every vertex.
    """
    per_joint = torch.cat([rotations, offsets[..., None]], 3).flatten(2)  # (B, 24, 12), rows of [R | t]
    per_vertex = (per_joint.mT @ weights.T).unflatten(1, (3, 4))  # (B, 3, 4, V)
    return ((per_vertex[:, :, :3] * mesh.mT[:, None]).sum(2) + per_vertex[:, :, 3]).mT


def _require(value: Tensor, name: str, shape: Sequence[int]) -> None:
    if value.ndim != 1 + len(shape) or tuple(value.shape[1:]) != tuple(shape):
        expected = ", ".join(["B", *map(str, shape)])
        raise ValueError(f"{name}: shape {tuple(value.shape)}, expected ({expected})")
