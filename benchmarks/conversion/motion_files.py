"""Readers of BVH and GLB that share no code with the writers: skeletons posed in float64 from the bytes alone."""

from __future__ import annotations

import json
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from metrichmsr_ros.types import AnyArray, Float64Array

_TYPES = {5121: np.uint8, 5123: np.uint16, 5125: np.uint32, 5126: np.float32}
_WIDTHS = {"SCALAR": 1, "VEC2": 2, "VEC3": 3, "VEC4": 4, "MAT4": 16}


def turn_about(axis: str, degrees: float) -> Float64Array:
    """Rotation (3, 3) about x, y or z."""
    c, s = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    first, second = {"X": (1, 2), "Y": (2, 0), "Z": (0, 1)}[axis]
    matrix = np.eye(3)
    matrix[[first, second], [first, second]] = c
    matrix[first, second], matrix[second, first] = -s, s
    return matrix


@dataclass(frozen=True)
class Bvh:
    """A BVH file: joint names, frame time in s, and world matrices (F, J, 4, 4) of the joints."""

    names: list[str]
    frame_time: float
    matrices: Float64Array


def read_bvh(path: Path) -> Bvh:
    """Parse and pose a BVH file."""
    lines = [line.split() for line in path.read_text().splitlines() if line.strip()]
    names: list[str] = []
    parents: list[int] = []
    offsets: list[Float64Array] = []
    channels: list[list[str]] = []
    stack: list[int] = []
    position = 1
    while lines[position][0] != "MOTION":
        words = lines[position]
        if words[0] in ("ROOT", "JOINT"):
            names.append(words[1])
            parents.append(stack[-1] if stack else -1)
            offsets.append(np.zeros(3))
            channels.append([])
            stack.append(len(names) - 1)
        elif words[0] == "End":
            stack.append(-1)
        elif words[0] == "OFFSET" and stack[-1] >= 0:
            offsets[stack[-1]] = np.array(words[1:], np.float64)
        elif words[0] == "CHANNELS":
            channels[stack[-1]] = words[2:]
        elif words[0] == "}":
            stack.pop()
        position += 1
    count, frame_time = int(lines[position + 1][1]), float(lines[position + 2][2])
    rows = np.array(lines[position + 3 :], np.float64)
    assert rows.shape == (count, sum(len(names) for names in channels))
    matrices = np.zeros((count, len(names), 4, 4))
    for frame, row in enumerate(rows):
        values = iter(row)
        for joint, parent in enumerate(parents):
            local = np.eye(4)
            local[:3, 3] = offsets[joint]
            for channel in channels[joint]:
                value = next(values)
                if channel.endswith("position"):
                    local["XYZ".index(channel[0]), 3] += value
                else:
                    local[:3, :3] = local[:3, :3] @ turn_about(channel[0], value)
            matrices[frame, joint] = local if parent < 0 else matrices[frame, parent] @ local
    return Bvh(names, frame_time, matrices)


