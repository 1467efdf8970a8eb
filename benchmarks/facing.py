"""Whether people face the right way, on rendered people who are seen from all sides.

    python -m benchmarks.facing --cache DIR --seeds 0 1 3

Two tables, for videos (`Pipeline.track`) and for single images (`Pipeline.estimate`, every tenth image), by the true
direction: share of images in which the estimated front is more than 90 degrees off the true one about the vertical,
and the longest run of them. "First view" is the rule that this package had before: each image alone, and every view
that faces more than 120 degrees away from the first is left out. A third table has what time gives the pose: error of
the joints, error of their acceleration, and the delay that fits the errors best.
"""

from __future__ import annotations

import argparse
import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table
from scipy.spatial.transform import Rotation

from benchmarks.facing_scenes import KINDS, SceneFrame, rendered
from metrichmsr_ros import OutputRequest, PersonEstimate, Pipeline
from metrichmsr_ros.hmr.facing import front_of
from metrichmsr_ros.hmr.inputs import inputs_from_landmarks
from metrichmsr_ros.hmr.test_time_augmentation import Views, estimate_views, mean_of
from metrichmsr_ros.people.blazepose.networks import BlazePose
from metrichmsr_ros.people.detection.test_time_views import views_of
from metrichmsr_ros.pipeline.views import roles_of
from metrichmsr_ros.types import FloatingArray

DIRECTIONS = ("towards", "right", "away", "left")
NEAR = 0.35  # of the distance, within which an estimate belongs to the person
EVERY = 10  # images between two that are also estimated alone
_LEAN = OutputRequest(vertices=False, depth=False)
_OPPOSED = -0.5  # cosine of 120 degrees


@dataclass(frozen=True)
class Sighting:
    """One image in which the person is found.

    Attributes:
        scene: name. stamp_s: s.
        direction: one of `DIRECTIONS`, of the true front.
        first_view, after: degrees between the true and the estimated front.
        joints: (3, 24, 3) m about the hips: true, by the first-view rule, and after.
    """

    scene: str
    stamp_s: float
    direction: str
    first_view: float
    after: float
    joints: FloatingArray


class FirstView:
    """The rule of the first view, on the landmarks of people who were found.

    Args:
        pipeline: whose network is used.
        heavy: further views also by the heavier landmark network.
    """

    def __init__(self, pipeline: Pipeline, heavy: BlazePose | None) -> None:
        self._pipeline, self._blazepose, self._heavy = pipeline, BlazePose(), heavy

    def __call__(self, frame: SceneFrame, person: PersonEstimate) -> tuple[FloatingArray, FloatingArray]:
        """Root rotation (3, 3) and joints (24, 3) in the axes of the camera."""
        further = views_of(frame.image, person.landmarks, [], self._blazepose, self._heavy)
        first = inputs_from_landmarks([person.landmarks], frame.camera)
        more = inputs_from_landmarks([view.landmarks for view in further], frame.camera) if further else None
        views = estimate_views(self._pipeline.engine, first, more, roles_of({0: further} if further else {}))
        output = mean_of(views, _not_opposed_to_first(views))
        joints = self._pipeline.body.joints(person.betas[None], output.rotmats, output.transl)
        return output.rotmats[0, 0], joints[0]


def _not_opposed_to_first(views: Views) -> NDArray[np.bool_]:
    front = front_of(views.output.rotmats)
    return np.asarray(front @ front[0] > _OPPOSED)


def video(pipeline: Pipeline, rule: FirstView, name: str, frames: Sequence[SceneFrame]) -> list[Sighting]:
    """Every image of a scene in order."""
    pipeline.reset()
    scenes = [(f, pipeline.track(f.image, f.camera, f.stamp_s, request=_LEAN).people) for f in frames]
    return [s for frame, people in scenes if (s := _sighting(rule, name, frame, people)) is not None]


def single_images(pipeline: Pipeline, rule: FirstView, name: str, frames: Sequence[SceneFrame]) -> list[Sighting]:
    """Some images of a scene, each alone."""
    scenes = [(f, pipeline.estimate(f.image, f.camera, request=_LEAN).people) for f in frames[::EVERY]]
    return [s for frame, people in scenes if (s := _sighting(rule, name, frame, people)) is not None]


