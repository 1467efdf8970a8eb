"""Velocities of people from a camera that drives, with and without a fixed frame, on rendered walkers with truth.

    python -m benchmarks.robot fixed_frame

The robot drives on a winding path at 0.4 to 0.6 m/s and turns by up to 0.5 rad/s. Its pose is known exactly at each
image's stamp; in the last row it comes from wheels that slip: distances are 2 % too long, and the heading wanders by
0.02 rad in a second. Velocities are compared with the slope of the true path on the floor, in the axes of the world.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from rich.table import Table
from scipy.spatial.transform import Rotation

from benchmarks.random_walkers import random_walkers
from metrichmsr_ros.data.synthesis.walking_sequence import WalkingSequence, level_camera
from metrichmsr_ros.people.tracking.fixed_frame import FixedFrameFilter, PeopleInFrame
from metrichmsr_ros.pipeline.pipeline import Pipeline
from metrichmsr_ros.pipeline.scene import OutputRequest, PersonEstimate, Scene
from metrichmsr_ros.types import AnyArray, Float64Array

FPS, SECONDS = 10.0, 10.0
SEEDS = (20, 21, 22)
NEAR = 0.25  # of the distance, within which an estimate belongs to a walker
SLOPE_S = 0.25  # half the window of the true velocity
SETTLED_S = 1.0  # after the first image of a track
INSIDE = 2.296  # 68.3 % of a chi-squared with 2 degrees of freedom
_LEAN = OutputRequest(vertices=False, depth=False)
WAYS = (
    "relative to the camera",
    "the same, odometry added afterwards",
    "filtered in the fixed frame",
    "filtered in the fixed frame, wheels slip",
)
_EXACT = 2  # whose covariance is judged
SLIP, WANDER = 1.02, 0.02  # of wheels: scale of distances, rad in the square root of a second


@dataclass(frozen=True)
class Velocity:
    """One person at one moment: speeds (2,) m/s on the floor by way, true speed (2,), and stated covariance (2, 2).

    The covariance is that of the third way.
    """

    by_way: tuple[Float64Array, ...]
    covariance: Float64Array
    true: Float64Array


@dataclass(frozen=True)
class Sight:
    """One estimate of one true person; speeds as in `Velocity`."""

    stamp_s: float
    by_way: tuple[Float64Array, ...]
    covariance: Float64Array


def driving_camera(progress: float, height: float, seconds: float = SECONDS) -> Float64Array:
    """(4, 4) pose of the camera on a winding path through the room; 0 <= progress <= 1."""
    t = progress * seconds
    yaw = 0.25 * np.sin(2.0 * t)
    return level_camera((-2.5 + 0.4 * t, 0.35 * np.sin(1.3 * t), height), yaw)


def driving_sequence(seed: int) -> WalkingSequence:
    """Random people before a camera that drives."""
    count = int(SECONDS * FPS)
    return random_walkers(count, FPS, seed, camera_path=driving_camera)


def measure(pipeline: Pipeline, sequence: WalkingSequence) -> list[Velocity]:
    """Velocities of everybody who is seen in a sequence."""
    pipeline.reset()
    fixed, slipping = FixedFrameFilter(), FixedFrameFilter()
    truth = defaultdict[str, list[tuple[float, Float64Array]]](list)
    tracks = defaultdict[tuple[str, str], list[Sight]](list)
    frames = list(sequence)
    twists = _twists([frame.T_world_cam for frame in frames], [frame.stamp_s for frame in frames])
    wheels = slipping_wheels([frame.T_world_cam for frame in frames], FPS)
    for frame, twist, believed in zip(frames, twists, wheels, strict=True):
        pose = frame.T_world_cam
        for walker in frame.people:
            truth[walker.id].append((frame.stamp_s, _placed(pose, _hips(walker.joints_cam))[:2]))
        scene = pipeline.track(frame.image, frame.camera, frame.stamp_s, request=_LEAN)
        motion = fixed.update(_people(scene).moved(pose), frame.stamp_s)
        slipped = slipping.update(_people(scene).moved(believed), frame.stamp_s)
        for row, id in enumerate(motion.people.ids):
            person = next(p for p in scene.people if p.id == id)
            gaps = {w.id: float(np.linalg.norm(w.transl_cam - person.transl_cam)) for w in frame.people}
            name = min(gaps, key=lambda key: gaps[key], default="")
            if name and not person.is_occluded and gaps[name] < NEAR * float(np.linalg.norm(person.transl_cam)):
                filtered = motion.velocities[row, :2], slipped.velocities[row, :2]
                speeds = *_relative(person, pose, twist), *filtered
                tracks[name, id].append(Sight(frame.stamp_s, speeds, motion.covariances[row, 3:5, 3:5]))
    return [
        Velocity(sight.by_way, sight.covariance, _slope(truth[name], sight.stamp_s))
        for (name, _), seen in tracks.items()
        for sight in seen
        if sight.stamp_s - seen[0].stamp_s > SETTLED_S
    ]


def slipping_wheels(poses: list[Float64Array], fps: float) -> list[Float64Array]:
    """The camera's poses as wheels that slip report them: too long, with a heading that wanders; seeded."""
    rng, believed = np.random.default_rng(5), [poses[0]]
    for before, after in pairwise(poses):
        step = after @ np.linalg.inv(before)  # in the world's axes, about the world's origin
        moved = SLIP * (after[:3, 3] - before[:3, 3])
        yaw = Rotation.from_euler("z", rng.normal(0.0, WANDER / np.sqrt(fps))).as_matrix()
        last = believed[-1]
        drift = last[:3, :3] @ before[:3, :3].T  # from true axes to those of the wheels
        pose = np.eye(4)
        pose[:3, :3] = yaw @ drift @ step[:3, :3] @ before[:3, :3]
        pose[:3, 3] = last[:3, 3] + drift @ moved
        believed.append(pose)
    return believed


