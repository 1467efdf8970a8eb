"""`metrichmsr annotate` with a stand-in for the networks, which costs nothing: for what does not depend on them.

python -m benchmarks.annotate.stand_in INPUT... --out DIR [--workers 2] [--ray ADDRESS]
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np

from metrichmsr_ros.annotation.options import AnnotateOptions
from metrichmsr_ros.annotation.run import Where
from metrichmsr_ros.cli.annotate import annotate_command
from metrichmsr_ros.depth.engine import SceneDepth
from metrichmsr_ros.geometry.camera import Camera
from metrichmsr_ros.pipeline.scene import OutputRequest, PersonEstimate, Scene, SceneContext
from metrichmsr_ros.types import ImageArray


class StandIn:
    """Answers each picture with one person who has its number: the mean of its pixels."""

    body = SimpleNamespace(name="stand_in")

    def reset(self) -> None:
        """There is nothing to forget."""

    def track(
        self, image: ImageArray, camera: Camera, stamp_s: float, *, request: OutputRequest, context: SceneContext
    ) -> Scene:
        """A person whose position is the mean of the picture and the time."""
        numbers = np.array([image.mean(), stamp_s, 3.0], np.float32)
        person = PersonEstimate(
            id="p1", age=0, confidence=0.9, is_occluded=False, bbox=np.zeros(4, np.float32),
            pose=np.zeros(72, np.float32), betas=np.zeros(10, np.float32), transl_cam=numbers,
            transl_cov=np.eye(3, dtype=np.float32), joints_cam=np.tile(numbers, (24, 1)),
            vertices_cam=np.zeros((0, 3), np.float32), height=1.7, velocity_cam=numbers,
            position_cov6=np.eye(6, dtype=np.float32), joint_confidence=np.ones(24, np.float32),
            joint_cov=np.zeros((24, 3, 3), np.float32), orientation_cov=np.eye(3, dtype=np.float32),
            landmarks=None,  # type: ignore[arg-type]
        )  # fmt: skip
        return Scene(stamp_s, camera, image, [person], SceneDepth.not_requested(camera))


def make_stand_in(options: AnnotateOptions) -> StandIn:
    """A function that processes and actors can import by its name."""
    return StandIn()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("inputs", nargs="+")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--fov", type=float)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--num-threads", type=int, default=1)
    parser.add_argument("--ray")
    args = parser.parse_args()
    options = AnnotateOptions(fov=args.fov, num_threads=args.num_threads)
    sys.exit(annotate_command(args.inputs, args.out, options, Where(args.workers, args.ray), make=make_stand_in))


if __name__ == "__main__":
    from benchmarks.annotate.stand_in import main as importable  # so that actors find `make_stand_in` by its name

    importable()