def _sighting(rule: FirstView, name: str, frame: SceneFrame, people: Sequence[PersonEstimate]) -> Sighting | None:
    hips = frame.joints[0]
    seen = [person for person in people if not person.is_occluded]
    person = min(seen, key=lambda p: float(np.linalg.norm(p.joints_cam[0] - hips)), default=None)
    if person is None or np.linalg.norm(person.joints_cam[0] - hips) > NEAR * np.linalg.norm(hips):
        return None
    true = _heading(Rotation.from_rotvec(frame.pose[:3]).as_matrix())
    root, joints = rule(frame, person)
    after = Rotation.from_rotvec(person.pose[:3]).as_matrix()
    aligned = np.stack([part - part[[1, 2]].mean(0) for part in (frame.joints, joints, person.joints_cam)])
    return Sighting(
        scene=name,
        stamp_s=frame.stamp_s,
        direction=DIRECTIONS[round(np.degrees(true + np.arctan2(hips[0], hips[2])) / 90) % 4],
        first_view=_apart(_heading(root), true),
        after=_apart(_heading(after), true),
        joints=aligned,
    )


def _heading(root: FloatingArray) -> float:
    """Angle of the front about the vertical of a level camera, rad: 0 towards it, positive to the image's right."""
    return float(np.arctan2(root[0, 2], -root[2, 2]))


def _apart(one: float, other: float) -> float:
    return abs(float(np.degrees((one - other + np.pi) % (2 * np.pi) - np.pi)))


def longest_run(sightings: Sequence[Sighting], rule: str) -> int:
    """Most consecutive sightings of one scene that are more than 90 degrees off."""
    runs = [
        len(list(run))
        for (_, wrong), run in itertools.groupby(sightings, key=lambda s: (s.scene, getattr(s, rule) > 90))
        if wrong
    ]
    return max(runs, default=0)


def facing_table(title: str, sightings: Sequence[Sighting]) -> Table:
    """Share of wrong facings by direction, before and after, and the longest runs."""
    table = Table("true direction", "images", "first view: off by > 90 deg", "now", title=title)
    for direction in DIRECTIONS:
        part = [s for s in sightings if s.direction == direction]
        table.add_row(direction, str(len(part)), _share(part, "first_view"), _share(part, "after"))
    table.add_row("all", str(len(sightings)), _share(sightings, "first_view"), _share(sightings, "after"))
    table.add_row("longest run", "", *(str(longest_run(sightings, rule)) for rule in ("first_view", "after")))
    return table


def _share(sightings: Sequence[Sighting], rule: str) -> str:
    wrong = sum(getattr(s, rule) > 90 for s in sightings)
    return f"{wrong} ({wrong / max(len(sightings), 1):.1%})"


def pose_table(sightings: Sequence[Sighting]) -> Table:
    """Errors of joints and accelerations, and the delay, over images that follow each other."""
    table = Table("joints of", "error, mm", "acceleration error, m/s^2", "delay, ms", title="pose over time")
    triples = [t for t in zip(sightings, sightings[1:], sightings[2:], strict=False) if _follow(t)]
    steps = np.array([t[1].stamp_s - t[0].stamp_s for t in triples])[:, None, None]
    joints = np.array([[s.joints for s in t] for t in triples])  # (T, 3 images, 3 kinds, 24, 3)
    velocity = (joints[:, 2, 0] - joints[:, 0, 0]) / (2 * steps)
    for row, name in ((1, "first view, each image alone"), (2, "Pipeline.track")):
        error = joints[:, :, row] - joints[:, :, 0]
        bend = (error[:, 2] - 2 * error[:, 1] + error[:, 0]) / steps**2
        delay = -(error[:, 1] * velocity).sum() / (velocity**2).sum()
        mean, jitter = (np.linalg.norm(part, axis=-1).mean() for part in (error[:, 1], bend))
        table.add_row(name, f"{1e3 * mean:.1f}", f"{jitter:.2f}", f"{1e3 * delay:.1f}")
    return table


def _follow(triple: tuple[Sighting, Sighting, Sighting]) -> bool:
    first, middle, last = triple
    same = first.scene == middle.scene == last.scene
    return same and abs(last.stamp_s - 2 * middle.stamp_s + first.stamp_s) < 1e-6 and last.stamp_s > first.stamp_s


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cache", type=Path, required=True, help="folder for the rendered images, a few MB a scene")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 3])
    parser.add_argument("--test-time-augmentation", choices=["none", "flip", "full"], default="flip")
    options = parser.parse_args()
    pipeline = Pipeline.from_preset("embedded", test_time_augmentation=options.test_time_augmentation)
    light, full = FirstView(pipeline, None), FirstView(pipeline, BlazePose(heavy=True))
    moving: list[Sighting] = []
    still: list[Sighting] = []
    for seed, kind in itertools.product(options.seeds, KINDS):
        frames = list(rendered(kind, seed, options.cache))
        moving += video(pipeline, light, f"{kind} {seed}", frames)
        still += single_images(pipeline, full, f"{kind} {seed} alone", frames)
        print(f"{kind} {seed}: {len(moving)} images in videos, {len(still)} alone", flush=True)
    for table in (facing_table("videos", moving), facing_table("single images", still), pose_table(moving)):
        Console().print(table)


if __name__ == "__main__":
    main()
