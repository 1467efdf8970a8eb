"""Run the real BlazePose networks on rendered people, with the same kinds of ROI as in use.

The ROI of a landmark set comes from a detection in the whole image, from a detection in a tile around a small person,
or from the frame before, where it is slightly off. All three are made here, so that the training data holds the errors
of all three. With the heavier network, further views of the same people are made too
(`people.detection.test_time_views`).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from metrichmsr_ros.data.synthesis.scene import RenderedPerson, RenderedScene
from metrichmsr_ros.people.blazepose.landmarks import Detection, LandmarkSet, Roi
from metrichmsr_ros.people.blazepose.networks import BlazePose
from metrichmsr_ros.people.detection.plausibility import torso_points
from metrichmsr_ros.people.detection.test_time_views import views_of

MATCH = 0.12
"""Mid-shoulders and mid-hips must lie this near to the truth, as a share of the ROI's side."""
_HIPS, _SHOULDERS = (23, 24), (11, 12)


@dataclass(frozen=True)
class Observation:
    """Landmarks of one true person.

    Attributes:
        person: index of the person in the scene.
        landmarks: output of the network.
        way: source of the ROI: a detection in the whole "image" or in a "tile", or the frame before ("followed");
            "again" is a further view.
    """

    person: int
    landmarks: LandmarkSet
    way: str


def observe(
    scene: RenderedScene,
    blazepose: BlazePose,
    rng: np.random.Generator,
    follow: int = 1,
    heavy: BlazePose | None = None,
) -> tuple[list[Observation], list[int]]:
    """Landmarks that BlazePose finds in a scene.

    Args:
        scene: rendered, with truth.
        blazepose: the networks.
        rng: random generator for tiles and for the ROIs of followed people.
        follow: number of further landmark sets per person found, each through a ROI as inexact as that of tracking.
        heavy: the same with the heavier landmark network. If given, each person found gets the further views of single
            images: mirrored, by the heavier network, straight and mirrored, and wide where legs are hidden.

    Returns:
        Observations, and the indices of people of whom at least a tenth is visible but who were not found.
    """
    found: list[Observation] = []
    missed: list[int] = []
    first_views: dict[int, LandmarkSet] = {}
    detections = blazepose.detect(scene.image)
    for number, person in enumerate(scene.people):
        if person.visible_fraction < 0.1:
            continue
        true_torso = _true_torso(scene, person)
        first, way = _first_sight(scene, person, true_torso, detections, blazepose, rng)
        if first is None or not matches(first, true_torso):
            missed.append(number)
            continue
        found.append(Observation(number, first, way))
        first_views[number] = first
        for _ in range(follow):
            again = blazepose.landmarks(scene.image, _followed(first.next_roi(), rng))
            if again is not None and matches(again, true_torso):
                found.append(Observation(number, again, "followed"))
    if heavy is not None:
        found += _viewed_again(scene, first_views, blazepose, heavy)
    return found, missed


def _viewed_again(
    scene: RenderedScene, first_views: dict[int, LandmarkSet], blazepose: BlazePose, heavy: BlazePose
) -> list[Observation]:
    again = []
    for number, first in first_views.items():
        others = [view for other, view in first_views.items() if other != number]
        true_torso = _true_torso(scene, scene.people[number])
        for view in views_of(scene.image, first, others, blazepose, heavy):
            if matches(view.landmarks, true_torso):
                again.append(Observation(number, view.landmarks, "again"))
    return again


def matches(landmarks: LandmarkSet, true_torso: np.ndarray) -> bool:
    """True when the landmarks' torso lies near the true one (2, 2 px: shoulders, hips)."""
    gap = np.linalg.norm(torso_points(landmarks) - true_torso, axis=1)
    return bool((gap < MATCH * landmarks.roi.size).all())


def _true_torso(scene: RenderedScene, person: RenderedPerson) -> np.ndarray:
    pixels = scene.camera.project(person.landmarks)
    return np.stack([pixels[list(_SHOULDERS)].mean(0), pixels[list(_HIPS)].mean(0)])


def _first_sight(
    scene: RenderedScene,
    person: RenderedPerson,
    true_torso: np.ndarray,
    detections: list[Detection],
    blazepose: BlazePose,
    rng: np.random.Generator,
) -> tuple[LandmarkSet | None, str]:
    """Landmarks after two passes, from a detection in the image or in a tile, or from the true position."""
    size = _true_size(scene, person)
    detection, way = _nearest(detections, true_torso, size), "image"
    if detection is None:
        tile_detections = _detect_in_tile(scene.image, true_torso.mean(0), size, blazepose, rng)
        detection, way = _nearest(tile_detections, true_torso, size), "tile"
    if detection is not None:
        roi = detection.roi()
    elif rng.random() < 0.9:
        roi, way = _followed(_true_roi(scene, person), rng), "followed"
    else:
        return None, way
    landmarks = blazepose.landmarks(scene.image, roi, 0.3)
    if landmarks is None:
        return None, way
    return blazepose.landmarks(scene.image, landmarks.next_roi()), way


def _true_size(scene: RenderedScene, person: RenderedPerson) -> float:
    """Side of the square around the body's landmarks in the image, px."""
    pixels = scene.camera.project(person.landmarks)
    return float((pixels.max(0) - pixels.min(0)).max()) + 1.0


def _true_roi(scene: RenderedScene, person: RenderedPerson) -> Roi:
    """The ROI that BlazePose aims at: centred on the hips, its up axis along the trunk, all landmarks inside."""
    pixels = scene.camera.project(person.landmarks)
    shoulders, hips = _true_torso(scene, person)
    up = (shoulders - hips) / (np.linalg.norm(shoulders - hips) + 1e-6)
    reach = float(np.linalg.norm(pixels - hips, axis=1).max())
    return Roi.from_points(hips, hips + 1.1 * reach * up)


def _nearest(detections: list[Detection], true_torso: np.ndarray, size: float) -> Detection | None:
    """The nearest detection whose shoulders and hips lie close to the true ones; None if there is none."""
    gaps = [np.linalg.norm(d.keypoints[[2, 0]] - true_torso, axis=1).max() for d in detections]
    best = int(np.argmin(gaps)) if gaps else -1
    return detections[best] if gaps and gaps[best] < 0.25 * size else None


def _detect_in_tile(
    image: np.ndarray, centre: np.ndarray, size: float, blazepose: BlazePose, rng: np.random.Generator
) -> list[Detection]:
    """Detections in a random square tile around this person, similar to those of the search."""
    height, width = image.shape[:2]
    side = int(np.clip(size * rng.uniform(1.2, 3.0), 96, min(height, width)))
    corner = centre - side / 2 + rng.uniform(-0.25, 0.25, 2) * max(0.0, side - size)
    x, y = np.clip(corner.astype(int), 0, (width - side, height - side))
    return [d.shifted(float(x), float(y)) for d in blazepose.detect(image[y : y + side, x : x + side])]


def _followed(roi: Roi, rng: np.random.Generator) -> Roi:
    """The ROI as tracking would predict it: shifted, scaled and turned a little."""
    centre = roi.centre + rng.normal(0, 0.025, 2) * roi.size
    return Roi(centre, roi.size * float(np.exp(rng.normal(0, 0.05))), roi.rotation + float(rng.normal(0, 0.06)))
