"""Animated GLB: every person of a recording as a skinned mesh with a skeleton that moves; metres, y up, seconds.

Linear blend skinning by up to eight joints for each vertex: JOINTS_0 and WEIGHTS_0 hold the four strongest,
JOINTS_1 and WEIGHTS_1 the others. Programs that know four joints only (three.js) scale those to a sum of one. The
mesh has the track's one shape; SMPL's shape that depends on the pose is not in it. A person's scale is 0 while nobody
is seen, so that the body is shown in its own frames alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.spatial.transform import Rotation

from metrichmsr_ros.body.joints import JOINT_NAMES, NUM_JOINTS, PARENTS
from metrichmsr_ros.conversion.formats.glb_file import ARRAY_BUFFER, ELEMENT_BUFFER, GlbFile
from metrichmsr_ros.conversion.motion import PlacedMotion
from metrichmsr_ros.conversion.skin import Skin
from metrichmsr_ros.geometry.mesh import vertex_normals
from metrichmsr_ros.types import AnyArray, Float64Array
from metrichmsr_ros.visual.overlay import person_colour


@dataclass(frozen=True, eq=False)
class MovingPerson:
    """A person of the scene.

    Attributes:
        id: unique in the scene.
        motion: with y up.
        seconds: (N,) times of its rows from the scene's start.
        until: (N,) times of the scene's next frames.
    """

    id: str
    motion: PlacedMotion
    seconds: Float64Array
    until: Float64Array


def scene_glb(people: list[MovingPerson], skin: Skin, about: dict[str, Any]) -> bytes:
    """The file of a recording.

    Args:
        people: at least one, each with at least one row.
        skin: their body.
        about: stored as `asset.extras`.
    """
    file = GlbFile()
    file.json["asset"] = {"version": "2.0", "generator": "metrichmsr_ros", "extras": about}
    channels: list[dict[str, Any]] = []
    samplers: list[dict[str, Any]] = []
    nodes: list[int] = []
    for person in people:
        root = _add_skeleton(file, skin.rest_joints(person.motion.betas), person)
        nodes += [root, _add_body(file, skin, person, root)]
        _animate(file, person, root, channels, samplers)
    file.append("animations", {"name": "people", "channels": channels, "samplers": samplers})
    file.append("scenes", {"nodes": nodes})
    file.json["scene"] = 0
    return file.to_bytes()


def _add_skeleton(file: GlbFile, rest: Float64Array, person: MovingPerson) -> int:
    """Nodes of the 24 joints, in the pose of the first row; returns the root's index."""
    first = len(file.json.get("nodes", []))
    turns = _quaternions(person.motion.rotations[:1])[0]
    for joint, name in enumerate(JOINT_NAMES):
        bone = person.motion.root[0] if joint == 0 else rest[joint] - rest[PARENTS[joint]]
        node: dict[str, Any] = {
            "name": f"{person.id}/{name}",
            "translation": bone.tolist(),
            "rotation": turns[joint].tolist(),
        }
        children = [first + child for child in range(NUM_JOINTS) if PARENTS[child] == joint]
        file.append("nodes", node | ({"children": children} if children else {}))
    return first