def _people(scene: Scene) -> PeopleInFrame:
    count = len(scene.people)
    return PeopleInFrame(
        tuple(person.id for person in scene.people),
        np.array([_hips(person.joints_cam) for person in scene.people]).reshape(count, 3),
        np.array([person.transl_cov for person in scene.people], np.float64).reshape(count, 3, 3),
        np.tile([0.0, 0.0, 0.0, 1.0], (count, 1)),
        np.array([person.orientation_cov for person in scene.people], np.float64).reshape(count, 3, 3),
        np.array([person.confidence for person in scene.people]),
        np.array([person.is_occluded for person in scene.people], bool),
    )


def _relative(
    person: PersonEstimate, pose: Float64Array, twist: tuple[Float64Array, Float64Array]
) -> tuple[Float64Array, Float64Array]:
    """Velocity in the camera's frame in the world's axes; and with the camera's own motion added."""
    speed = pose[:3, :3] @ person.velocity_cam.astype(np.float64)
    arm = pose[:3, :3] @ person.transl_cam.astype(np.float64)
    return speed[:2], (speed + twist[0] + np.cross(twist[1], arm))[:2]


def _twists(poses: list[Float64Array], stamps: list[float]) -> list[tuple[Float64Array, Float64Array]]:
    """Velocity and turn rate of the camera at each image, in the world, from the differences of its poses."""
    places = np.gradient(np.stack([pose[:3, 3] for pose in poses]), stamps, axis=0)
    turns = np.gradient(np.stack([pose[:3, :3] for pose in poses]), stamps, axis=0)
    twists = []
    for place, turn, pose in zip(places, turns, poses, strict=True):
        skew = turn @ pose[:3, :3].T
        twists.append(
            (place, np.array([skew[2, 1] - skew[1, 2], skew[0, 2] - skew[2, 0], skew[1, 0] - skew[0, 1]]) / 2)
        )
    return twists


def _hips(joints: AnyArray) -> Float64Array:
    return np.asarray(joints[[1, 2]].mean(axis=0), np.float64)


def _placed(pose: Float64Array, point: Float64Array) -> Float64Array:
    return np.asarray(pose[:3, :3] @ point + pose[:3, 3])


def _slope(places: list[tuple[float, Float64Array]], stamp_s: float) -> Float64Array:
    """(2,) m/s: slope of a line through the true places around a moment."""
    near = [(stamp, place) for stamp, place in places if abs(stamp - stamp_s) < SLOPE_S]
    slope: Float64Array = np.polyfit([stamp for stamp, _ in near], np.stack([place for _, place in near]), 1)[0]
    return slope


def tables() -> list[Table]:
    """Error of the velocity by way."""
    pipeline = Pipeline.from_preset("embedded", test_time_augmentation="none")
    found = [velocity for seed in SEEDS for velocity in measure(pipeline, driving_sequence(seed))]
    errors = [np.array([v.by_way[way] - v.true for v in found]) for way in range(len(WAYS))]
    rms = [float(np.sqrt((error**2).sum(axis=1).mean())) for error in errors]
    title = (
        f"velocities on the floor, {len(found)} estimates, camera drives ({len(SEEDS)} sequences of {SECONDS:.0f} s)"
    )
    table = Table("velocity", "error, rms m/s", "median m/s", "ratio of rms", "inside 1 sigma", title=title)
    distances = [float(e @ np.linalg.solve(v.covariance, e)) for e, v in zip(errors[_EXACT], found, strict=True)]
    inside = f"{np.mean(np.array(distances) < INSIDE):.2f}"
    for way, (name, error) in enumerate(zip(WAYS, errors, strict=True)):
        median = float(np.median(np.linalg.norm(error, axis=1)))
        stated = inside if way == _EXACT else ""
        table.add_row(name, f"{rms[way]:.3f}", f"{median:.3f}", f"{rms[way] / rms[0]:.2f}", stated)
    return [table]
