"""CMU motion capture: Acclaim files (ASF skeleton + AMC motion) and the exponential-map text form of the same data.

The data used in this project was obtained from mocap.cs.cmu.edu; that database was created with funding from
NSF EIA-0196217.
"""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
from scipy.spatial.transform import Rotation

from metrichmsr_ros.data.mocap.clip import Clip, MotionError, unit
from metrichmsr_ros.errors import reads
from metrichmsr_ros.io.texts import read_text

_CMU_FPS = 120.0
_INCH = 0.0254

# The 38-joint skeleton of the exponential-map files: name, parent, rest offset (inches / 0.45).
_EXPMAP_TREE = (
    ("Hips", -1, (0, 0, 0)),
    ("LHipJoint", 0, (0, 0, 0)),
    ("LeftUpLeg", 1, (1.65674, -1.80282, 0.62477)),
    ("LeftLeg", 2, (2.5972, -7.13576, 0)),
    ("LeftFoot", 3, (2.49236, -6.8477, 0)),
    ("LeftToeBase", 4, (0.19704, -0.54136, 2.14581)),
    ("LeftToeEnd", 5, (0, 0, 1.11249)),
    ("RHipJoint", 0, (0, 0, 0)),
    ("RightUpLeg", 7, (-1.6107, -1.80282, 0.62476)),
    ("RightLeg", 8, (-2.59502, -7.12977, 0)),
    ("RightFoot", 9, (-2.4678, -6.78024, 0)),
    ("RightToeBase", 10, (-0.23024, -0.63258, 2.13368)),
    ("RightToeEnd", 11, (0, 0, 1.11569)),
    ("LowerBack", 0, (0, 0, 0)),
    ("Spine", 13, (0.01961, 2.0545, -0.14112)),
    ("Spine1", 14, (0.01021, 2.06436, -0.05921)),
    ("Neck", 15, (0, 0, 0)),
    ("Neck1", 16, (0.00713, 1.56711, 0.14968)),
    ("Head", 17, (0.03429, 1.56041, -0.10006)),
    ("HeadEnd", 18, (0.01305, 1.6256, -0.05265)),
    ("LeftShoulder", 15, (0, 0, 0)),
    ("LeftArm", 20, (3.54205, 0.90436, -0.17364)),
    ("LeftForeArm", 21, (4.86513, 0, 0)),
    ("LeftHand", 22, (3.35554, 0, 0)),
    ("LeftFingerBase", 23, (0, 0, 0)),
    ("LeftHandIndex1", 24, (0.66117, 0, 0)),
    ("LeftHandEnd", 25, (0.53306, 0, 0)),
    ("LThumb", 23, (0, 0, 0)),
    ("LThumbEnd", 27, (0.5412, 0, 0.5412)),
    ("RightShoulder", 15, (0, 0, 0)),
    ("RightArm", 29, (-3.49802, 0.75994, -0.32616)),
    ("RightForeArm", 30, (-5.02649, 0, 0)),
    ("RightHand", 31, (-3.36431, 0, 0)),
    ("RightFingerBase", 32, (0, 0, 0)),
    ("RightHandIndex1", 33, (-0.73041, 0, 0)),
    ("RightHandEnd", 34, (-0.58887, 0, 0)),
    ("RThumb", 32, (0, 0, 0)),
    ("RThumbEnd", 36, (-0.59786, 0, 0.59786)),
)


