"""Estimates of the people in an image from their views; in a video also from what is remembered of them."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from functools import partial

import numpy as np
from numpy.typing import NDArray

from metrichmsr_ros.body.engine import BodyEngine
from metrichmsr_ros.geometry.camera import Camera
from metrichmsr_ros.hmr.engine import HMREngine
from metrichmsr_ros.hmr.estimate import EstimateFromPixels, HMREstimate
from metrichmsr_ros.hmr.facing import reflected
from metrichmsr_ros.hmr.inputs import CropInputs, crop_inputs
from metrichmsr_ros.hmr.pixel_fusion import ViewsWithMaps, has_pixels, with_seen_pixels
from metrichmsr_ros.hmr.shape_smoothing import ShapeSmoother
from metrichmsr_ros.hmr.temporal.arm_memory import ArmMemory
from metrichmsr_ros.hmr.temporal.facing_memory import FacingMemory, Walk
from metrichmsr_ros.hmr.temporal.rotation_smoothing import RotationSmoother
from metrichmsr_ros.hmr.test_time_augmentation import (
    ViewRoles,
    Views,
    estimate_from_views,
    estimate_views,
    further_estimates,
    mean_of,
    sums_by_person,
)
from metrichmsr_ros.people.blazepose.landmarks import LandmarkSet
from metrichmsr_ros.people.detection.test_time_views import View2D
from metrichmsr_ros.people.gestures.sights import arm_sights
from metrichmsr_ros.people.tracking.track import TrackedPerson
from metrichmsr_ros.pipeline.scene import PersonEstimate
from metrichmsr_ros.pipeline.views import ViewMaker, roles_of
from metrichmsr_ros.runtime.workers import Workers
from metrichmsr_ros.types import Float32Array, ImageArray

ViewsByRow = Mapping[int, Sequence[View2D]]


class PoseEstimator:
    """The network on the people of one image and their further views by row.

    Args:
        engine: the network.
        workers: run its pixel branch beside the rest; None: one after the other.
    """

    def __init__(self, engine: HMREngine, workers: Workers | None = None) -> None:
        self._engine, self._workers = engine, workers or Workers()

    def estimate(
        self, image: ImageArray, found: Sequence[LandmarkSet], further: ViewsByRow, camera: Camera
    ) -> HMREstimate:
        """Estimates of B people, each the mean over its views that agree in facing."""
        first, more = self.batch(image, found, camera), self._further_batch(image, further, camera)
        pixels = self.begin_pixels(first, more, roles_of(further))
        estimate = estimate_from_views(self._engine, first, more, roles_of(further))
        return with_seen_pixels(self._engine, estimate, first, pixels())

    def batch(self, image: ImageArray, sets: Sequence[LandmarkSet], camera: Camera) -> CropInputs:
        """The network's input of one view of each person."""
        return crop_inputs(self._engine.config, image, sets, camera, self._engine.cuts_crops)

    def views(self, first: CropInputs, image: ImageArray, further: ViewsByRow, camera: Camera) -> Views:
        """Estimates of every view of B people, whose first views are `first`."""
        return estimate_views(self._engine, first, self._further_batch(image, further, camera), roles_of(further))

    def with_more(self, views: Views, image: ImageArray, further: ViewsByRow, camera: Camera) -> Views:
        """The same views and `further` ones of the same people."""
        more = self._further_batch(image, further, camera)
        if more is None:
            return views
        return views.joined(further_estimates(self._engine, more, roles_of(further), views.people))

    def begin_pixels(
        self,
        first: CropInputs,
        more: CropInputs | None = None,
        roles: ViewRoles = ViewRoles(),  # noqa: B008 (frozen)
    ) -> Callable[[], EstimateFromPixels | None]:
        """Start `read_pixels`, the views side by side; the result waits for it."""
        if not has_pixels(self._engine, first):
            return lambda: None
        views = ViewsWithMaps.of(first, more, roles)
        parts = self._workers.start_map(partial(views.read_one, self._engine), range(len(views.person)))
        return lambda: views.mean(EstimateFromPixels.joined(parts()))

    def with_pixels(self, estimate: HMREstimate, first: CropInputs, pixels: EstimateFromPixels | None) -> HMREstimate:
        """`estimate` with position and shape from the pixels too, by networks that read them."""
        return with_seen_pixels(self._engine, estimate, first, pixels)

    def _further_batch(self, image: ImageArray, further: ViewsByRow, camera: Camera) -> CropInputs | None:
        sets = [view.landmarks for of_one in further.values() for view in of_one]
        return self.batch(image, sets, camera) if sets else None


