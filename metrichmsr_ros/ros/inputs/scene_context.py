"""Observations besides the image: the floor from /tf, depth from a topic, boxes from a detector."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from metrichmsr_ros.depth.sources.base import DepthError, DepthMap
from metrichmsr_ros.depth.sources.ground_plane import Plane
from metrichmsr_ros.geometry.camera import Camera
from metrichmsr_ros.geometry.quarter_turns import roll_of, turns_of
from metrichmsr_ros.people.stamps import older_or_newer
from metrichmsr_ros.pipeline.scene import SceneContext
from metrichmsr_ros.ros.frame_names import bare
from metrichmsr_ros.ros.inputs.depth import DepthImages
from metrichmsr_ros.ros.inputs.detections import DetectedBoxes, DetectionsError, NoNewDetectionsError
from metrichmsr_ros.ros.inputs.stamp_gate import stamp_ns
from metrichmsr_ros.ros.inputs.waiting import WaitBudget
from metrichmsr_ros.ros.tf_tree import TransformError
from metrichmsr_ros.types import Float64Array

TF_WAIT_S = 0.03
_POLL_S = 0.005
MAX_TF_AGE_S = 1.0  # an older pose of the camera is not used


class Transforms(Protocol):
    """`ros.tf.TransformListener`."""

    def matrix(self, target: str, source: str, stamp_ns: int) -> npt.NDArray[np.float64]:
        """(4, 4) from `source` to `target`; raises TransformError without one."""

    def newest(self, target: str, source: str) -> tuple[npt.NDArray[np.float64], int | None]:
        """The newest transform and its time in ns; None if it is static."""


class ContextParameters(Protocol):
    """The node's parameters of the same names."""

    @property
    def ground_frame(self) -> str:
        """Frame whose z = 0 is the floor."""

    @property
    def use_floor(self) -> bool:
        """Whether the floor corrects size and distance of people. Where up is, its transform tells either way."""

    @property
    def use_depth(self) -> bool:
        """Whether depth corrects the distance of people."""

    @property
    def detections_class(self) -> str:
        """The detector's class of people; empty: all classes."""

    @property
    def detections_min_score(self) -> float:
        """Lowest score of the detector's hypotheses."""


