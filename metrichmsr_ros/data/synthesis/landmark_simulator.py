"""Simulated people: landmarks with the real network's errors, for bodies that were never rendered.

The errors of BlazePose depend jointly on pose, view, truncation and occlusion, and the errors of neighbouring
landmarks are correlated. No simple distribution models this, so residuals are drawn from those of rendered people. A
new person has another pose, shape, distance and focal length, and the residuals, visibility and presence of a rendered
person with a similar view in the crop. Either the new pose is that of the rendered person with joints turned a little,
or it was never rendered, and the rendered person is one of its nearest neighbours. The simulator makes thousands of
people per second; rendering makes tens.

The parts: `landmark_rows` reads rendered people from shards, `pose_neighbours` draws new poses and chooses the rendered
people for them, `landmark_residuals` transfers residuals to another body and camera, and this module draws the bodies
and cameras.
`simulated_shards` is the command that writes simulated people to shards; training adds some in memory
(`training.human.landmark_table.with_simulated`).

    simulator = LandmarkSimulator(rows, load_body("open_light"))     # rows of rendered people, one array per field
    more = simulator.draw(100_000, np.random.default_rng(0))      # rows of the same kind
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import roma
import torch

from metrichmsr_ros.body.open_body import OpenBody, Population
from metrichmsr_ros.data.synthesis.landmark_residuals import with_residuals
from metrichmsr_ros.data.synthesis.landmark_rows import Rows
from metrichmsr_ros.data.synthesis.pose_neighbours import PoseNeighbours

NEEDED = (
    *("crop_landmarks", "visibility", "presence", "world", "crop_matrix", "pixels", "intrinsics", "image_size"),
    *("pose", "betas", "transl", "joints_cam", "landmarks_cam", "heavy"),
)


@dataclass(frozen=True)
class SimulatorConfig:
    """Differences between a new person and the rendered one.

    Attributes:
        new_pose: probability of a pose from the bank, with the residuals of one of its nearest rendered neighbours.
        joint_turn: standard deviation of the turn of each joint, radians. root_turn: of the whole body.
        new_shape: probability of another shape from the population; otherwise the shape is changed a little.
        children: share of children among new shapes. With the share of a census, the estimated heights of all adults
            are too small.
        distance, size: standard deviation of the logarithm of the change of distance, and of size in the image.
        fov_limits: smallest and largest field of view of the image's long side, radians.
        sharpness: range of the factor on errors in the image plane. Under small moves of the ROI, the landmarks of real
            people scatter less than those of rendered people (`benchmarks.scatter`).
    """

    new_pose: float = 0.6
    joint_turn: float = 0.05
    root_turn: float = 0.06
    new_shape: float = 0.7
    children: float = 0.1
    distance: float = 0.35
    size: float = 0.08
    fov_limits: tuple[float, float] = (0.35, 2.2)
    sharpness: tuple[float, float] = (0.4, 1.0)


class LandmarkSimulator:
    """Draws new landmark sets around rendered ones."""

    def __init__(self, rows: Rows, body: OpenBody, config: SimulatorConfig = SimulatorConfig()) -> None:
        """Keep the residuals of rendered people.

        Args:
            rows: arrays (N, ...) of `NEEDED` fields, as in the shards, intrinsics (N, 3, 3) and image_size (N, 2).
            body: the body model of the betas; the light one is fastest.
            config: differences of new people from rendered ones.

        Raises:
            ValueError: a field is missing.
        """
        missing = [name for name in NEEDED if name not in rows]
        if missing:
            raise ValueError(f"rows lack {', '.join(missing)}; make them with `metrichmsr synthesize`")
        self._rows = {name: np.asarray(rows[name], np.float64) for name in NEEDED}
        self._body, self._config = body, config
        # Residuals must refer to the landmarks of the same mesh as new people have.
        pieces = [self._posed(slice(i, i + 1000)) for i in range(0, len(rows["pose"]), 1000)]
        self._rows["landmarks_cam"] = np.concatenate(pieces)
        with torch.no_grad():
            self._heights = body.height(torch.from_numpy(self._rows["betas"]).float()).numpy().astype(np.float64)
        population = Population.load()
        known = np.arange(len(population.betas)) % 8 != 7
        self._shapes = population.betas[known].astype(np.float64)
        child = population.is_child[known]
        self._chances = np.where(child, config.children / child.sum(), (1 - config.children) / (~child).sum())
        self._neighbours = PoseNeighbours(self._rows) if config.new_pose else None

    def __len__(self) -> int:
        """Number of rendered people."""
        return len(self._heights)

    def _posed(self, part: slice) -> np.ndarray:
        """True landmarks (n, 33, 3) of some of the rendered people."""
        with torch.no_grad():
            tensors = (torch.from_numpy(self._rows[k][part]).float() for k in ("betas", "pose", "transl"))
            landmarks: np.ndarray = self._body.landmarks(self._body(*tensors).vertices).numpy().astype(np.float64)
        return landmarks

    def draw(self, count: int, rng: np.random.Generator) -> Rows:
        """`count` new people (fewer if some lie behind the camera), rows of `NEEDED` fields, float64."""
        base = rng.integers(len(self), size=count)
        new_pose = rng.random(count) < self._config.new_pose
        poses = np.zeros((0, 24, 3))
        if self._neighbours is not None:
            base[new_pose], poses = self._neighbours.draw(int(new_pose.sum()), rng)
        old = {name: array[base] for name, array in self._rows.items()}
        seen_as = {name: array.copy() if name == "pose" else array for name, array in old.items()}
        seen_as["pose"][new_pose] = poses.reshape(-1, 72)
        truth = self._truth(seen_as, self._heights[base], rng)
        new = with_residuals(old, truth, rng.uniform(*self._config.sharpness, count))
        good = (truth["joints_cam"][..., 2].min(1) > 0.3) & np.isfinite(new["crop_landmarks"]).all((1, 2))
        return {name: array[good] for name, array in new.items()}

    def _truth(self, old: Rows, heights: np.ndarray, rng: np.random.Generator) -> Rows:
        """New bodies and cameras with a similar view in the crop."""
        config, count = self._config, len(heights)
        betas = old["betas"] + rng.normal(0, 0.15, old["betas"].shape)
        swap = rng.random(count) < config.new_shape
        betas[swap] = self._shapes[rng.choice(len(self._shapes), size=int(swap.sum()), p=self._chances)]
        with torch.no_grad():
            new_heights = self._body.height(torch.from_numpy(betas).float()).numpy().astype(np.float64)
        turn = rng.normal(0, config.joint_turn, (count, 24, 3))
        turn[:, 0] *= config.root_turn / config.joint_turn
        transl, intrinsics, ray_turn = _new_camera(old, new_heights / heights, config, rng)
        rotations = roma.rotvec_to_rotmat(torch.from_numpy(old["pose"].reshape(count, 24, 3)))
        rotations = rotations @ roma.rotvec_to_rotmat(torch.from_numpy(turn))
        rotations[:, 0] = torch.from_numpy(ray_turn) @ rotations[:, 0]
        with torch.no_grad():
            arguments = (torch.from_numpy(betas).float(), rotations.float(), torch.from_numpy(transl).float())
            out = self._body(*arguments)
            landmarks = self._body.landmarks(out.vertices)
        return {
            "betas": betas,
            "pose": roma.rotmat_to_rotvec(rotations).numpy().reshape(count, 72),
            "transl": transl,
            "joints_cam": out.joints.numpy().astype(np.float64),
            "landmarks_cam": landmarks.numpy().astype(np.float64),
            "intrinsics": intrinsics,
            "image_size": old["image_size"],
            "growth": new_heights / heights,
        }


def _new_camera(
    old: Rows, growth: np.ndarray, config: SimulatorConfig, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Translation (N, 3), K (N, 3, 3) and the turn (N, 3, 3) from the old viewing ray of the root to the new one."""
    count = len(growth)
    depth = old["transl"][:, 2]
    farther = np.clip(np.exp(rng.normal(0, config.distance, count)), 0.7 / depth, 16.0 / depth)
    zoom = farther / growth * np.exp(rng.normal(0, config.size, count))
    focal = old["intrinsics"][:, 0, 0]
    low, high = (old["image_size"].max(1) / 2 / np.tan(limit / 2) for limit in config.fov_limits[::-1])
    zoom = np.clip(zoom, low / focal, high / focal)
    intrinsics = old["intrinsics"].copy()
    intrinsics[:, 0, 0] *= zoom
    intrinsics[:, 1, 1] *= zoom
    old_ray = old["transl"] / depth[:, None]
    new_ray = old_ray / np.stack([zoom, zoom, np.ones(count)], 1)  # the same pixel
    length = depth * farther * np.linalg.norm(old_ray, axis=1) / np.linalg.norm(new_ray, axis=1)
    return new_ray * length[:, None], intrinsics, _turns(old_ray, new_ray)


def _turns(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Smallest rotations (N, 3, 3) from the directions a (N, 3) to b (N, 3)."""
    a = a / np.linalg.norm(a, axis=1, keepdims=True)
    b = b / np.linalg.norm(b, axis=1, keepdims=True)
    axis, cosine = np.cross(a, b), (a * b).sum(1)
    k = np.zeros((len(a), 3, 3))
    k[:, 0, 1], k[:, 0, 2], k[:, 1, 2] = -axis[:, 2], axis[:, 1], -axis[:, 0]
    k -= np.swapaxes(k, 1, 2)
    return np.eye(3) + k + k @ k / (1 + cosine)[:, None, None]
