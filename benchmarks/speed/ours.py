"""This package's tracker behind `frame_pipe`, as the node runs it for subscribers of ~/humans.

Run by `python -m benchmarks.speed`; `--depth` adds the scene's depth, for subscribers of ~/depth/image, and
`--landmarks-alone` leaves out the pixel branch.
"""

from __future__ import annotations

import argparse
from functools import partial
from typing import Any

import numpy as np

from benchmarks.landmarks_alone import without_pixels
from benchmarks.speed.frame_pipe import Track, serve
from benchmarks.speed.settings import FOV_X
from metrichmsr_ros.body.load import load_body_engine
from metrichmsr_ros.depth.factory import DepthChoice
from metrichmsr_ros.geometry.camera import Camera
from metrichmsr_ros.pipeline.engines import load_engine
from metrichmsr_ros.pipeline.pipeline import Pipeline
from metrichmsr_ros.pipeline.scene import OutputRequest

THREADS = 2  # as the node


def load(depth: bool, landmarks_alone: bool) -> Track:
    choice = DepthChoice("auto" if depth else "people")
    if landmarks_alone:
        pipeline = without_pixels(load_engine("embedded"), load_body_engine("open_light"), "none", THREADS)
    else:
        pipeline = Pipeline.from_preset("embedded", depth=choice, num_threads=THREADS, test_time_augmentation="none")
    request = OutputRequest(vertices=True, depth=depth)

    def track(image: np.ndarray, stamp_s: float) -> dict[str, Any]:
        camera = Camera.from_fov(image.shape[1], image.shape[0], FOV_X)
        scene = pipeline.track(image, camera, stamp_s, request=request)
        seen = [person for person in scene.people if not person.is_occluded]
        return {"people": len(seen), "stages": scene.timings}

    return track


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--depth", action="store_true")
    parser.add_argument("--landmarks-alone", action="store_true")
    options = parser.parse_args()
    serve(partial(load, options.depth, options.landmarks_alone))


if __name__ == "__main__":
    main()