class ContextProvider:
    """Gives the worker the observations for each image. A missing one is reported, and the image is processed without.

    Args:
        transforms: of /tf; None without `ground_frame`.
        depths: depth images received so far. boxes: of another detector.
        problem: called with cause and text for each missing observation.
        wait_s: how long the worker waits for a transform at the image's stamp; the executor never waits.
        budget: waiting time of an image, shared by all its inputs.
        doubt: called likewise for what is used and may be wrong; None: `problem`.
    """

    def __init__(
        self,
        transforms: Transforms | None,
        depths: DepthImages,
        boxes: DetectedBoxes,
        problem: Callable[[str, str], None],
        wait_s: float = TF_WAIT_S,
        budget: WaitBudget | None = None,
        doubt: Callable[[str, str], None] | None = None,
    ) -> None:
        self._transforms, self._depths, self._boxes, self._problem = transforms, depths, boxes, problem
        self._doubt = doubt or problem
        self._wait_s, self._budget = wait_s, budget or WaitBudget()
        self._tf_in_time = True  # whether the last transform arrived in time
        self._used = (False, False)  # use_floor and use_depth at the last image
        self._turns = 0  # quarter turns in which people are upright, of the last image
        self.health: dict[str, str] = {}  # of the last image, for diagnostics

    def of(self, header: Any, camera: Camera, parameters: ContextParameters) -> SceneContext:
        """The observations at the time of an image.

        Args:
            header: of the image. camera: of the image.
            parameters: current values.
        """
        boxes = self._detections(header, camera, parameters)
        floor, depth = self._floor(header, parameters), self._depth(header, camera)
        before, self._used = self._used, (parameters.use_floor, parameters.use_depth)
        is_switched_off = any(was and not now for was, now in zip(before, self._used, strict=True))
        return SceneContext(
            floor,
            depth,
            parameters.use_depth,
            tuple(boxes),
            forgets_measurements=is_switched_off,
            trusts_floor=parameters.use_floor,
        )

    def _detections(self, header: Any, camera: Camera, parameters: ContextParameters) -> Sequence[Float64Array]:
        self.health["detections"] = "none yet"
        if not self._boxes.has_come:
            return ()
        try:
            boxes = self._boxes.of(header, camera, parameters.detections_class, parameters.detections_min_score)
        except NoNewDetectionsError as error:
            self.health["detections"] = f"none, {error}"
            return ()
        except DetectionsError as error:
            self.health["detections"] = "unusable"
            self._problem("no detections", str(error))
            return ()
        self.health["detections"] = f"in time, {len(boxes)} of people"
        return tuple(boxes)

    def _floor(self, header: Any, parameters: ContextParameters) -> Plane | None:
        self.health["floor"] = "not asked for"
        if self._transforms is None:
            return None
        ground_frame = bare(parameters.ground_frame)
        try:
            camera_pose = self._camera_pose(ground_frame, header)
        except TransformError as error:
            self.health["floor"] = "no transform"
            self._problem("no floor", f"{ground_frame} to {header.frame_id or 'an image without frame_id'}: {error}")
            return None
        if not parameters.use_floor:
            self.health["floor"] += ", for the vertical alone"
        up = camera_pose[2, :3].copy()  # z of the ground frame is up, 0 the floor
        self._check_roll(up, ground_frame)
        return Plane(up, -float(camera_pose[2, 3]))

    def _check_roll(self, up: Float64Array, ground_frame: str) -> None:
        """Tell once that people are searched for in turned images: with a wrong transform nobody would be found."""
        before, self._turns = self._turns, turns_of(up)
        if self._turns not in (0, before):
            roll = float(np.degrees(roll_of(up)))
            self._doubt(
                "rolled camera",
                f"by the transform from {ground_frame}, up is {abs(roll):.0f} degrees to the "
                f"{'right' if roll > 0 else 'left'} of the image's top: people are searched for in images that are "
                f"turned by {90 * self._turns} degrees counter-clockwise. If the images are upright as they are, that "
                "transform is wrong",
            )

    def _camera_pose(self, ground_frame: str, header: Any) -> npt.NDArray[np.float64]:
        """Pose of the camera at the image's stamp, else the newest one within `MAX_TF_AGE_S` of it."""
        assert self._transforms is not None
        if not bare(header.frame_id):
            raise TransformError("images and CameraInfo have an empty frame_id; set the frame in the camera driver")
        frame, stamp = bare(header.frame_id), stamp_ns(header)
        deadline = time.monotonic() + (self._budget.left(self._wait_s) if self._tf_in_time else 0.0)
        self._tf_in_time = True
        while True:
            try:
                pose = self._transforms.matrix(ground_frame, frame, stamp)
                self.health["floor"] = "of the image's stamp"
                return pose
            except TransformError:
                if time.monotonic() >= deadline:
                    break
            time.sleep(_POLL_S)
        self._tf_in_time = False
        pose, known = self._transforms.newest(ground_frame, frame)
        if known is not None and abs(stamp - known) > MAX_TF_AGE_S * 1e9:
            raise TransformError(
                f"the newest is {older_or_newer((stamp - known) / 1e9)} than the image: "
                "check that its publisher runs and uses the camera's clock"
            )
        self.health["floor"] = "the newest"
        return pose

    def _depth(self, header: Any, camera: Camera) -> DepthMap | None:
        self.health["depth image"] = "none yet"
        if not self._depths.has_come:
            return None
        try:
            depth = self._depths.of(header, camera)
            self.health["depth image"] = "in time"
            return depth
        except DepthError as error:
            self.health["depth image"] = "missing or unusable"
            self._problem("no depth", str(error))
            return None
