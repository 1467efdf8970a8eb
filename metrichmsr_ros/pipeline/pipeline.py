"""Image + Camera -> Scene: the one place where the rooms meet.

The node, the bag replay, the evaluation and the command line all run this class, so that a number measured offline is
the number a robot gets.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import cached_property, partial
from typing import Literal

import numpy as np
import roma
import torch
from numpy.typing import NDArray

from metrichmsr_ros.assets import AssetError
from metrichmsr_ros.body.base import BodyModel, BodyOutput
from metrichmsr_ros.body.load import load_body
from metrichmsr_ros.depth.anchor import person_weight
from metrichmsr_ros.depth.engine import DepthEngine, SceneDepth
from metrichmsr_ros.depth.factory import DepthChoice, make_engine
from metrichmsr_ros.depth.sources.base import DepthContext
from metrichmsr_ros.geometry.camera import Camera, CameraError
from metrichmsr_ros.geometry.rectify import Rectifier
from metrichmsr_ros.hmr.batch import CropBatch, crop_batch
from metrichmsr_ros.hmr.checkpoint import load_model
from metrichmsr_ros.hmr.model import HMROutput, MetricHMR
from metrichmsr_ros.hmr.shape_smoothing import SteadyShape
from metrichmsr_ros.hmr.test_time_augmentation import Roles, estimate_from_looks
from metrichmsr_ros.people.blazepose.networks import BlazePose, LandmarkSet, check_image
from metrichmsr_ros.people.detection.search import find_people
from metrichmsr_ros.people.detection.test_time_views import Look, more_looks
from metrichmsr_ros.people.tracking.kalman import RootFilter
from metrichmsr_ros.people.tracking.tracker import PeopleTracker, TrackedPerson
from metrichmsr_ros.pipeline.scale.evidence import ScaleFix
from metrichmsr_ros.pipeline.scale.fusion import ScaleFixer, Surroundings
from metrichmsr_ros.pipeline.scene import PersonEstimate, Scene, Wanted

VideoLooks = Literal["one", "mirrored", "all"]


class Pipeline:
    """Stateful over a video: it follows people, so feed one camera's images in order, from one thread.

    Args:
        model: the network, in evaluation mode, on `device`.
        body: the body model that the network was trained on, on `device`.
        blazepose: detector and landmark networks.
        device: torch device of the network and the body.
        depth: what makes the scene's depth; None: the people's own surfaces alone.
        video_looks: how often a person in a video is looked at: once; mirrored too, for one landmark call more; or as
            often as in single images, mirrored and by the heavier landmark network. Networks over pixels look once.
        load_heavy: called when it is first needed for the people finder with the heavier landmark network; it may
            return None.
    """

    def __init__(
        self,
        model: MetricHMR,
        body: BodyModel,
        blazepose: BlazePose,
        device: str = "cpu",
        depth: DepthEngine | None = None,
        video_looks: VideoLooks = "mirrored",
        load_heavy: Callable[[], BlazePose | None] = lambda: None,
    ) -> None:
        self.model = model
        self.body = body
        self.device = torch.device(device)
        self._blazepose = blazepose
        self._depth_engine = depth or DepthEngine(None)
        self._video_looks = video_looks
        self._load_heavy = load_heavy
        self._tracker = PeopleTracker(blazepose)
        self._filters: dict[str, RootFilter] = {}
        self._rectifier: Rectifier | None = None
        self._steady = SteadyShape(body)
        self._fixer = ScaleFixer(body)
        self._faces: NDArray[np.int64] = body.faces.cpu().numpy()

    @classmethod
    def from_preset(
        cls,
        preset: str = "embedded",
        device: str = "cpu",
        body: str = "open_light",
        num_threads: int = 2,
        depth: DepthChoice = DepthChoice(),  # noqa: B008 (frozen)
        video_looks: VideoLooks = "mirrored",
    ) -> Pipeline:
        """Load a preset's (or a checkpoint path's) weights, its body and the people finder.

        Args:
            preset: name of a preset, or path of a `.safetensors` checkpoint.
            device: torch device, e.g. `cpu`, `cuda`.
            body: `open`, `open_light` or `smpl:/path/to/file`; must be the body that the weights were trained on.
            num_threads: CPU threads of the people finder.
            depth: where the scene's depth comes from, and what calibrates it.
            video_looks: as for the class. The heavier landmark network looks where `metrichmsr setup` fetched it.
        """
        model, engine = load_model(preset, torch.device(device)), make_engine(depth)
        finder = BlazePose(num_threads=num_threads)
        load_heavy = partial(heavy_finder, num_threads)
        return cls(model, load_body(body).to(device).eval(), finder, device, engine, video_looks, load_heavy)

    @property
    def faces(self) -> NDArray[np.int64]:
        """(F, 3) triangles of every person's `vertices_cam`."""
        return self._faces

    @property
    def image_looks(self) -> tuple[str, ...]:
        """What looks at people of single images, by landmark network."""
        if self.model.config.image_encoder.kind != "blazepose":
            return ("pixels",)
        return ("full", "full mirrored") + (("heavy", "heavy mirrored") if self._heavy else ())

    def reset(self) -> None:
        """Forget everybody, e.g. when a bag loops or the clock jumps. Ids given before are not given again."""
        self._tracker.reset()
        self._depth_engine.reset()
        self._forget_all_but(set())

    def process(
        self,
        image: NDArray[np.uint8],
        camera: Camera,
        stamp_s: float | None = None,
        wanted: Wanted = Wanted(),  # noqa: B008 (frozen)
        around: Surroundings = Surroundings(),  # noqa: B008 (frozen)
    ) -> Scene:
        """Estimate everybody in one image.

        Args:
            image: (H, W, 3) uint8 RGB, raw; rectified here when `camera` has distortion.
            camera: its calibration, of the same size.
            stamp_s: seconds on any clock that only goes forward within one video. None: a single image, searched
                thoroughly, with no memory.
            wanted: what to compute beyond pose, shape and position.
            around: what is known besides the image; it corrects how large and how far people are, and its depth is
                what a depth source "topic" starts from.

        Raises:
            ImageError: when `image` is no (H, W, 3) uint8 array.
            CameraError: when its size is not the camera's.
        """
        check_image(image)
        _check_size(image, camera)
        clock = _Stopwatch()
        with clock("total"):
            with clock("rectify"):
                image, camera = self._rectified(image, camera)
            with clock("people"):
                found = self._find(image, stamp_s, around)
                looks = self._look_again(image, found, stamp_s is not None)
            with clock("hmr"):
                estimate = self._estimate(image, [person.landmarks for person in found], looks, camera)
                if estimate is not None and stamp_s is not None:
                    estimate = self._steady(estimate, [person.id for person in found])
            with clock("known"):
                estimate, fixes = self._fixed(estimate, found, camera, around, stamp_s is not None)
            with clock("body"):
                people = self._embody(found, estimate, fixes, stamp_s, wanted)
            with clock("depth"):
                depth = self._depth(image, people, camera, around, stamp_s, wanted)
        return Scene(stamp_s, camera, image, people, depth.depth, clock.seconds, str(depth), depth.problem)

    def _rectified(self, image: NDArray[np.uint8], camera: Camera) -> tuple[NDArray[np.uint8], Camera]:
        if not camera.is_distorted:
            return image, camera
        if self._rectifier is None or self._rectifier.raw != camera:
            self._rectifier = Rectifier(camera)
        return self._rectifier.rectify(image), self._rectifier.camera

    def _find(self, image: NDArray[np.uint8], stamp_s: float | None, around: Surroundings) -> list[TrackedPerson]:
        if stamp_s is not None:
            return self._tracker.update(image, stamp_s, around.boxes)
        found = find_people(image, self._blazepose)
        return [_untracked(f"p{index + 1}", landmarks) for index, landmarks in enumerate(found)]

    @cached_property
    def _heavy(self) -> BlazePose | None:
        return self._load_heavy() if self.model.config.image_encoder.reads_heavy else None

    def _look_again(
        self, image: NDArray[np.uint8], found: list[TrackedPerson], is_video: bool
    ) -> dict[int, list[Look]]:
        """Further looks by row of `found`; people who are not seen have none."""
        seen = [row for row, person in enumerate(found) if not person.is_occluded]
        wanted = self._video_looks if is_video else "all"
        if not seen or wanted == "one" or self.model.config.image_encoder.kind != "blazepose":
            return {}
        heavy = self._heavy if wanted == "all" else None
        looks = more_looks(image, [found[row].landmarks for row in seen], self._blazepose, heavy)
        return dict(zip(seen, looks, strict=True))

    @torch.inference_mode()
    def _estimate(
        self, image: NDArray[np.uint8], found: list[LandmarkSet], looks: dict[int, list[Look]], camera: Camera
    ) -> HMROutput | None:
        if not found:
            return None

        def batch_of(sets: list[LandmarkSet]) -> CropBatch:
            return crop_batch(self.model.config, image, sets, camera).to(self.device)

        further = [look.landmarks for of_one in looks.values() for look in of_one]
        more = batch_of(further) if further else None
        return estimate_from_looks(self.model, batch_of(found), more, roles_of(looks))

    @torch.inference_mode()
    def _fixed(
        self,
        estimate: HMROutput | None,
        found: list[TrackedPerson],
        camera: Camera,
        around: Surroundings,
        is_video: bool,
    ) -> tuple[HMROutput | None, Sequence[ScaleFix | None]]:
        if estimate is None or not around.fixes_scale:
            return estimate, [None] * len(found)
        posed = self._pose_bodies(estimate, Wanted())
        ids = [person.id for person in found] if is_video else None
        return self._fixer.fix(estimate, posed, [person.landmarks for person in found], camera, around, ids)

    @torch.inference_mode()
    def _embody(
        self,
        found: list[TrackedPerson],
        estimate: HMROutput | None,
        fixes: Sequence[ScaleFix | None],
        stamp_s: float | None,
        wanted: Wanted,
    ) -> list[PersonEstimate]:
        self._forget_all_but({person.id for person in found})
        if estimate is None:
            return []
        body = self._pose_bodies(estimate, wanted)
        heights = self.body.height(estimate.betas).cpu().numpy()
        numbers = _to_numpy(estimate, body)
        people = [
            self._person(person, index, numbers, float(heights[index]), stamp_s) for index, person in enumerate(found)
        ]
        return [replace(person, scale_fix=fix) for person, fix in zip(people, fixes, strict=True)]

    def _pose_bodies(self, estimate: HMROutput, wanted: Wanted) -> BodyOutput:
        if wanted.vertices or wanted.depth:
            output: BodyOutput = self.body(estimate.betas, estimate.rotmats, estimate.transl)
            return output
        joints = self.body.joints(estimate.betas, estimate.rotmats, estimate.transl)
        return BodyOutput(vertices=joints.new_zeros(len(joints), 0, 3), joints=joints)

    def _person(
        self,
        person: TrackedPerson,
        index: int,
        numbers: dict[str, NDArray[np.float32]],
        height: float,
        stamp_s: float | None,
    ) -> PersonEstimate:
        transl, covariance = numbers["transl"][index], numbers["transl_cov"][index]
        velocity, cov6 = self._filtered(person.id, transl, covariance, stamp_s)
        return PersonEstimate(
            id=person.id,
            age=person.age,
            confidence=float(person.landmarks.score),
            is_occluded=person.is_occluded,
            bbox=np.asarray(person.bbox, np.float32),
            pose=numbers["pose"][index],
            betas=numbers["betas"][index],
            transl_cam=transl,
            transl_cov=covariance,
            joints_cam=numbers["joints"][index],
            vertices_cam=numbers["vertices"][index],
            height=height,
            velocity_cam=velocity,
            position_cov6=cov6,
            landmarks=person.landmarks,
        )

    def _filtered(
        self, person_id: str, transl: NDArray[np.float32], covariance: NDArray[np.float32], stamp_s: float | None
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        if stamp_s is None:
            return np.full(3, np.nan, np.float32), np.full((6, 6), np.nan, np.float32)
        motion = self._filters.setdefault(person_id, RootFilter())
        _, velocity, cov6 = motion.update(transl, covariance, stamp_s)
        return velocity.astype(np.float32), cov6.astype(np.float32)

    def _forget_all_but(self, ids: set[str]) -> None:
        for lost in self._filters.keys() - ids:
            del self._filters[lost]
        self._steady.forget_all_but(ids)
        self._fixer.forget_all_but(ids)

    def _depth(
        self,
        image: NDArray[np.uint8],
        people: list[PersonEstimate],
        camera: Camera,
        around: Surroundings,
        stamp_s: float | None,
        wanted: Wanted,
    ) -> SceneDepth:
        if not wanted.depth:
            return SceneDepth(np.full((camera.height, camera.width), np.nan, np.float32), "", "")
        up = None if around.floor is None else around.floor.up.astype(np.float32)
        context = DepthContext(tuple(person.vertices_cam for person in people), up, around.depth)
        weights = [
            0.0 if p.is_occluded else person_weight(p.vertices_cam, camera, p.confidence, p.transl_cov) for p in people
        ]
        return self._depth_engine.estimate(image, camera, self._faces, context, weights, stamp_s)


def heavy_finder(num_threads: int) -> BlazePose | None:
    """The people finder with the heavier landmark network, None where `metrichmsr setup` could not fetch it."""
    try:
        return BlazePose(num_threads=num_threads, heavy=True)
    except AssetError:
        return None


def roles_of(looks: Mapping[int, Sequence[Look]]) -> Roles:
    """What the network is told of further looks, given by row of the person."""
    numbered = [(row, look.mirrored) for row, of_one in looks.items() for look in of_one]
    return Roles(*zip(*numbered, strict=True))


def limit_threads(preset: str, device: str) -> None:
    """Give torch one CPU thread for the embedded network, which is too small to gain from more; others keep theirs.

    Holds for the whole process, so programs call it (node, replay, demo), never `Pipeline`. All of them must, because
    the last bits of torch's sums depend on it and a replay gives what the node gave.
    """
    if preset == "embedded" and torch.device(device).type == "cpu":
        torch.set_num_threads(1)


def _check_size(image: NDArray[np.uint8], camera: Camera) -> None:
    if image.shape[:2] != (camera.height, camera.width):
        raise CameraError(
            f"image is {image.shape[1]}x{image.shape[0]} but its camera is calibrated for "
            f"{camera.width}x{camera.height}; use the calibration of this resolution"
        )


def _untracked(person_id: str, landmarks: LandmarkSet) -> TrackedPerson:
    return TrackedPerson(id=person_id, age=0, landmarks=landmarks, is_occluded=False, bbox=landmarks.bbox())


def _to_numpy(estimate: HMROutput, body: BodyOutput) -> dict[str, NDArray[np.float32]]:
    tensors = {
        "pose": roma.rotmat_to_rotvec(estimate.rotmats).flatten(1),
        "betas": estimate.betas,
        "transl": estimate.transl,
        "transl_cov": estimate.transl_cov,
        "joints": body.joints,
        "vertices": body.vertices,
    }
    return {name: tensor.float().cpu().numpy() for name, tensor in tensors.items()}


class _Stopwatch:
    """Wall-clock seconds by stage of one frame."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}

    @contextmanager
    def __call__(self, stage: str) -> Iterator[None]:
        start = time.perf_counter()
        try:
            yield
        finally:
            self.seconds[stage] = time.perf_counter() - start
