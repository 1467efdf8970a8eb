"""The generator: (seed, step) -> pictures of people with truth, the same whenever the same libraries make them.

    maker = CropMaker(CropSources.load(Path("photographs"), held_out=False))
    for crop in maker.make(seed=0, step=0):
        ...

Each step draws `PEOPLE` people; each is the subject of one picture and a passer-by of some others.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import count, islice

import numpy as np
from numpy.typing import NDArray

from metrichmsr_ros.data.mocap.pose_bank import PoseBank
from metrichmsr_ros.data.rendering.compiled.meshes import Mesh, joined, turn_about_y
from metrichmsr_ros.data.rendering.compiled.visibility import joints_seen, share_seen
from metrichmsr_ros.data.rendering.compiled.zbuffer import Int32
from metrichmsr_ros.data.rendering.crops.framing import Framing, joints_inside
from metrichmsr_ros.data.rendering.crops.people import PeopleMaker, Person
from metrichmsr_ros.data.rendering.crops.picture import CropSources, Drawing, Painter, PainterError, Sketch
from metrichmsr_ros.data.rendering.crops.regions import body_points, seen_region, true_region
from metrichmsr_ros.data.rendering.crops.scene import CropScene, random_scene
from metrichmsr_ros.data.rendering.crops.stature import PeoplePrior
from metrichmsr_ros.data.rendering.crops.window import Window
from metrichmsr_ros.geometry.camera import Camera
from metrichmsr_ros.people.blazepose.landmarks import Roi
from metrichmsr_ros.types import Float64Array

PEOPLE = 16
"""People, and so crops, of one step."""
_COMPANY = 3  # people drawn for one crop of `make_one`
_ALONE = 1  # tells the random numbers of `make_one` from those of `make`
_FAR_PX = 275  # regions smaller than this are often seen through a video codec
_NEAREST = 0.2  # m; no joint is nearer
_LEAST = 0.12  # share of the joints inside the image, and of the surface that is seen


@dataclass(frozen=True)
class RenderedCrop:
    """One picture of one person, with truth in the camera's optical frame, metres.

    Attributes:
        number: of the person among the people of the step.
        picture: (h, w, 3) uint8 RGB: the part of the image around the region, at the image's own resolution or less.
        to_picture: (3, 3) image px to px of `picture`.
        region: the region that BlazePose would look at, in image px.
        camera: the whole image's camera.
        rotations: (24, 3, 3) of the joints, the root's in the camera frame. betas: (10,).
        joints: (24, 3), the first is the root and equals SMPL's translation.
        stature: m. up: (3,) the world's vertical in the camera frame.
        framing: of the person in the image. kind: of the pose, one of `pose_sampler.KINDS`.
        facing: cosine between the pelvis' front and the direction to the camera; -1 is seen from behind.
        share: share of the person's surface towards the camera that is seen: inside the image and not occluded.
        seen: (24,) whether each joint is inside the image and nothing but the person's own body lies before it.
        others: other people in the scene. table: True where a table or counter stands before the person.
        video: True where the picture went through a strong codec.
    """

    number: int
    picture: NDArray[np.uint8]
    to_picture: Float64Array
    region: Roi
    camera: Camera
    rotations: Float64Array
    betas: Float64Array
    joints: Float64Array
    stature: float
    up: Float64Array
    framing: Framing
    kind: str
    facing: float
    share: float
    seen: NDArray[np.bool_]
    others: int
    table: bool
    video: bool


@dataclass(frozen=True)
class _Plan:
    """A crop before it is drawn.

    Attributes:
        number: of the person. scene: with the person and others.
        joints: (24, 3) in the camera frame, m. inside: (24,) True for those in the image.
        region: as `RenderedCrop.region`. owner: (F,) number of the scene's mesh of each face; the person is 0.
        sketch: what is drawn. rng: draws what lens and sensor do.
    """

    number: int
    scene: CropScene
    joints: Float64Array
    inside: NDArray[np.bool_]
    region: Roi
    owner: Int32
    sketch: Sketch
    rng: np.random.Generator


class CropMaker:
    """Makes crops of people from one side of the split of shapes, poses and photographs."""

    def __init__(
        self,
        sources: CropSources,
        prior: PeoplePrior | None = None,
        held_out: bool = False,
        bank: PoseBank | None = None,
        device: str = "cpu",
    ) -> None:
        """`prior`: None takes the default shares; `bank`: None takes the package's poses.

        `device`: "cpu", or "cuda" to draw on the GPU; pictures of both are equal within noise.
        """
        self._held_out, self._pictures = held_out, len(sources.pictures)
        self._people = PeopleMaker(prior or PeoplePrior(), bank or PoseBank.load(), held_out, self._pictures)
        self._painter = painter_on(device, sources)

    def make(self, seed: int, step: int) -> Iterator[RenderedCrop]:
        """The crops of one step; people of whom nearly nothing is seen are left out."""
        rng = np.random.default_rng([seed, int(self._held_out), step])
        people = self._people.draw(PEOPLE, rng)
        plans = (self._numbered(seed, step, number, people) for number in range(PEOPLE))
        wanted = (plan for plan in plans if plan is not None)
        while group := list(islice(wanted, self._painter.at_once)):
            yield from self._crops(group)

    def make_one(self, seed: int, index: int) -> RenderedCrop:
        """Crop `index` of an endless sequence; enough of the person is seen, and fewer passers-by than in `make`."""
        for attempt in count():
            rng = np.random.default_rng([seed, int(self._held_out), index, attempt, _ALONE])
            people = self._people.draw(_COMPANY, rng)
            plan = self._plan(0, random_scene(0, people, rng, self._pictures), rng)
            for crop in self._crops([plan] if plan else []):
                return crop
        raise AssertionError("unreachable")

    def _numbered(self, seed: int, step: int, number: int, people: Sequence[Person]) -> _Plan | None:
        rng = np.random.default_rng([seed, int(self._held_out), step, number])
        return self._plan(number, random_scene(number, people, rng, self._pictures), rng)

    def _plan(self, number: int, scene: CropScene, rng: np.random.Generator) -> _Plan | None:
        view, camera = scene.view, scene.view.camera
        seen = view.to_camera(scene.joints)
        if seen[:, 2].min() < _NEAREST:
            return None
        pixels = camera.project(seen)
        inside = joints_inside(pixels, seen[:, 2], (camera.width, camera.height))
        region = seen_region(_true_region(scene, seen, pixels), float(inside.mean()), rng)
        window = Window.around(region, camera)
        if window is None or inside.mean() < _LEAST:
            return None
        mesh, owner = joined(_in_sight(scene, window))
        sketch = self._painter.sketch(scene, mesh, window, rng)
        return _Plan(number, scene, seen, inside, region, owner[mesh.parts], sketch, rng)

    def _crops(self, plans: Sequence[_Plan]) -> Iterator[RenderedCrop]:
        """The crops of plans; people of whom nearly nothing is seen are left out."""
        drawings = self._painter.draw([plan.sketch for plan in plans])
        for plan, drawing in zip(plans, drawings, strict=True):
            share = share_seen(plan.sketch.points, plan.sketch.mesh.faces, plan.owner, drawing.face)
            if share >= _LEAST:
                yield self._crop(plan, drawing, share)

    def _crop(self, plan: _Plan, drawing: Drawing, share: float) -> RenderedCrop:
        scene, window, rng = plan.scene, plan.sketch.window, plan.rng
        view, seen = scene.view, plan.joints
        video = bool(plan.region.size < _FAR_PX and rng.random() < 0.5)
        rotations = scene.person.rotations.copy()
        rotations[0] = view.rotation @ turn_about_y(scene.heading) @ rotations[0]
        return RenderedCrop(
            number=plan.number,
            picture=self._painter.photograph(drawing.picture, window, video, rng),
            to_picture=window.matrix,
            region=plan.region,
            camera=view.camera,
            rotations=rotations,
            betas=scene.person.betas,
            joints=seen,
            stature=scene.person.stature,
            up=view.rotation[:, 1],
            framing=scene.framing,
            kind=scene.person.kind,
            facing=float(-rotations[0][:, 2] @ seen[0] / np.linalg.norm(seen[0])),
            share=share,
            seen=joints_seen(window.raster.project(seen), plan.owner, drawing.face) & plan.inside,
            others=scene.others,
            table=scene.table,
            video=video,
        )


def painter_on(device: str, sources: CropSources) -> Painter:
    """A painter for the device "cpu" or "cuda".

    Raises:
        PainterError: there is no such device here.
        NotCompiledError: the device is "cuda", and numba's CUDA is not installed.
    """
    if device == "cuda":
        from metrichmsr_ros.data.rendering.crops.cuda.painter import CudaPainter

        return CudaPainter(sources)
    if device != "cpu":
        raise PainterError(f"crops are to be drawn on {device!r}: choose cpu or cuda")
    return Painter(sources)


def _true_region(scene: CropScene, joints: Float64Array, pixels: Float64Array) -> Roi:
    """The region that BlazePose aims at; `joints` (24, 3) in the camera frame, `pixels` (24, 2) in the image."""
    turned = scene.person.body[::12] @ turn_about_y(scene.heading).T
    points = body_points(scene.view.to_camera(turned), float(joints[0, 2]))
    return true_region(scene.view.camera.project(points), pixels)


def _in_sight(scene: CropScene, window: Window) -> list[Mesh]:
    """The person, and the others and things that the window shows."""
    kept = [scene.meshes[0]]
    for mesh in scene.meshes[1:]:
        sample = scene.view.to_camera(mesh.vertices[:: max(1, len(mesh.vertices) // 64)].astype(np.float64))
        if sample[:, 2].max() < 0.1:
            continue
        if window.shows(scene.view.camera.project(np.maximum(sample, [-np.inf, -np.inf, 0.1]))):
            kept.append(mesh)
    return kept
