"""Retarget a captured clip to the 24-joint SMPL skeleton by bone directions, keeping hinges and twists.

A target joint gets the global rotation `S(t)` of the source bone that moves the same limb, times a constant rotation
`Q` from the target's rest direction to the source's: `G(t) = S(t) Q`. The rest directions of limbs differ between
skeletons (T-pose, arms down, legs apart); for them `Q` is the smallest such rotation. Trunk, head and feet have the
same rest directions in every skeleton, so `Q` is the identity and soles stay on the floor.
"""

from __future__ import annotations

import numpy as np
from scipy.spatial.transform import Rotation

from metrichmsr_ros.body.joints import PARENTS
from metrichmsr_ros.data.mocap.clip import Clip, MotionError, unit

# Target joint -> child joint that defines the direction of its limb.
_LIMB_CHILD = {1: 4, 2: 5, 4: 7, 5: 8, 16: 18, 17: 19, 18: 20, 19: 21}
# Hands follow the rotation of their forearm.
_SAME_TURN_AS = {20: 18, 21: 19, 22: 18, 23: 19}

# The 24 source bones of each skeleton type; "a>b:w" interpolates from bone a to bone b with weight w.
_AMC = """
    root lfemur rfemur lowerback ltibia rtibia upperback lfoot rfoot thorax ltoes rtoes upperneck
    lclavicle rclavicle head lhumerus rhumerus lradius rradius lhand rhand lhand rhand
"""
_EXPMAP = """
    Hips LeftUpLeg RightUpLeg LowerBack LeftLeg RightLeg Spine LeftFoot RightFoot Spine1
    LeftToeBase RightToeBase Neck1 LeftShoulder RightShoulder Head LeftArm RightArm LeftForeArm
    RightForeArm LeftHand RightHand LeftHand RightHand
"""
_BVH = """
    pelvis thigh.L thigh.R pelvis>spine:0.6 shin.L shin.R spine>spine.001:0.4 foot.L foot.R
    spine.001 foot.L foot.R neck shoulder.L shoulder.R face upper_arm.L upper_arm.R forearm.L
    forearm.R forearm.L forearm.R forearm.L forearm.R
"""
_DEEPMIMIC = """
    root left_hip right_hip root>chest:0.33 left_knee right_knee root>chest:0.66 left_ankle
    right_ankle chest left_ankle right_ankle chest>neck:0.5 chest chest neck left_shoulder
    right_shoulder left_elbow right_elbow left_elbow right_elbow left_elbow right_elbow
"""
_SOURCES: dict[str, str] = {"amc": _AMC, "expmap": _EXPMAP, "bvh": _BVH, "deepmimic": _DEEPMIMIC}


def shortest_turn(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Smallest rotation (3, 3) with R a = b, for unit vectors a, b (3) that are not opposite."""
    v, c = np.cross(a, b), float(a @ b)
    k = np.array([[0, -v[2], v[1]], [v[2], 0, -v[0]], [-v[1], v[0], 0]])
    return np.eye(3) + k + k @ k / (1 + c)


def _source_rotation(clip: Clip, spec: str) -> np.ndarray:
    """Global rotations (T, 3, 3) of one entry of a source table."""
    if ">" not in spec:
        return clip.rotations[:, clip.bone(spec)]
    first, _, rest = spec.partition(">")
    second, _, weight = rest.partition(":")
    a = Rotation.from_matrix(clip.rotations[:, clip.bone(first)])
    b = Rotation.from_matrix(clip.rotations[:, clip.bone(second)])
    return (a * Rotation.from_rotvec(float(weight) * (a.inv() * b).as_rotvec())).as_matrix()


def rest_turns(clip: Clip, rest_joints: np.ndarray) -> np.ndarray:
    """The constant rotations Q (24, 3, 3) from the target's rest pose `rest_joints` (24, 3) to the clip's rest pose."""
    table = _SOURCES[clip.name.split("/")[0]].split()
    turns = np.tile(np.eye(3), (24, 1, 1))
    for joint, child in _LIMB_CHILD.items():
        source = clip.directions[clip.bone(table[joint])]
        turns[joint] = shortest_turn(unit(rest_joints[child] - rest_joints[joint]), source)
    for joint, other in _SAME_TURN_AS.items():
        turns[joint] = turns[other]
    return turns


def retarget(clip: Clip, rest_joints: np.ndarray) -> np.ndarray:
    """Poses (T, 72), axis-angle in SMPL order, of the clip's motion for a body with rest joints (24, 3).

    `[0:3]` is the root's rotation in the clip's world: y up, a person at rest faces +z.

    Raises:
        MotionError: the clip's skeleton is of an unknown type.
    """
    kind = clip.name.split("/")[0]
    if kind not in _SOURCES:
        raise MotionError(f"{clip.name}: unknown skeleton type {kind!r}; supported: {', '.join(_SOURCES)}")
    turns = rest_turns(clip, rest_joints)
    world = np.stack([_source_rotation(clip, spec) @ turns[j] for j, spec in enumerate(_SOURCES[kind].split())], 1)
    local = np.stack(
        [world[:, j] if p < 0 else np.swapaxes(world[:, p], 1, 2) @ world[:, j] for j, p in enumerate(PARENTS)], 1
    )
    return Rotation.from_matrix(local.reshape(-1, 3, 3)).as_rotvec().reshape(-1, 72)
