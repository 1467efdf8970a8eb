"""Distances of real people: the pedestrians of PETS 2009, view 1, compared with their positions on the ground plane.

    python -m benchmarks.pedestrians --video vtest.avi

`vtest.avi` is in Debian's and Ubuntu's package opencv-doc (/usr/share/doc/opencv-doc/examples/data/). The camera is
7 m above the road and was calibrated by the authors of the data set, so the pixels of the feet give a person's position
on the ground: one pixel is about 0.3 % of the distance. People detected in single frames with visible feet count.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table
from scipy.spatial.transform import Rotation

from benchmarks.baseline import NAMES, baseline
from benchmarks.people import read_video
from benchmarks.scene_context import deviation_along_sight
from metrichmsr_ros.body.engine import BodyEngine
from metrichmsr_ros.body.load import load_body_engine
from metrichmsr_ros.cli.user_errors import one_line_errors
from metrichmsr_ros.geometry.camera import Camera
from metrichmsr_ros.hmr.inputs import inputs_from_landmarks
from metrichmsr_ros.pipeline.pipeline import Pipeline
from metrichmsr_ros.pipeline.scene import PersonEstimate
from metrichmsr_ros.types import Float64Array

HEELS_AND_TOES = (29, 30, 31, 32)
ANKLES = (27, 28)
MIN_VISIBILITY = 0.6
HIP_HEIGHT = 0.9
"""Metres; a change by 0.1 changes the distance by 0.1 %."""
BANDS = ((0, 20), (20, 25), (25, 30), (30, 40))


@dataclass(frozen=True)
class TsaiCamera:
    """Tsai's camera model, millimetres and radians; the defaults are the calibration of PETS 2009, view 1."""

    focal: float = 5.5549183034
    pixel_width: float = 5.1273271277e-3 / 1.0937855397  # dpx over the scale factor sx
    pixel_height: float = 4.65e-3
    kappa: float = 5.1113043639e-3
    centre: tuple[float, float] = (324.22149053, 282.56650051)
    size: tuple[int, int] = (768, 576)
    rotation: tuple[float, float, float] = (2.0405458695, -0.89337703748, -0.43056124791)
    translation: tuple[float, float, float] = (828.73214225, -3175.4796051, 35469.298547)

    def camera(self) -> Camera:
        """As an OpenCV camera. Tsai's kappa undistorts and k1 distorts, so k1 is -kappa f^2 to first order."""
        (u, v), (width, height) = self.centre, self.size
        intrinsics = np.array(
            [[self.focal / self.pixel_width, 0, u], [0, self.focal / self.pixel_height, v], [0, 0, 1]]
        )
        return Camera(width, height, intrinsics, "plumb_bob", np.array([-self.kappa * self.focal**2, 0, 0, 0, 0]))

    def cam_from_ground(self) -> tuple[Float64Array, Float64Array]:
        """R (3, 3), t (3,) m: camera coordinates of points whose z is the height above the ground."""
        return Rotation.from_euler("xyz", self.rotation).as_matrix(), np.array(self.translation) / 1000


@dataclass(frozen=True)
class Pedestrian:
    """True and estimated distances of the hips from the camera, standard deviation and standing height, metres."""

    true: float
    estimated: float
    deviation: float
    height: float
    baseline: float


def standing_at(
    pixels: Float64Array, intrinsics: Float64Array, rotation: Float64Array, translation: Float64Array
) -> Float64Array:
    """Hips (3,) m in the camera frame: `HIP_HEIGHT` above the mean ground point of the pixels (N, 2)."""
    rays = np.column_stack([pixels, np.ones(len(pixels))]) @ np.linalg.inv(intrinsics).T
    eye, directions = -rotation.T @ translation, rays @ rotation
    on_ground = rays * (-eye[2] / directions[:, 2])[:, None]
    place: Float64Array = on_ground.mean(0) + HIP_HEIGHT * rotation[:, 2]
    return place


def measured(person: PersonEstimate, camera: Camera, tsai: TsaiCamera, body: BodyEngine) -> Pedestrian | None:
    """Distances of a person estimated in an image without distortion; None if the feet are not visible."""
    landmarks = person.landmarks
    if landmarks.visibility[list(ANKLES)].min() < MIN_VISIBILITY:
        return None
    feet = landmarks.pixels[list(HEELS_AND_TOES)].astype(np.float64)
    true = standing_at(feet, camera.intrinsics, *tsai.cam_from_ground())
    hips = [NAMES.index("left_hip"), NAMES.index("right_hip")]
    theirs = baseline(inputs_from_landmarks([landmarks], camera), body)[0, hips].mean(0)
    return Pedestrian(
        true=float(np.linalg.norm(true)),
        estimated=float(np.linalg.norm(person.transl_cam)),
        deviation=deviation_along_sight(person),
        height=float(person.height),
        baseline=float(np.linalg.norm(theirs)),
    )


def pedestrians(video: Path, every: int, pipeline: Pipeline) -> list[Pedestrian]:
    """All people with visible feet that are detected in every n-th frame."""
    tsai, body = TsaiCamera(), load_body_engine("open_light")
    found: list[Pedestrian] = []
    for image in islice(read_video(video), 0, None, every):
        scene = pipeline.estimate(image, tsai.camera())
        people = (measured(person, scene.camera, tsai, body) for person in scene.people)
        found += [person for person in people if person is not None]
    return found


def table_of(found: list[Pedestrian], title: str) -> Table:
    """Ratio of estimated to true distance and its errors, for both systems, by distance."""
    columns = ("m away", "people", "estimated / true", "baseline", "error, median %", "baseline", "inside 1 sigma")
    table = Table(*columns, "height, median m", title=title)
    for near, far in (*BANDS, (0, 1000)):
        part = [p for p in found if near <= p.true < far]
        if not part:
            continue
        true = np.array([p.true for p in part])
        ours, theirs = (np.array([getattr(p, name) for p in part]) / true for name in ("estimated", "baseline"))
        inside = np.abs(ours - 1) * true <= [p.deviation for p in part]
        table.add_row(
            "all" if far == 1000 else f"{near}-{far}",
            str(len(part)),
            *(f"{np.median(ratio):.3f}" for ratio in (ours, theirs)),
            *(f"{100 * np.median(np.abs(ratio - 1)):.1f}" for ratio in (ours, theirs)),
            f"{inside.mean():.2f}",
            f"{np.median([p.height for p in part]):.2f}",
        )
    return table


@one_line_errors("benchmarks.pedestrians")
def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--video", type=Path, required=True, help="vtest.avi")
    parser.add_argument("--every", type=int, default=20, help="use every n-th frame")
    parser.add_argument("--weights", default="embedded", help="preset with weights, or a .safetensors file")
    arguments = parser.parse_args()
    found = pedestrians(arguments.video, arguments.every, Pipeline.from_preset(arguments.weights))
    title = f"distances of {len(found)} pedestrians, MetricHMR {arguments.weights}"
    Console(width=140).print(table_of(found, title))


if __name__ == "__main__":
    main()
