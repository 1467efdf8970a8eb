"""The node under test, in a process of its own: with the real network, or with one that answers at once."""

from __future__ import annotations

import sys
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.ros import PARENTS, fake_scene
from metrichmsr_ros.geometry.camera import Camera
from metrichmsr_ros.pipeline.scene import Scene
from metrichmsr_ros.ros import node as perception

SIZE = (640, 480)
GROUND_FRAME = "soak_base"


class InstantPipeline:
    """Four people in every image."""

    def __init__(self) -> None:
        self.body = SimpleNamespace(
            name="none", faces=np.array([[0, 1, 2]]), joint_names=[f"j{i}" for i in range(24)], parents=PARENTS
        )
        self._scene = fake_scene(*SIZE, 4)

    def reset(self) -> None:
        """Does nothing: there is no state."""

    def track(self, image: NDArray[np.uint8], camera: Camera, stamp_s: float, **rest: Any) -> Scene:
        """Returns the same scene, without delay."""
        return replace(self._scene, image=image, camera=camera, stamp_s=stamp_s)


def command(pipeline: str) -> list[str]:
    """The command of a process that runs the node with this pipeline: "real" or "instant"."""
    arguments = ["--ros-args", "-p", f"ground_frame:={GROUND_FRAME}", "--log-level", "error"]
    return [sys.executable, "-m", "benchmarks.soak.nodes", pipeline, *arguments]


def main() -> None:
    """Run the node until it is asked to end."""
    if sys.argv[1] == "instant":
        perception.load_pipeline = lambda settings: InstantPipeline()
    perception.main([sys.argv[0], *sys.argv[2:]])


if __name__ == "__main__":
    main()
