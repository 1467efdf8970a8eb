"""REP-155's kinematic trees of people: how far their links are from the joints, and how often a URDF changes.

    python -m benchmarks.robot rep155

Links are placed by a reader of URDF that shares no code with the package, from the messages' own text and numbers.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from rich.table import Table

from benchmarks.robot.urdf_kinematics import Urdf
from metrichmsr_ros.body.engine import BodyEngine
from metrichmsr_ros.body.joints import JOINT_NAMES
from metrichmsr_ros.body.load import load_body_engine
from metrichmsr_ros.data.mocap.pose_bank import PoseBank
from metrichmsr_ros.data.mocap.pose_sampler import KINDS, random_pose
from metrichmsr_ros.data.synthesis.walking_sequence import WalkingSequence
from metrichmsr_ros.geometry.rotations import rotation_matrices
from metrichmsr_ros.pipeline.pipeline import Pipeline
from metrichmsr_ros.pipeline.scene import OutputRequest, PersonEstimate
from metrichmsr_ros.ros.frames import body_frames
from metrichmsr_ros.ros.outputs.people import Body, bodies_of
from metrichmsr_ros.ros.outputs.rep155.messages import joint_state_message, urdf_message
from metrichmsr_ros.ros.outputs.rep155.trees import KinematicTrees
from metrichmsr_ros.types import Float64Array

POSES = 300  # of each kind
FRAMES, FPS = 120, 30.0
_LEAN = OutputRequest(vertices=False, depth=False)
LINKS: Mapping[str, str] = {"head": "head"} | {
    f"{side[0]}_{part}": f"{side}_{part}"
    for side in ("left", "right")
    for part in ("shoulder", "elbow", "wrist", "hip", "knee", "ankle")
}
"""REP-155's links at joints, and the joints."""


@dataclass
class Errors:
    """Distances of links from joints in metres, and times of one tree in seconds."""

    distances: list[Float64Array] = field(default_factory=list)
    times: list[float] = field(default_factory=list)

    def row(self, name: str) -> list[str]:
        """Of one table: number of bodies, median, 99 % and largest distance in mm, median time in ms."""
        every = np.concatenate(self.distances) * 1e3
        numbers = [np.median(every), np.percentile(every, 99), every.max(), np.median(self.times) * 1e3]
        return [name, str(len(self.distances)), *(f"{number:.3f}" for number in numbers)]


def link_errors(body: Body, urdf: Urdf, values: Mapping[str, float]) -> Float64Array:
    """Distance (13,) of each of `LINKS` from its joint in the camera frame, metres."""
    axes = _matrix(body.orientation)
    places = urdf.frames(values)
    links = np.stack([places[f"{link}_{body.id}"][:3, 3] for link in LINKS]) @ axes.T + body.origin
    joints = body.person.joints_cam[[JOINT_NAMES.index(joint) for joint in LINKS.values()]]
    distances: Float64Array = np.linalg.norm(links - joints, axis=1)
    return distances


def values_of(state: Any) -> dict[str, float]:
    """Joint values by name of a JointState's fields."""
    return dict(zip(state["name"], state["position"].tolist(), strict=True))


def posed_person(engine: BodyEngine, pose: Float64Array, betas: Float64Array, template: PersonEstimate) -> Body:
    """A person of the body model in a pose, 3 m before the camera."""
    rotations = rotation_matrices(pose).astype(np.float32)
    joints = engine.joints(betas[None].astype(np.float32), rotations[None], np.array([[0, 0, 3]], np.float32))[0]
    person = replace(template, pose=pose.astype(np.float32), betas=betas.astype(np.float32), joints_cam=joints)
    (origin,), (orientation,) = body_frames([person.pose], [joints])
    return Body("p1", person, origin, orientation)


def measure_poses(engine: BodyEngine, kind: str, template: PersonEstimate) -> Errors:
    """Errors of random poses of one kind on random shapes; "arbitrary" turns every joint at random."""
    rng, bank, errors = np.random.default_rng(155), PoseBank.load(), Errors()
    for _ in range(POSES):
        pose = rng.normal(0, 0.7, 72) if kind == "arbitrary" else random_pose(bank, rng, True, kind)[0]
        body = posed_person(engine, pose, rng.normal(0, 1, 10), template)
        start = time.perf_counter()
        tree = KinematicTrees().posed(body)
        errors.times.append(time.perf_counter() - start)
        urdf = Urdf(urdf_message(body.id, tree).fields["data"])
        errors.distances.append(link_errors(body, urdf, values_of(joint_state_message(body.id, tree, None).fields)))
    return errors


@dataclass
class Followed:
    """What a subscriber gets of a sequence: errors by its newest URDF, and the number of URDFs by person."""

    errors: Errors = field(default_factory=Errors)
    urdfs: dict[str, int] = field(default_factory=dict)
    images: dict[str, int] = field(default_factory=dict)


def follow(images: Iterable[Sequence[Body]]) -> Followed:
    """Follow everybody through the images of a sequence."""
    trees, found, texts = KinematicTrees(), Followed(), dict[str, str]()
    for bodies in images:
        trees.keep({body.id for body in bodies})
        for body in bodies:
            start = time.perf_counter()
            tree = trees.posed(body)
            found.errors.times.append(time.perf_counter() - start)
            text = urdf_message(body.id, tree).fields["data"]
            found.urdfs[body.id] = found.urdfs.get(body.id, 0) + (texts.get(body.id) != text)
            found.images[body.id] = found.images.get(body.id, 0) + 1
            texts[body.id] = text
            state = joint_state_message(body.id, tree, None).fields
            found.errors.distances.append(link_errors(body, Urdf(text), values_of(state)))
    return found


def demo_bodies(frames: int = FRAMES) -> list[list[Body]]:
    """The people that the default preset finds in the demo's sequence, by image."""
    pipeline = Pipeline.from_preset("embedded", test_time_augmentation="none")
    return [
        bodies_of(pipeline.track(frame.image, frame.camera, frame.stamp_s, request=_LEAN))
        for frame in WalkingSequence(frames, FPS)
    ]


def tables() -> list[Table]:
    """Errors of poses and of the demo's sequence; URDFs by person."""
    images = demo_bodies()
    template = next(body.person for bodies in images for body in bodies)
    engine, found = load_body_engine("open"), follow(images)
    errors = Table("poses", "bodies", "median mm", "99 % mm", "largest mm", "ms a tree", title="links and joints")
    for kind in (*KINDS, "arbitrary"):
        errors.add_row(*measure_poses(engine, kind, template).row(kind))
    errors.add_row(*found.errors.row("demo sequence"))
    urdfs = Table("person", "images", "URDFs", title="how often the URDF changes in the demo's sequence")
    for name, count in found.urdfs.items():
        urdfs.add_row(name, str(found.images[name]), str(count))
    return [errors, urdfs]


def _matrix(quaternion: Float64Array) -> Float64Array:
    x, y, z, w = quaternion
    return np.array(
        [
            [1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)],
            [2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)],
            [2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)],
        ]
    )
