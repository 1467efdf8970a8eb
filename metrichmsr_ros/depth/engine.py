"""Metric depth of the scene: initial depth from one source, calibrated by the people in the image."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from metrichmsr_ros.depth.anchor import Anchor, human_depth, make_anchor
from metrichmsr_ros.depth.calibration import METHODS
from metrichmsr_ros.depth.calibration.affine import IDENTITY, Calibration
from metrichmsr_ros.depth.calibration.confirm import Confirmed, confirm
from metrichmsr_ros.depth.calibration.evidence import SourceErrors
from metrichmsr_ros.depth.calibration.refiner import RefinerEngine, refine
from metrichmsr_ros.depth.sources.base import DepthContext, DepthError, DepthMap, DepthSource, resampled
from metrichmsr_ros.depth.sources.ground_plane import TAKEN_AS_LEVEL, GroundPlane
from metrichmsr_ros.geometry.camera import Camera
from metrichmsr_ros.types import Float32Array

Fit = Callable[[Float32Array, Anchor, Camera], Calibration]

OCCLUDER = 0.7  # depth below this share of a person's distance belongs to an object in front of the person
ELEMENT_PX = 8  # side of an independent resolution element of a network, in its own pixels
FORGOTTEN = 0.01  # a remembered calibration with a smaller share left is dropped


@dataclass(frozen=True, eq=False)
class SceneDepth:
    """Depth of one image.

    Attributes:
        metres: (H, W) float32 along z, NaN where unknown.
        source: source of the initial depth, e.g. "fastdepth"; "people" for the body surfaces alone; "" if no depth was
            requested.
        calibration: method that scaled it to metres: "refiner", a closed form ("planes", ...), "memory" (the last
            calibration with people in view) or "none".
        memory_left: share left of a remembered calibration, 1 to 0; 1 for the other methods.
        problem: reason why the chosen source gave no depth; "" if it gave depth.
        confirmed: part of the people's scale that they confirmed and that was applied, 0 to 1; 1 without people.
        calibration_problem: reason why the scale is the source's own although people are in view; "" otherwise.
        assumption: what the source took for granted because it is not known, and what would tell; "" for nothing.
    """

    metres: Float32Array
    source: str
    calibration: str
    memory_left: float = 1.0
    problem: str = ""
    confirmed: float = 1.0
    calibration_problem: str = ""
    assumption: str = ""

    @classmethod
    def not_requested(cls, camera: Camera) -> SceneDepth:
        """Depth of the camera's size, unknown (NaN) everywhere."""
        return cls(np.full((camera.height, camera.width), np.nan, np.float32), "", "none")

    @property
    def is_requested(self) -> bool:
        """Whether depth was requested at all."""
        return bool(self.source)

    @property
    def is_calibrated(self) -> bool:
        """Whether a calibration was applied to the source's depth."""
        return self.calibration != "none"


