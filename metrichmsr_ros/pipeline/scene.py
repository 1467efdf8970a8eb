"""What goes into a pipeline beside the image, and what one image yields: people and depth in metres."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from metrichmsr_ros.depth.engine import SceneDepth
from metrichmsr_ros.depth.sources.base import DepthMap
from metrichmsr_ros.depth.sources.ground_plane import Plane
from metrichmsr_ros.errors import MetricHMRError
from metrichmsr_ros.geometry.camera import Camera
from metrichmsr_ros.people.blazepose.networks import LandmarkSet
from metrichmsr_ros.pipeline.scale.evidence import ScaleCorrection
from metrichmsr_ros.types import Float32Array, ImageArray


class PipelineError(MetricHMRError, ValueError):
    """A pipeline cannot use what it is given beside the image; the message names it, its value and the remedy."""


@dataclass(frozen=True)
class OutputRequest:
    """Which costly parts of a `Scene` the caller will use.

    Attributes:
        vertices: the meshes of people.
        depth: the depth of the scene.
    """

    vertices: bool = True
    depth: bool = True


@dataclass(frozen=True, eq=False)
class SceneContext:
    """What a robot measures beside the image, in the camera frame of the rectified image; None: not measured.

    Attributes:
        floor: plane that people stand on; it also tells where up is.
        depth: metres of a sensor or of another network, on a grid of its own, registered to the image's camera.
        trusts_depth: whether `depth` is measured well enough to correct how far people are.
        boxes: (4,) x0, y0, x1, y1 px each, where another detector found somebody.
        forgets_measurements: whether sizes that earlier images measured count no longer, as where a measurement was
            switched off. Where one is only missing they count.
        trusts_floor: whether people stand on `floor`, so that it corrects how large and how far they are. Where up is,
            it tells either way.

    Raises:
        PipelineError: a box is not four finite numbers, or its corners are swapped.
    """

    floor: Plane | None = None
    depth: DepthMap | None = None
    trusts_depth: bool = True
    boxes: tuple[NDArray[np.floating], ...] = ()
    forgets_measurements: bool = False
    trusts_floor: bool = True

    def __post_init__(self) -> None:
        """Check the boxes, which come from elsewhere."""
        for given in self.boxes:
            box = np.asarray(given)
            is_box = box.shape == (4,) and box.dtype.kind in "fiu" and bool(np.isfinite(box).all())
            if not is_box or (box[2:] < box[:2]).any():
                raise PipelineError(
                    f"a box of the context is {given!r}; give x0, y0, x1, y1 in px with x0 <= x1, y0 <= y1"
                )

    @property
    def up(self) -> Float32Array | None:
        """(3,) unit vector against gravity in the camera frame; None: unknown."""
        return None if self.floor is None else self.floor.up.astype(np.float32)

    @property
    def measures_scale(self) -> bool:
        """Whether the floor or a depth sensor says how far people are."""
        by_floor, by_depth = self.floor is not None and self.trusts_floor, self.depth is not None and self.trusts_depth
        return by_floor or by_depth


@dataclass(frozen=True)
class PersonEstimate:
    """One person in the camera's optical frame (x right, y down, z forward), SI units and radians, float32.

    Attributes:
        id: unique while the person is followed; in single images p1, p2, ...
        age: frames since the id was given; 0 in single images.
        confidence: probability 0 to 1 that this is one person and this person; of hidden people it halves every 0.5 s.
        is_occluded: whether nobody matches the track in this image, or the body is largely hidden.
        bbox: (4,) x0, y0, x1, y1 in pixels of `Scene.image`.
        pose: (72,) axis-angle, SMPL order; [0:3] takes body axes to the camera frame.
        betas: (10,) shape, of the pipeline's body model.
        transl_cam: (3,) SMPL translation.
        transl_cov: (3, 3) covariance of `transl_cam`, m^2.
        joints_cam: (24, 3) joints.
        vertices_cam: (V, 3) mesh; V = 0 when vertices were not requested.
        height: standing height.
        velocity_cam: (3,) m/s of the root, relative to the camera; NaN in single images.
        position_cov6: (6, 6) covariance of filtered root position and velocity; NaN in single images.
        landmarks: of BlazePose, in pixels.
        joint_confidence: (24,) probability 0 to 1 that the joint is inside the image and visible; 0 of hidden people.
        joint_cov: (24, 3, 3) covariance of `joints_cam` relative to the middle of the hips, m^2; that of an absolute
            position is this and `transl_cov`.
        orientation_cov: (3, 3) covariance of the root's orientation, rad^2, about the fixed axes of the frame.
        scale_correction: correction by floor or depth sensor; None without either.
        size_shift: (3,) m by which the person has moved since the last image because the size began to be measured, or
            is no longer: no motion. Zeros otherwise.
        gestures: names, of `metrichmsr_ros.people.gestures.recognition.NAMES`; in single images raised hands and
            pointing alone.
        pointing_cam: (3,) unit vector in which the person points; zeros: nowhere.
    """

    id: str
    age: int
    confidence: float
    is_occluded: bool
    bbox: Float32Array
    pose: Float32Array
    betas: Float32Array
    transl_cam: Float32Array
    transl_cov: Float32Array
    joints_cam: Float32Array
    vertices_cam: Float32Array
    height: float
    velocity_cam: Float32Array
    position_cov6: Float32Array
    landmarks: LandmarkSet
    joint_confidence: Float32Array
    joint_cov: Float32Array
    orientation_cov: Float32Array
    scale_correction: ScaleCorrection | None = None
    gestures: tuple[str, ...] = ()
    pointing_cam: Float32Array = field(default_factory=lambda: np.zeros(3, np.float32))
    size_shift: Float32Array = field(default_factory=lambda: np.zeros(3, np.float32))

    @property
    def is_measured(self) -> bool:
        """Whether floor or depth sensor say how large the person is, now or by memory."""
        return self.scale_correction is not None and bool(self.scale_correction.sources)


@dataclass(frozen=True)
class Scene:
    """All that was found in one image.

    Attributes:
        stamp_s: time of the image, s; None for a single image.
        camera: has no distortion: a distorted image is rectified first, and every pixel here is of the rectified one.
        image: (H, W, 3) uint8 RGB, rectified.
        people: everybody found.
        depth: of the scene; `SceneDepth.not_requested` where `OutputRequest.depth` was false.
        timings: seconds by stage.
        up: (3,) unit vector against gravity in the camera frame; None: unknown.
    """

    stamp_s: float | None
    camera: Camera
    image: ImageArray
    people: list[PersonEstimate]
    depth: SceneDepth
    timings: dict[str, float] = field(default_factory=dict)
    up: Float32Array | None = None