def _add_body(file: GlbFile, skin: Skin, person: MovingPerson, root: int) -> int:
    """Mesh, material, skin and the node that draws them; returns the node's index."""
    colour = [*(person_colour(person.id) / 255.0).tolist(), 1.0]
    surface = {"baseColorFactor": colour, "metallicFactor": 0.0, "roughnessFactor": 0.8}
    material = file.append("materials", {"name": person.id, "pbrMetallicRoughness": surface})
    vertices = skin.shaped(person.motion.betas)
    attributes = {
        "POSITION": file.array(vertices.astype(np.float32), ARRAY_BUFFER, limits=True),
        "NORMAL": file.array(vertex_normals(vertices, skin.faces).astype(np.float32), ARRAY_BUFFER),
    }
    for number, (joints, weights) in enumerate(influences(skin.weights)):
        attributes[f"JOINTS_{number}"] = file.array(joints, ARRAY_BUFFER)
        attributes[f"WEIGHTS_{number}"] = file.array(weights, ARRAY_BUFFER)
    indices = file.array(skin.faces.astype(np.uint32).reshape(-1), ELEMENT_BUFFER)
    drawn = {"attributes": attributes, "indices": indices, "material": material}
    mesh = file.append("meshes", {"name": person.id, "primitives": [drawn]})
    inverse = np.tile(np.eye(4), (NUM_JOINTS, 1, 1))
    inverse[:, :3, 3] = -skin.rest_joints(person.motion.betas)
    bind = file.array(np.swapaxes(inverse, 1, 2).reshape(-1, 16).astype(np.float32))
    joints_of = {"inverseBindMatrices": bind, "joints": list(range(root, root + NUM_JOINTS)), "skeleton": root}
    skin_index = file.append("skins", {"name": person.id, **joints_of})
    return file.append("nodes", {"name": person.id, "mesh": mesh, "skin": skin_index})


def influences(weights: Float64Array) -> list[tuple[AnyArray, AnyArray]]:
    """Two sets of joints (V, 4) uint8 and weights (V, 4) float32, the strongest first; all weights sum to one.

    A joint without weight is 0, as glTF asks.
    """
    joints = np.argsort(-weights, axis=1, kind="stable")[:, :8]
    values = np.take_along_axis(weights, joints, 1)
    values /= values.sum(1, keepdims=True)
    joints = np.where(values > 0, joints, 0).astype(np.uint8)
    values = values.astype(np.float32)
    return [(joints[:, :4], values[:, :4]), (joints[:, 4:], values[:, 4:])]


def _animate(
    file: GlbFile,
    person: MovingPerson,
    root: int,
    channels: list[dict[str, Any]],
    samplers: list[dict[str, Any]],
) -> None:
    """Add the person's keys: every joint's rotation, the root's translation, and when the body is shown."""

    def add(joint: int, path: str, times: int, values: AnyArray, interpolation: str) -> None:
        samplers.append({"input": times, "output": file.array(values), "interpolation": interpolation})
        channels.append({"sampler": len(samplers) - 1, "target": {"node": root + joint, "path": path}})

    times = file.array(person.seconds.astype(np.float32), limits=True)
    turns = _quaternions(person.motion.rotations).astype(np.float32)
    for joint in range(NUM_JOINTS):
        add(joint, "rotation", times, turns[:, joint], "LINEAR")
    add(0, "translation", times, person.motion.root.astype(np.float32), "LINEAR")
    shown_at, scale = shown(person.seconds, person.until)
    add(0, "scale", file.array(shown_at.astype(np.float32), limits=True), scale, "STEP")


def shown(seconds: Float64Array, until: Float64Array) -> tuple[Float64Array, AnyArray]:
    """Times (K,) and scales (K, 3) float32 of when a person is shown: 1, or 0 in frames that it is not in.

    Args:
        seconds: (N,) times of the person's rows.
        until: (N,) times of the frames after them.
    """
    keys = [] if seconds[0] <= 0 else [(0.0, 0.0)]
    for row in range(len(seconds)):
        if row == 0 or until[row - 1] < seconds[row]:
            keys.append((seconds[row], 1.0))
        if row + 1 == len(seconds) or until[row] < seconds[row + 1]:
            keys.append((until[row], 0.0))
    times, scales = (np.array(values) for values in zip(*keys, strict=True))
    return times, np.repeat(scales[:, None], 3, 1).astype(np.float32)


def _quaternions(rotations: Float64Array) -> Float64Array:
    """(N, 24, 4) x y z w; each on the side of the sphere of the row before, so that blending takes the short way."""
    turns = Rotation.from_matrix(rotations.reshape(-1, 3, 3)).as_quat().reshape(-1, NUM_JOINTS, 4)
    flips = np.where((turns[1:] * turns[:-1]).sum(2) < 0, -1.0, 1.0)
    turns[1:] *= np.cumprod(flips, axis=0)[..., None]
    return turns