class DepthEngine:
    """Calibrated depth for a video: without people in view the last calibration fades to the uncalibrated depth.

    Args:
        source: source of the initial depth; None gives the depth of the body surfaces alone.
        method: a closed form ("scale", "affine", "field", "planes") or "none"; ignored with a `refiner`.
        refiner: trained network.
        memory_s: time constant in seconds: without people a calibration fades to 1/e in this time.

    Raises:
        DepthError: unknown method, or `memory_s` is not a positive number.
    """

    def __init__(
        self,
        source: DepthSource | None,
        method: str = "affine",
        refiner: RefinerEngine | None = None,
        memory_s: float = 10.0,
    ) -> None:
        if not memory_s > 0:
            raise DepthError(f"memory_s of the depth's calibration is {memory_s}; give more than 0 seconds")
        self._source = source
        self._fit = _fit(method, refiner)
        self._is_calibrated = refiner is not None or method != "none"
        self._memory_s = memory_s
        self._last: tuple[float, Calibration] | None = None

    def reset(self) -> None:
        """Drop the last calibration, e.g. when a bag restarts."""
        self._last = None

    def estimate(
        self,
        image: NDArray[np.uint8],
        camera: Camera,
        faces: ArrayLike,
        context: DepthContext,
        person_weights: ArrayLike | None = None,
        stamp_s: float | None = None,
        distance_stds: Sequence[float] = (),
    ) -> SceneDepth:
        """Depth of one image.

        Args:
            image: (H, W, 3) uint8 RGB, rectified. camera: its undistorted camera.
            faces: (F, 3) of the body. context: people, gravity, measured depth.
            person_weights: (P,) from `anchor.person_weight`.
            stamp_s: time of the image; None: a single image, without memory.
            distance_stds: (P,) from `anchor.distance_std`; empty: the usual one for everybody.
        """
        if self._source is None:
            return SceneDepth(human_depth(context.vertices_cam, faces, camera), "people", "none")
        anchor = make_anchor(context.vertices_cam, faces, camera, person_weights, distance_std=distance_stds)
        if isinstance(self._source, GroundPlane) and not context.vertices_cam:
            return SceneDepth(anchor.depth, self._source.name, "none")  # an empty scene is not an error
        try:
            initial = self._source.predict(image, camera, context)
        except DepthError as error:
            return SceneDepth(anchor.depth, "people", "none", problem=str(error))
        if initial.source == "ground":  # already metric, and without people
            taken = TAKEN_AS_LEVEL if context.up is None else ""
            metres = _people_in_front(resampled(initial, camera), anchor)
            return SceneDepth(metres, initial.source, "none", assumption=taken)
        return self._calibrated(initial, anchor, camera, stamp_s)

    def _calibrated(self, initial: DepthMap, anchor: Anchor, camera: Camera, stamp_s: float | None) -> SceneDepth:
        depth = resampled(initial, camera)
        if not self._is_calibrated:
            return SceneDepth(depth, initial.source, "none")
        found, kept = self._confirmed(depth, initial, anchor, camera), 1.0
        calibration = found.calibration
        if calibration is IDENTITY:
            calibration, kept = self._remembered(stamp_s)
        elif stamp_s is not None and not found.problem:
            self._last = (stamp_s, calibration)
        metres = calibration.apply(depth) if calibration is not IDENTITY else depth
        if not initial.is_sensor:
            metres = _with_people(metres, anchor)
        return SceneDepth(metres, initial.source, calibration.method, kept, "", found.share, found.problem)

    def _confirmed(self, depth: Float32Array, initial: DepthMap, anchor: Anchor, camera: Camera) -> Confirmed:
        pixels = depth.size / initial.depth.size * (1 if initial.is_sensor else ELEMENT_PX**2)
        source = SourceErrors(max(pixels, 1.0), initial.body_std, initial.is_sensor)
        return confirm(lambda z_in, people: self._fit(z_in, people, camera), depth, anchor, source)

    def _remembered(self, stamp_s: float | None) -> tuple[Calibration, float]:
        """The last calibration, faded. A field is replaced by its means, because it holds only near its people."""
        if stamp_s is None or self._last is None:
            return IDENTITY, 1.0
        last_stamp_s, last = self._last
        kept = float(np.exp(-max(stamp_s - last_stamp_s, 0.0) / self._memory_s))
        if kept < FORGOTTEN:
            return IDENTITY, 1.0
        mean = Calibration(float(np.mean(last.scale)), float(np.mean(last.offset)), "memory")
        return mean.decayed(kept), kept


def _fit(method: str, refiner: RefinerEngine | None) -> Fit:
    if refiner is not None:
        return lambda depth, anchor, camera: refine(refiner, depth, anchor, camera)
    if method == "none":
        return lambda depth, anchor, camera: IDENTITY
    if method not in METHODS:
        raise DepthError(f"unknown depth calibration '{method}'; choose from none, {', '.join(METHODS)}")
    return lambda depth, anchor, camera: METHODS[method](depth, anchor)


def _with_people(depth: Float32Array, anchor: Anchor) -> Float32Array:
    """Network depth, replaced by the body surfaces where these have weight and no object is in front of them.

    An object in front is clearly nearer than the body, and nearer than the network puts the rest of that body.
    """
    own = anchor.mask & np.isfinite(depth)
    share = depth / np.where(own, anchor.depth, 1)
    in_front = np.zeros(depth.shape, bool)
    for person in np.unique(anchor.person[own]):
        body = own & (anchor.person == person)
        in_front |= body & (share < OCCLUDER * min(1.0, float(np.median(share[body]))))
    return np.where(own & ~in_front, anchor.depth, depth)


def _people_in_front(depth: Float32Array, anchor: Anchor) -> Float32Array:
    return np.where(np.isfinite(anchor.depth), anchor.depth, depth)
