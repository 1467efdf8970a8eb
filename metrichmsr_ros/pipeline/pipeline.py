"""Image and Camera in, Scene out: the one place where detection, network, body and depth meet.

The node, the bag replay, the evaluation and the command line all run this class, so that a number measured offline is
the number a robot gets.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import get_args

import numpy as np
from numpy.typing import NDArray

from metrichmsr_ros.acceleration.execution import Execution
from metrichmsr_ros.body.engine import BodyEngine
from metrichmsr_ros.body.load import load_body_engine
from metrichmsr_ros.depth.anchor import distance_std, person_weight
from metrichmsr_ros.depth.engine import DepthEngine, SceneDepth
from metrichmsr_ros.depth.factory import DepthChoice, make_engine
from metrichmsr_ros.depth.sources.base import DepthContext
from metrichmsr_ros.geometry.calibration_checks import focal_length_error
from metrichmsr_ros.geometry.camera import Camera, CameraError
from metrichmsr_ros.geometry.quarter_turns import TurnedCamera, turns_of
from metrichmsr_ros.geometry.rectify import Rectifier
from metrichmsr_ros.hmr.engine import HMREngine
from metrichmsr_ros.hmr.estimate import HMREstimate
from metrichmsr_ros.people.blazepose.networks import BlazePose, check_image
from metrichmsr_ros.people.detection.person_detector import PersonDetector
from metrichmsr_ros.people.detection.search import find_people
from metrichmsr_ros.people.gestures.arm_network import ArmNetwork
from metrichmsr_ros.people.gestures.recognition import GestureRecogniser
from metrichmsr_ros.people.tracking.kalman import RootFilter
from metrichmsr_ros.people.tracking.track import TrackedPerson
from metrichmsr_ros.people.tracking.tracker import PeopleTracker
from metrichmsr_ros.pipeline.engines import load_engine
from metrichmsr_ros.pipeline.gestures import with_gestures, with_still_gestures
from metrichmsr_ros.pipeline.hidden_people import HiddenPeople
from metrichmsr_ros.pipeline.people import numbered, person_estimates, pose_bodies
from metrichmsr_ros.pipeline.poses import PoseEstimator, VideoPoses, in_mounted_frame
from metrichmsr_ros.pipeline.scale.evidence import ScaleCorrection
from metrichmsr_ros.pipeline.scale.fusion import ScaleCorrector
from metrichmsr_ros.pipeline.scene import OutputRequest, PersonEstimate, PipelineError, Scene, SceneContext
from metrichmsr_ros.pipeline.stopwatch import Stopwatch
from metrichmsr_ros.pipeline.uncertainty.evidence import Evidence, evidence_of
from metrichmsr_ros.pipeline.uncertainty.pose import PoseUncertainty, uncertainty_from
from metrichmsr_ros.pipeline.views import Augmentation, ViewMaker, heavier, landmarks_by_id
from metrichmsr_ros.runtime.providers import CPU, providers_of
from metrichmsr_ros.runtime.workers import Workers
from metrichmsr_ros.types import Float32Array, ImageArray

ALL_OUTPUTS = OutputRequest()
NO_CONTEXT = SceneContext()
_NO_MESHES = OutputRequest(vertices=False, depth=False)


class Pipeline:
    """`estimate` for single images, which leave no trace; `track` for the images of one video, in order, in one thread.

    Args:
        engine: the network.
        body: the body model that the network was trained on.
        blazepose: finds landmarks.
        depth: what makes the scene's depth; None: the people's own surfaces alone.
        test_time_augmentation: further views of people in a video: "none": a wide one of people whose legs are hidden;
            "flip": also a mirrored one of everybody, for one landmark call more; "full": as in single images, also by
            the heavier landmark network. Networks over pixels have one view.
        load_heavy: called when it is first needed for BlazePose with the heavier landmark network; may return None.
        detector: finds people; None: the detector that ships with the package.
        workers: run networks' calls of one image at the same time; None: one after the other.
        uncertainty: of the poses of the people seen in an image.

    Raises:
        PipelineError: unknown `test_time_augmentation`.
    """

    def __init__(
        self,
        engine: HMREngine,
        body: BodyEngine,
        blazepose: BlazePose,
        depth: DepthEngine | None = None,
        test_time_augmentation: Augmentation = "flip",
        load_heavy: Callable[[], BlazePose | None] = lambda: None,
        detector: PersonDetector | None = None,
        workers: Workers | None = None,
        uncertainty: Callable[[Evidence], PoseUncertainty] = uncertainty_from,
    ) -> None:
        if test_time_augmentation not in get_args(Augmentation):
            known = ", ".join(get_args(Augmentation))
            raise PipelineError(f"test_time_augmentation is {test_time_augmentation!r}; choose one of {known}")
        self.engine = engine
        self.body = body
        self._blazepose, self._detector = blazepose, detector or PersonDetector()
        self._depth_engine = depth or DepthEngine(None)
        self._augmentation: Augmentation = test_time_augmentation
        encoder = engine.config.image_encoder
        load = load_heavy if encoder.reads_heavy else lambda: None
        self._views = ViewMaker(blazepose, encoder.reads_landmarks, load, workers)
        self._workers, self.uncertainty = workers, uncertainty
        self._tracker = PeopleTracker(blazepose, self._detector, workers=workers)
        self._filters: dict[str, RootFilter] = {}
        self._sizes: dict[str, tuple[bool, float]] = {}  # by id: whether the height was measured, m
        self._hidden = HiddenPeople()
        self._arms, self._gestures = ArmNetwork(), GestureRecogniser()
        self._rectifier: Rectifier | None = None
        self._camera: TurnedCamera | None = None  # of the last image of the video, rectified
        self._estimator = PoseEstimator(engine, workers)
        self._poses = VideoPoses(self._estimator, self._views, body)
        self._fixer = ScaleCorrector(body)

    @classmethod
    def from_preset(
        cls,
        preset: str = "embedded",
        device: str = "cpu",
        body: str = "open_light",
        num_threads: int = 2,
        depth: DepthChoice = DepthChoice(),  # noqa: B008 (frozen)
        test_time_augmentation: Augmentation = "flip",
        execution: Execution = Execution(),  # noqa: B008 (frozen)
    ) -> Pipeline:
        """Load a preset's (or a checkpoint path's) weights, its body and BlazePose.

        Args:
            preset: name of a preset, or path of a `.safetensors` checkpoint.
            device: `cpu`, `cuda`, `cuda:1`, `tensorrt`, `openvino`, where ONNX Runtime has it; otherwise torch's.
            body: `open`, `open_light` or `smpl:/path/to/file`; must be the body that the weights were trained on.
            num_threads: calls of networks at the same time, each on one CPU thread.
            depth: where the scene's depth comes from, and what calibrates it.
            test_time_augmentation: as for the class. The heavier landmark network is used where `metrichmsr setup`
                fetched it.
            execution: precision and compilation of the preset's network, in torch.
        """
        engine = load_engine(preset, device, execution=execution)
        providers = providers_of(device)
        blazepose = BlazePose(
            with_maps=engine.config.image_encoder.reads_maps,
            providers=providers or CPU,
            torch_device=None if providers else device,
        )
        return cls(
            engine,
            load_body_engine(body, device),
            blazepose,
            make_engine(depth),
            test_time_augmentation,
            partial(heavier, blazepose),
            PersonDetector(providers=providers or CPU),
            Workers(num_threads),
        )

    @property
    def faces(self) -> NDArray[np.int64]:
        """(F, 3) triangles of every person's `vertices_cam`."""
        return self.body.faces

    @property
    def about(self) -> Mapping[str, str]:
        """What runs the preset's network, and BlazePose, for diagnostics."""
        return {**self.engine.about, "BlazePose on": self._blazepose.runs_on}

    @property
    def single_image_views(self) -> tuple[str, ...]:
        """Names of the views that `estimate` takes of everybody, by landmark network."""
        return self._views.names

    def reset(self) -> None:
        """Forget everybody, e.g. when a bag loops or the clock jumps. Ids given before are not given again."""
        self._tracker.reset()
        self._depth_engine.reset()
        self._camera = None
        self._forget_all_but(set())

    def estimate(
        self,
        image: ImageArray,
        camera: Camera,
        *,
        request: OutputRequest = ALL_OUTPUTS,
        context: SceneContext = NO_CONTEXT,
    ) -> Scene:
        """Estimate everybody in a single image: searched thoroughly, with every view; people have no velocity.

        Args:
            image: (H, W, 3) uint8 RGB, raw; rectified here when `camera` has distortion.
            camera: its calibration, of the same size.
            request: what to compute beyond pose, shape and position.
            context: what is measured besides the image; it corrects how large and how far people are, and its depth
                is what a depth source "topic" starts from. By its floor people are found, too, in images of cameras
                that are mounted upside down or on their side.

        Raises:
            ImageError: `image` is not an (H, W, 3) uint8 array.
            CameraError: its size is not the camera's, or the camera's focal length cannot be one of this image.
        """
        clock = Stopwatch()
        with clock("total"):
            with clock("rectify"):
                image, camera = self._rectified(image, camera)
            with clock("people"):
                turned = TurnedCamera(camera, turns_of(context.up))
                upright = turned.image(image)
                found = numbered(find_people(upright, self._blazepose, self._detector, workers=self._workers))
                views = self._views(upright, found, "full")
            with clock("hmr"):
                landmarks = [person.landmarks for person in found]
                estimate = self._estimator.estimate(upright, landmarks, views, turned.upright) if found else None
                if estimate is not None and turned.turns:
                    estimate = in_mounted_frame(estimate, turned.rotation, self.body)
                found = _as_mounted(found, turned)
            with clock("scale"):
                estimate, fixes = self._with_measured_scale(estimate, found, camera, context)
            with clock("body"):
                odds = self._arms.odds(landmarks_by_id(found, views))
                people = with_still_gestures(self._people(found, estimate, fixes, request, turned), odds, camera.size)
            with clock("depth"):
                depth = self._depth(upright, people, turned, context, None, request)
        return Scene(None, camera, image, people, depth, clock.seconds, context.up)

    def track(
        self,
        image: ImageArray,
        camera: Camera,
        stamp_s: float,
        *,
        request: OutputRequest = ALL_OUTPUTS,
        context: SceneContext = NO_CONTEXT,
    ) -> Scene:
        """Estimate everybody in the next image of a video: people keep their ids and have velocities.

        The camera may change its resolution, the part of the sensor that it reads, or its focal length between two
        images: people stay who they are.

        Somebody who is hidden for a while is predicted: last pose and shape, position by the motion filter, with a
        covariance that grows. Hidden people are no measurement of motion, shape, size or the scene's depth.

        Args:
            image: as for `estimate`.
            camera: as for `estimate`.
            stamp_s: seconds on any clock that only goes forward within one video.
            request: as for `estimate`.
            context: as for `estimate`; its boxes start tracks.

        Raises:
            ImageError: as for `estimate`.
            CameraError: as for `estimate`.
            PipelineError: `stamp_s` is not a finite number.
        """
        if not isinstance(stamp_s, (int, float, np.number)) or not math.isfinite(stamp_s):
            raise PipelineError(f"stamp_s is {stamp_s!r}; give the time of the image in seconds")
        clock = Stopwatch()
        with clock("total"):
            with clock("rectify"):
                image, camera = self._rectified(image, camera)
            with clock("people"):
                turned = self._go_on_with(camera, context)
                upright = turned.image(image)
                found = self._tracker.update(upright, stamp_s, turned.boxes(context.boxes))
                seen = [person for person in found if not person.is_occluded]
                views = self._views(upright, seen, self._augmentation)
            self._forget_all_but({person.id for person in found})
            ids = [person.id for person in seen]
            with clock("hmr"):
                rotation = turned.rotation if turned.turns else None
                poses = self._poses(upright, seen, views, turned.upright, stamp_s, rotation) if seen else (None, {})
                estimate, heavy = poses
                found = _as_mounted(found, turned)
                seen = [person for person in found if not person.is_occluded]
            with clock("scale"):
                estimate, fixes = self._with_measured_scale(estimate, seen, camera, context, ids, stamp_s)
            with clock("body"):
                people = self._moving(self._people(seen, estimate, fixes, request, turned), stamp_s)
                odds = self._arms.odds(landmarks_by_id(seen, views, heavy))
                people = with_gestures(people, odds, self._gestures, camera.size, stamp_s)
                self._poses.moved(people)
                if estimate is not None:
                    self._hidden.see(ids, estimate, people, stamp_s)
                hidden = self._predicted(found, request, stamp_s)
            with clock("depth"):
                depth = self._depth(upright, people, turned, context, stamp_s, request)
        order = {person.id: row for row, person in enumerate(found)}
        everybody = sorted([*people, *hidden], key=lambda person: order[person.id])
        return Scene(stamp_s, camera, image, everybody, depth, clock.seconds, context.up)

    def _rectified(self, image: ImageArray, camera: Camera) -> tuple[ImageArray, Camera]:
        check_image(image)
        _check_camera(image, camera)
        if not camera.is_distorted:
            return image, camera
        if self._rectifier is None or self._rectifier.raw != camera:
            self._rectifier = Rectifier(camera)
        return self._rectifier.rectify(image), self._rectifier.camera

    def _go_on_with(self, camera: Camera, context: SceneContext) -> TurnedCamera:
        """The camera, turned by the vertical; of an image without one as in the last image with one.

        What is in pixels follows a camera whose resolution, intrinsics or turn change; what is in metres stays.
        """
        last = self._camera
        turns = last.turns if last is not None and context.up is None else turns_of(context.up)
        self._camera = turned = TurnedCamera(camera, turns)
        if last is not None and turned != last:
            to_new = camera.intrinsics @ np.linalg.inv(last.camera.intrinsics)
            self._tracker.change_pixels(turned.pixels @ to_new @ np.linalg.inv(last.pixels), turned.upright.size)
        return turned

    def _with_measured_scale(
        self,
        estimate: HMREstimate | None,
        found: list[TrackedPerson],
        camera: Camera,
        context: SceneContext,
        ids: Sequence[str] | None = None,
        stamp_s: float = 0.0,
    ) -> tuple[HMREstimate | None, Sequence[ScaleCorrection | None]]:
        if context.forgets_measurements:
            self._fixer.forget_all_but(set())
        if estimate is None or not (context.measures_scale or self._fixer.remembers(ids or ())):
            return estimate, [None] * len(found)
        posed = pose_bodies(self.body, estimate, ALL_OUTPUTS if context.measures_scale else _NO_MESHES)
        return self._fixer.fix(estimate, posed, [person.landmarks for person in found], camera, context, ids, stamp_s)

    def _people(
        self,
        found: list[TrackedPerson],
        estimate: HMREstimate | None,
        fixes: Sequence[ScaleCorrection | None],
        request: OutputRequest,
        turned: TurnedCamera,
    ) -> list[PersonEstimate]:
        if estimate is None:
            return []
        posed, landmarks = pose_bodies(self.body, estimate, request), [person.landmarks for person in found]
        known = self.uncertainty(evidence_of(estimate, posed.joints, landmarks, turned.camera, turned.top))
        return person_estimates(found, estimate, posed, self.body.height(estimate.betas), fixes, known)

    def _moving(self, people: list[PersonEstimate], stamp_s: float) -> list[PersonEstimate]:
        """The same people with velocities and the covariance of position and velocity."""
        moving = []
        for person in people:
            motion = self._filters.setdefault(person.id, RootFilter())
            shift = self._size_shift(person)
            motion.shift(shift)
            _, velocity, cov6 = motion.update(person.transl_cam, person.transl_cov, stamp_s)
            moving.append(
                replace(
                    person,
                    velocity_cam=velocity.astype(np.float32),
                    position_cov6=cov6.astype(np.float32),
                    size_shift=shift,
                )
            )
        return moving

    def _size_shift(self, person: PersonEstimate) -> Float32Array:
        """(3,) m, of `PersonEstimate`: a person who turns out to be smaller was nearer before, too."""
        was_measured, height = self._sizes.get(person.id, (person.is_measured, person.height))
        self._sizes[person.id] = person.is_measured, person.height
        if person.is_measured == was_measured:
            return np.zeros(3, np.float32)
        return person.transl_cam * np.float32(1.0 - height / person.height)

    def _predicted(self, found: list[TrackedPerson], request: OutputRequest, stamp_s: float) -> list[PersonEstimate]:
        """People who are hidden: their last pose where the motion filter predicts them. Nothing is measured of them.

        Whoever is predicted behind the camera is left out.
        """
        known = self._hidden, self._filters  # nobody who was only estimated behind the camera has a filter
        hidden = [person for person in found if person.is_occluded and all(person.id in part for part in known)]
        if not hidden:
            return []
        motions = {person.id: self._filters[person.id].predict(stamp_s) for person in hidden}
        positions, covariances = zip(*((m[0], m[2][:3, :3]) for m in motions.values()), strict=True)
        estimate = self._hidden.estimate(list(motions), list(positions), list(covariances))
        posed, heights = pose_bodies(self.body, estimate, request), self.body.height(estimate.betas)
        uncertainty = self._hidden.uncertainty(list(motions), stamp_s)
        people = person_estimates(hidden, estimate, posed, heights, [None] * len(hidden), uncertainty)
        return [
            replace(
                person,
                confidence=person.confidence * self._hidden.confidence(person.id, stamp_s),
                transl_cov=motions[person.id][2][:3, :3].astype(np.float32),
                velocity_cam=motions[person.id][1].astype(np.float32),
                position_cov6=motions[person.id][2].astype(np.float32),
            )
            for person in people
        ]

    def _forget_all_but(self, ids: set[str]) -> None:
        for lost in self._filters.keys() - ids:
            del self._filters[lost]
        self._sizes = {id: size for id, size in self._sizes.items() if id in ids}
        self._hidden.forget_all_but(ids)
        self._gestures.forget_all_but(ids)
        self._poses.forget_all_but(ids)
        self._fixer.forget_all_but(ids)

    def _depth(
        self,
        image: ImageArray,
        people: list[PersonEstimate],
        turned: TurnedCamera,
        context: SceneContext,
        stamp_s: float | None,
        request: OutputRequest,
    ) -> SceneDepth:
        """Depth in pixels of the image as it comes, from the upright `image`: depth networks know upright scenes."""
        if not request.depth:
            return SceneDepth.not_requested(turned.camera)
        weights = [person_weight(p.vertices_cam, turned.camera, p.confidence) for p in people]
        stds = [distance_std(p.transl_cam, p.transl_cov) for p in people]
        meshes, up, measured = tuple(person.vertices_cam for person in people), context.up, context.depth
        if turned.turns:
            rotation = turned.rotation
            meshes, up = tuple(mesh @ rotation.T for mesh in meshes), None if up is None else rotation @ up
            measured = None if measured is None else measured.upright(turned.turns)
        given = DepthContext(meshes, up, measured, turned.turns)
        found = self._depth_engine.estimate(image, turned.upright, self.body.faces, given, weights, stamp_s, stds)
        return replace(found, metres=turned.depth_back(found.metres)) if turned.turns else found


def _as_mounted(found: list[TrackedPerson], turned: TurnedCamera) -> list[TrackedPerson]:
    """People of the upright image in px of the image as it comes."""
    if turned.turns == 0:
        return found
    matrix = np.linalg.inv(turned.pixels)
    return [person.mapped(matrix) for person in found]


def _check_camera(image: ImageArray, camera: Camera) -> None:
    if image.shape[:2] != (camera.height, camera.width):
        raise CameraError(
            f"image is {image.shape[1]}x{image.shape[0]} but its camera is calibrated for "
            f"{camera.width}x{camera.height}; use the calibration of this resolution"
        )
    problem = focal_length_error(camera.intrinsics, camera.size, "K")
    if problem:
        raise CameraError(problem)
