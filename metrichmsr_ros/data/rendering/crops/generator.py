"""The generator: (seed, step) -> pictures of people with truth, the same whenever the same libraries make them.

    maker = CropMaker(CropSources.load(Path("photographs"), held_out=False))
    for crop in maker.make(seed=0, step=0):
        ...

Each step draws `PEOPLE` people; each is the subject of one picture and a passer-by of some others.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count

import numpy as np
from numpy.typing import NDArray

from metrichmsr_ros.data.mocap.pose_bank import PoseBank
from metrichmsr_ros.data.rendering.compiled.meshes import Mesh, joined, turn_about_y
from metrichmsr_ros.data.rendering.compiled.visibility import joints_seen, share_seen
from metrichmsr_ros.data.rendering.crops.framing import Framing, joints_inside
from metrichmsr_ros.data.rendering.crops.people import PeopleMaker
from metrichmsr_ros.data.rendering.crops.picture import CropSources, Painter
from metrichmsr_ros.data.rendering.crops.regions import body_points, seen_region, true_region
from metrichmsr_ros.data.rendering.crops.scene import CropScene, random_scene
from metrichmsr_ros.data.rendering.crops.stature import StaturePrior
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


class CropMaker:
    """Makes crops of people from one side of the split of shapes, poses and photographs."""

    def __init__(
        self,
        sources: CropSources,
        prior: StaturePrior | None = None,
        held_out: bool = False,
        bank: PoseBank | None = None,
    ) -> None:
        """`prior`: None takes the default shares; `bank`: None takes the package's poses."""
        self._held_out, self._pictures = held_out, len(sources.pictures)
        self._people = PeopleMaker(prior or StaturePrior(), bank or PoseBank.load(), held_out, self._pictures)
        self._painter = Painter(sources)

    def make(self, seed: int, step: int) -> Iterator[RenderedCrop]:
        """The crops of one step; people of whom nearly nothing is seen are left out."""
        rng = np.random.default_rng([seed, int(self._held_out), step])
        people = self._people.draw(PEOPLE, rng)
        for number in range(PEOPLE):
            one = np.random.default_rng([seed, int(self._held_out), step, number])
            crop = self._crop(number, random_scene(number, people, one, self._pictures), one)
            if crop is not None:
                yield crop

    def make_one(self, seed: int, index: int) -> RenderedCrop:
        """Crop `index` of an endless sequence; enough of the person is seen, and fewer passers-by than in `make`."""
        for attempt in count():
            rng = np.random.default_rng([seed, int(self._held_out), index, attempt, _ALONE])
            people = self._people.draw(_COMPANY, rng)
            crop = self._crop(0, random_scene(0, people, rng, self._pictures), rng)
            if crop is not None:
                return crop
        raise AssertionError("unreachable")

    def _crop(self, number: int, scene: CropScene, rng: np.random.Generator) -> RenderedCrop | None:
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
        drawing = self._painter.draw(scene, mesh, window, rng)
        owner = owner[mesh.parts]
        share = share_seen(drawing.points, mesh.faces, owner, drawing.face)
        if share < _LEAST:
            return None
        video = bool(region.size < _FAR_PX and rng.random() < 0.5)
        rotations = scene.person.rotations.copy()
        rotations[0] = view.rotation @ turn_about_y(scene.heading) @ rotations[0]
        return RenderedCrop(
            number=number,
            picture=self._painter.photograph(drawing.picture, window, video, rng),
            to_picture=window.matrix,
            region=region,
            camera=camera,
            rotations=rotations,
            betas=scene.person.betas,
            joints=seen,
            stature=scene.person.stature,
            up=view.rotation[:, 1],
            framing=scene.framing,
            kind=scene.person.kind,
            facing=float(-rotations[0][:, 2] @ seen[0] / np.linalg.norm(seen[0])),
            share=share,
            seen=joints_seen(window.raster.project(seen), owner, drawing.face) & inside,
            others=scene.others,
            table=scene.table,
            video=video,
        )


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