class Glb:
    """A GLB file: its JSON, and accessors as arrays."""

    def __init__(self, path: Path) -> None:
        data = path.read_bytes()
        magic, version, length = struct.unpack_from("<4sII", data)
        assert (magic, version, length) == (b"glTF", 2, len(data))
        size, kind = struct.unpack_from("<I4s", data, 12)
        assert kind == b"JSON"
        self.json: dict[str, Any] = json.loads(data[20 : 20 + size])
        body_size, body_kind = struct.unpack_from("<I4s", data, 20 + size)
        assert body_kind == b"BIN\0"
        self._body = data[28 + size : 28 + size + body_size]

    def array(self, index: int) -> AnyArray:
        """An accessor's values."""
        accessor = self.json["accessors"][index]
        view = self.json["bufferViews"][accessor["bufferView"]]
        width = _WIDTHS[accessor["type"]]
        dtype = _TYPES[accessor["componentType"]]
        start = view.get("byteOffset", 0) + accessor.get("byteOffset", 0)
        flat = np.frombuffer(self._body, dtype, accessor["count"] * width, start)
        return flat if width == 1 else flat.reshape(-1, width)

    def node_matrices(self, time: float) -> Float64Array:
        """World matrices (nodes, 4, 4) at a time in s, animated by the file's own keys."""
        nodes = [dict(node) for node in self.json["nodes"]]
        animation = self.json["animations"][0]
        for channel in animation["channels"]:
            sampler = animation["samplers"][channel["sampler"]]
            times, values = self.array(sampler["input"]), self.array(sampler["output"]).astype(np.float64)
            is_step = sampler["interpolation"] == "STEP"
            nodes[channel["target"]["node"]][channel["target"]["path"]] = _sampled(times, values, time, is_step)
        worlds = np.zeros((len(nodes), 4, 4))

        def place(index: int, above: Float64Array) -> None:
            worlds[index] = above @ _local(nodes[index])
            for child in nodes[index].get("children", []):
                place(child, worlds[index])

        for root in self.json["scenes"][self.json["scene"]]["nodes"]:
            place(root, np.eye(4))
        return worlds

    def skinned(self, name: str, time: float, sets: int = 2) -> Float64Array:
        """Vertices (V, 3) of the mesh `name` at a time, by the first `sets` sets of joints, in float64."""
        node = next(node for node in self.json["nodes"] if node.get("name") == name and "mesh" in node)
        skin = self.json["skins"][node["skin"]]
        bind = self.array(skin["inverseBindMatrices"]).reshape(-1, 4, 4).transpose(0, 2, 1).astype(np.float64)
        maps = self.node_matrices(time)[skin["joints"]] @ bind
        attributes = self.json["meshes"][node["mesh"]]["primitives"][0]["attributes"]
        points = self.array(attributes["POSITION"]).astype(np.float64)
        joints = np.concatenate([self.array(attributes[f"JOINTS_{i}"]) for i in range(sets)], 1)
        weights = np.concatenate([self.array(attributes[f"WEIGHTS_{i}"]) for i in range(sets)], 1).astype(np.float64)
        weights /= weights.sum(1, keepdims=True)
        blended = np.einsum("vk,vkab->vab", weights, maps[joints])
        return np.einsum("vab,vb->va", blended[:, :3, :3], points) + blended[:, :3, 3]


def _sampled(times: AnyArray, values: Float64Array, time: float, is_step: bool) -> Float64Array:
    """glTF's rule: clamped at both ends; the nearest key where the time is one, to float32."""
    after = int(np.searchsorted(times, np.float32(time), side="right"))
    if after == 0 or is_step or after == len(times):
        return values[max(after - 1, 0)]
    share = (time - times[after - 1]) / (times[after] - times[after - 1])
    if abs(share) < 1e-4:
        return values[after - 1]
    mixed = (1 - share) * values[after - 1] + share * values[after]
    return mixed / np.linalg.norm(mixed) if values.shape[1] == 4 else mixed


def _local(node: dict[str, Any]) -> Float64Array:
    matrix = np.eye(4)
    x, y, z, w = node.get("rotation", (0, 0, 0, 1))
    matrix[:3, :3] = [
        [1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)],
        [2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)],
        [2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)],
    ]
    matrix[:3, :3] *= np.asarray(node.get("scale", (1, 1, 1)))
    matrix[:3, 3] = node.get("translation", (0, 0, 0))
    return matrix


def angle_between(first: AnyArray, second: AnyArray) -> AnyArray:
    """Angles (...), rad, between rotations (..., 3, 3), exact for small ones."""
    difference = np.swapaxes(np.asarray(first, np.float64), -1, -2) @ second
    skew = np.stack([difference[..., a, b] - difference[..., b, a] for a, b in ((2, 1), (0, 2), (1, 0))], -1)
    return np.arctan2(np.linalg.norm(skew, axis=-1) / 2, (np.trace(difference, axis1=-2, axis2=-1) - 1) / 2)
