"""Size and distance of people, corrected by the floor and by a depth sensor."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from metrichmsr_ros.body.engine import BodyEngine, PosedBodies
from metrichmsr_ros.body.resize import Resizer
from metrichmsr_ros.geometry.camera import Camera
from metrichmsr_ros.hmr.estimate import HMREstimate
from metrichmsr_ros.hmr.shape_smoothing import with_shapes
from metrichmsr_ros.people.blazepose.landmarks import LandmarkSet
from metrichmsr_ros.people.stamps import news_share
from metrichmsr_ros.pipeline.scale.depth_sensor import depth_of_bodies
from metrichmsr_ros.pipeline.scale.evidence import (
    CORRELATED_S,
    ScaleCorrection,
    ScaleEvidence,
    SizeMemory,
    corrected_scale,
)
from metrichmsr_ros.pipeline.scale.ground_contact import feet_on_floor
from metrichmsr_ros.pipeline.scene import SceneContext

_LEAST_SHARE = 1e-3


class ScaleCorrector:
    """Corrects size and distance of people; their pose and direction in the image stay as estimated.

    Args:
        body: the body model of the estimates.
    """

    def __init__(self, body: BodyEngine) -> None:
        self._body = body
        self._resize = Resizer(body)
        self._memories: dict[str, SizeMemory] = {}
        self._measured_s: dict[str, float] = {}  # stamp of each person's last measurement

    def forget_all_but(self, ids: set[str]) -> None:
        """Drop what is remembered of people who are gone."""
        self._memories = {name: memory for name, memory in self._memories.items() if name in ids}
        self._measured_s = {name: stamp_s for name, stamp_s in self._measured_s.items() if name in ids}

    def remembers(self, ids: Sequence[str]) -> bool:
        """Whether a size of one of these people was measured."""
        return any(id in self._measured_s for id in ids)

    def fix(
        self,
        estimate: HMREstimate,
        posed: PosedBodies,
        landmarks: Sequence[LandmarkSet],
        camera: Camera,
        context: SceneContext,
        ids: Sequence[str] | None = None,
        stamp_s: float = 0.0,
    ) -> tuple[HMREstimate, list[ScaleCorrection]]:
        """Estimate with scaled betas, translations and covariances, and what was done to each person.

        Args:
            estimate: of B people. posed: their meshes. landmarks: of the same people.
            camera: undistorted camera of the image.
            context: what is measured; without a measurement everything stays.
            ids: of people followed over a video, whose sizes are remembered; None: a single image.
            stamp_s: of the image, s, in a video.
        """
        priors = (estimate.transl_deviation[:, 0] / np.linalg.norm(estimate.transl, axis=-1)).tolist()
        evidence = self._evidence(posed, landmarks, priors, camera, context)
        sizes = np.log(self._body.height(estimate.betas)).tolist()
        memories = [None] * len(sizes) if ids is None else [self._memories.setdefault(i, SizeMemory()) for i in ids]
        shares = [1.0] * len(sizes) if ids is None else [self._share(id, stamp_s) for id in ids]
        fixes = list(map(corrected_scale, priors, sizes, evidence, memories, shares))
        for id, items in zip(ids or (), evidence, strict=False):
            if any(items):
                self._measured_s[id] = stamp_s
        return self._scaled(estimate, fixes), fixes

    def _share(self, id: str, stamp_s: float) -> float:
        """Of a measurement of a person, by the time since the last one."""
        elapsed = stamp_s - self._measured_s.get(id, -math.inf)
        return max(news_share(elapsed, CORRELATED_S), _LEAST_SHARE)

    def _evidence(
        self,
        posed: PosedBodies,
        landmarks: Sequence[LandmarkSet],
        priors: list[float],
        camera: Camera,
        context: SceneContext,
    ) -> list[list[ScaleEvidence | None]]:
        found: list[list[ScaleEvidence | None]] = [[] for _ in priors]
        if context.floor is not None and context.trusts_floor:
            for items, mesh, skeleton, seen in zip(found, posed.vertices, posed.joints, landmarks, strict=True):
                items.append(feet_on_floor(mesh, skeleton, seen, context.floor, camera))
        if context.depth is not None and context.trusts_depth:
            measured = depth_of_bodies(list(posed.vertices), self._body.faces, priors, context.depth, camera)
            for items, item in zip(found, measured, strict=True):
                items.append(item)
        return found

    def _scaled(self, estimate: HMREstimate, fixes: list[ScaleCorrection]) -> HMREstimate:
        scale = np.array([fix.scale for fix in fixes], np.float32)
        distance_std = np.array([fix.std for fix in fixes], np.float32)
        return with_shapes(estimate, self._resize(estimate.betas, scale), scale, self._body, distance_std)