class VideoPoses:
    """Estimates of the people of a video: facing by votes and memory, smooth rotations, one shape per person.

    Where views disagree in facing, or contradict the memory, and where somebody holds out an arm, the heavier landmark
    network is asked, if it is there.

    What is remembered is in the frame of the camera as it is mounted, however its images are turned.

    Args:
        estimator: the network.
        views: makes the heavier network's views.
        body: the body model of the estimates.
    """

    def __init__(self, estimator: PoseEstimator, views: ViewMaker, body: BodyEngine) -> None:
        self._estimator, self._views, self._body = estimator, views, body
        self._facing, self._rotations, self._shapes = FacingMemory(), RotationSmoother(), ShapeSmoother(body)
        self._arms = ArmMemory()
        self._walks: dict[str, Walk] = {}

    def __call__(
        self,
        image: ImageArray,
        seen: Sequence[TrackedPerson],
        further: ViewsByRow,
        camera: Camera,
        stamp_s: float,
        rotation: Float32Array | None = None,
    ) -> tuple[HMREstimate, ViewsByRow]:
        """Estimates of B people, at least one, and the views by the heavier network that were made for them.

        Estimates are in the frame of the camera as it is mounted, views in pixels of `image`.

        Args:
            image: (H, W, 3) uint8 RGB, rectified, of `camera`; people in it are upright.
            seen: the people, all of whom are seen in it.
            further: their further views by row.
            camera: of the image.
            stamp_s: s.
            rotation: (3, 3) from the frame of the camera as it is mounted to that of `camera`; None: both are the same.
        """
        ids = [person.id for person in seen]
        first = self._estimator.batch(image, [person.landmarks for person in seen], camera)
        pixels = self._estimator.begin_pixels(first)
        light = self._estimator.views(first, image, further, camera)
        doubt = self._in_doubt(light, seen, camera, stamp_s)
        heavy = self._views.heavy_views(image, seen, doubt, further) if doubt else {}
        views = self._estimator.with_more(light, image, heavy, camera)
        agrees = self._facing.update(views, ids, stamp_s, self._walks_in(rotation))
        estimate = decided(views, agrees)
        if heavy:
            self._learn_arms(decided(light, agrees[: len(light.person)]), estimate, heavy, ids, stamp_s)
        rotmats = self._arms.corrected(estimate.rotmats, {row: id for row, id in enumerate(ids) if row not in heavy})
        estimate = self._estimator.with_pixels(replace(estimate, rotmats=rotmats), first, pixels())
        if rotation is not None:
            estimate = in_mounted_frame(estimate, rotation, self._body)
        steady = replace(
            estimate,
            rotmats=self._rotations(estimate.rotmats, ids, stamp_s),
            doubt=self._facing.doubt(estimate, ids),
        )
        return self._shapes(steady, ids, stamp_s), heavy

    def _in_doubt(self, views: Views, seen: Sequence[TrackedPerson], camera: Camera, stamp_s: float) -> list[int]:
        """Rows of people whose facing is in doubt, and of one who holds out an arm."""
        ids = [person.id for person in seen]
        doubt = self._facing.contradicts(views, ids, stamp_s) | ~views.voted(views.weight)
        rows = set(views.person[doubt].tolist())

        def is_seen(row: int, side: int) -> bool:
            return arm_sights(seen[row].landmarks, camera.size)[side].is_seen

        arm = self._arms.asks(views.output.rotmats[: len(seen)], ids, is_seen, stamp_s)
        return sorted(rows if arm is None else rows | {arm})

    def _learn_arms(
        self, light: HMREstimate, better: HMREstimate, rows: Iterable[int], ids: Sequence[str], stamp_s: float
    ) -> None:
        """Remember what the heavier network changed in the arms of the people of `rows`."""
        for row in rows:
            self._arms.learn(ids[row], light.rotmats[row], better.rotmats[row], stamp_s)

    def _walks_in(self, rotation: Float32Array | None) -> Mapping[str, Walk]:
        """How people walk, in the frame to which `rotation` (3, 3) leads; None: that of the camera as it is mounted."""
        if rotation is None:
            return self._walks
        return {name: walk.rotated(rotation) for name, walk in self._walks.items()}

    def moved(self, people: Sequence[PersonEstimate]) -> None:
        """Remember how people move; a walk is evidence of facing in the next image."""
        for person in people:
            vx, vy, vz = (float(part) for part in person.velocity_cam)
            variance = float(person.position_cov6[3:, 3:].trace())
            self._walks[person.id] = Walk((vx, vy, vz), variance**0.5)

    def forget_all_but(self, ids: Collection[str]) -> None:
        """Drop what is remembered of all people but `ids`."""
        self._facing.forget_all_but(ids)
        self._arms.forget_all_but(ids)
        self._rotations.forget_all_but(ids)
        self._shapes.forget_all_but(ids)
        self._walks = {name: walk for name, walk in self._walks.items() if name in ids}


def in_mounted_frame(estimate: HMREstimate, rotation: Float32Array, body: BodyEngine) -> HMREstimate:
    """People seen by an upright camera, in the frame of the camera as it is mounted.

    Args:
        estimate: of the people. rotation: (3, 3) from the frame of the camera as it is mounted to that of the upright
            one. body: the body model of the estimate.
    """
    return estimate.rotated(rotation.T, body.rest_joints(estimate.betas)[:, 0])


def decided(views: Views, agrees: NDArray[np.bool_]) -> HMREstimate:
    """(B) means over the views that `agrees` (N,) bool names; where there is none, all views are read reflected.

    Of views that agree with the memory but not with each other, as of a new person, the heaviest cluster is taken.
    """
    nobody = sums_by_person(agrees.astype(np.float32), views.person, views.people) == 0
    usable = agrees | nobody[views.person]
    keep = views.voted(np.where(usable, views.weight, np.float32(0))) & usable
    mean = mean_of(views, keep)
    rotmats = np.where(nobody[:, None, None, None], reflected(mean).rotmats, mean.rotmats)
    return replace(mean, rotmats=rotmats)
