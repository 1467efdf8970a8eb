"""Biovision hierarchy files (BVH): a tree of joints with offsets and channels, then one row of values per frame."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from metrichmsr_ros.data.mocap.clip import Clip, MotionError, euler, unit
from metrichmsr_ros.errors import reads
from metrichmsr_ros.io.texts import read_text


@dataclass
class _Joint:
    name: str
    parent: int
    offset: np.ndarray = field(default_factory=lambda: np.zeros(3))
    channels: tuple[str, ...] = ()
    end: np.ndarray | None = None


def _parse_hierarchy(tokens: list[str], path: Path) -> list[_Joint]:
    joints: list[_Joint] = []
    stack: list[int] = []  # joint index of each open brace; -1 for an end site
    pending, i = -1, 0
    while i < len(tokens):
        word = tokens[i]
        if word in ("ROOT", "JOINT"):
            joints.append(_Joint(tokens[i + 1], stack[-1] if stack else -1))
            pending, i = len(joints) - 1, i + 2
        elif word == "End":
            pending, i = -1, i + 2
        elif word == "{":
            stack.append(pending)
            i += 1
        elif word == "}":
            stack.pop()
            i += 1
        elif word == "OFFSET":
            offset = np.array([float(t) for t in tokens[i + 1 : i + 4]])
            if stack[-1] < 0:
                joints[stack[-2]].end = offset
            else:
                joints[stack[-1]].offset = offset
            i += 4
        elif word == "CHANNELS":
            count = int(tokens[i + 1])
            joints[stack[-1]].channels = tuple(tokens[i + 2 : i + 2 + count])
            i += 2 + count
        else:
            raise MotionError(f"{path}: unexpected {word!r} in the hierarchy")
    return joints


def _direction(joints: list[_Joint], index: int) -> np.ndarray:
    """Rest direction of a joint's bone: to its first child, or to its end site."""
    children = [j.offset for j in joints if j.parent == index and np.linalg.norm(j.offset) > 1e-6]
    end = joints[index].end
    return unit(children[0] if children else end if end is not None else np.zeros(3))


@reads(MotionError, "a BVH motion")
def read_bvh(path: Path) -> Clip:
    """Read a BVH clip whose rest pose is y up, facing +z; offsets are in metres.

    Raises:
        MotionError: the hierarchy or the number of columns is wrong.
    """
    head, separator, body = read_text(path).partition("MOTION")
    if not separator:
        raise MotionError(f"{path}: no MOTION section")
    joints = _parse_hierarchy(head.split()[1:], path)
    lines = body.strip().splitlines()
    fps = 1.0 / float(lines[1].split()[-1])
    rows = np.array([line.split() for line in lines[2:]], dtype=np.float64)
    width = sum(len(j.channels) for j in joints)
    if rows.ndim != 2 or rows.shape[1] != width:
        raise MotionError(f"{path}: rows of shape {rows.shape}, expected (T, {width})")
    globals_: list[np.ndarray] = []
    column = 0
    for joint in joints:
        values = dict(zip(joint.channels, rows[:, column : column + len(joint.channels)].T, strict=True))
        column += len(joint.channels)
        turns = [c for c in joint.channels if c.endswith("rotation")]
        local = euler(np.stack([values[c] for c in turns], 1), "".join(c[0] for c in turns))
        globals_.append(local if joint.parent < 0 else globals_[joint.parent] @ local)
    return Clip(
        name=f"bvh/{path.stem}",
        fps=fps,
        bones=tuple(j.name for j in joints),
        directions=np.stack([_direction(joints, i) for i in range(len(joints))]),
        rotations=np.stack(globals_, 1),
        root=rows[:, :3],
    )