@reads(MotionError, "a CMU motion of exponential maps")
def read_expmap(path: Path) -> Clip:
    """Read CMU motion as exponential maps: 3 root numbers, then 38 rotation vectors, comma-separated (T, 117).

    Raises:
        MotionError: a row does not have 117 numbers.
    """
    rows = np.loadtxt(io.StringIO(read_text(path)), delimiter=",", ndmin=2)
    if rows.shape[1] != 117:
        raise MotionError(f"{path}: {rows.shape[1]} columns, expected 117 (CMU 38 joints)")
    globals_: list[np.ndarray] = []
    for j, (_, parent, _) in enumerate(_EXPMAP_TREE):
        # These files use row vectors, so the rotation of column vectors is the inverse.
        local = Rotation.from_rotvec(-rows[:, 3 + 3 * j : 6 + 3 * j]).as_matrix()
        globals_.append(local if parent < 0 else globals_[parent] @ local)
    offsets = np.array([o for *_, o in _EXPMAP_TREE], dtype=np.float64)
    directions = np.zeros_like(offsets)
    for j, (_, parent, _) in reversed(list(enumerate(_EXPMAP_TREE))):
        if parent >= 0 and offsets[j].any():
            directions[parent] = unit(offsets[j])
    return Clip(
        name=f"expmap/{path.parent.parent.name}/{path.stem}",
        fps=_CMU_FPS,
        bones=tuple(name for name, *_ in _EXPMAP_TREE),
        directions=directions,
        rotations=np.stack(globals_, 1),
        root=rows[:, :3] / 0.45 * _INCH,
    )


def _read_asf(path: Path) -> tuple[dict[str, dict[str, list[str]]], dict[str, str], float]:
    """Bones {name: {direction, axis, dof}}, parents {child: parent} and metres per length unit of a skeleton file."""
    text = read_text(path)
    bones: dict[str, dict[str, list[str]]] = {}
    for block in text.partition(":bonedata")[2].partition(":hierarchy")[0].split("begin")[1:]:
        fields = {words[0]: words[1:] for words in map(str.split, block.splitlines()) if words}
        bones[fields["name"][0]] = fields
    parents = {}
    for line in text.partition(":hierarchy")[2].splitlines():
        words = line.split()
        if len(words) > 1:
            parents.update(dict.fromkeys(words[1:], words[0]))
    scale = next(float(line.split()[1]) for line in text.splitlines() if line.split()[:1] == ["length"])
    if not bones or not parents:
        raise MotionError(f"{path}: no bones or no hierarchy in the skeleton file")
    return bones, parents, _INCH / scale


def _read_amc_frames(path: Path) -> dict[str, np.ndarray]:
    frames: dict[str, list[list[float]]] = {}
    for line in read_text(path).splitlines():
        words = line.split()
        if len(words) > 1 and not words[0].startswith((":", "#")):
            frames.setdefault(words[0], []).append([float(w) for w in words[1:]])
    if "root" not in frames:
        raise MotionError(f"{path}: no frames with a 'root' line")
    count = len(frames["root"])
    return {name: np.array(values) for name, values in frames.items() if len(values) == count}


@reads(MotionError, "an Acclaim motion with its skeleton")
def read_amc(path: Path) -> Clip:
    """Read an Acclaim motion; the skeleton is the only `.asf` file in its folder.

    Raises:
        MotionError: there is no skeleton, or a file has no frames.
    """
    skeletons = sorted(path.parent.glob("*.asf"))
    if not skeletons:
        raise MotionError(f"{path}: its folder has no .asf skeleton")
    bones, parents, metres = _read_asf(skeletons[0])
    frames = _read_amc_frames(path)
    root = frames["root"]
    names, directions = ["root"], [np.array([0.0, 1.0, 0.0])]
    globals_ = {"root": Rotation.from_euler("xyz", root[:, 3:6], degrees=True).as_matrix()}
    for name, bone in bones.items():
        axis = Rotation.from_euler("xyz", [float(v) for v in bone["axis"][:3]], degrees=True).as_matrix()
        local = np.eye(3)
        if name in frames and "dof" in bone:
            angles = np.zeros((len(root), 3))
            angles[:, [["rx", "ry", "rz"].index(d) for d in bone["dof"]]] = frames[name]
            # Acclaim angles are rotations about the bone's fixed axes x, then y, then z.
            local = axis @ Rotation.from_euler("xyz", angles, degrees=True).as_matrix() @ axis.T
        globals_[name] = globals_[parents[name]] @ local
        names.append(name)
        directions.append(unit(np.array([float(v) for v in bone["direction"]])))
    return Clip(
        name=f"amc/{path.stem}",
        fps=_CMU_FPS,
        bones=tuple(names),
        directions=np.stack(directions),
        rotations=np.stack([globals_[n] for n in names], 1),
        root=root[:, :3] * metres,
    )
