"""Stand-ins for BlazePose and for the maker of synthetic scenes, which report the truth of a scene."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, cast

import numpy as np

from metrichmsr_ros.data.synthesis.observe import Observation, observe
from metrichmsr_ros.data.synthesis.scene import RenderedPerson, RenderedScene
from metrichmsr_ros.people.blazepose.landmarks import Detection, LandmarkSet, Roi
from metrichmsr_ros.types import AnyArray, ImageArray

if TYPE_CHECKING:
    from metrichmsr_ros.people.blazepose.networks import BlazePose


class TrueLandmarks:
    """Has the methods of BlazePose; answers with the projected landmarks of `scene`."""

    scene: RenderedScene

    def __init__(self, heavy: bool = False) -> None:
        self._heavy = heavy

    def _torsos(self) -> Iterator[tuple[RenderedPerson, AnyArray]]:
        for person in self.scene.people:
            yield person, self.scene.camera.project(person.landmarks)

    def detect(self, image: ImageArray) -> list[Detection]:
        """Everybody in the whole image, nobody in a tile."""
        if image.shape != self.scene.image.shape:
            return []
        found = []
        for _, pixels in self._torsos():
            hips, shoulders = pixels[[23, 24]].mean(0), pixels[[11, 12]].mean(0)
            reach = np.linalg.norm(pixels - hips, axis=1).max()
            circle = hips + reach * (shoulders - hips) / (np.linalg.norm(shoulders - hips) + 1e-6)
            found.append(Detection(0.9, np.zeros(4), np.stack([hips, circle, shoulders, circle])))
        return found

    def landmarks(
        self,
        image: ImageArray,
        roi: Roi,
        min_score: float = 0.5,
        *,
        without: Sequence[LandmarkSet] = (),
        keep: LandmarkSet | None = None,
        mirrored: bool = False,
    ) -> LandmarkSet:
        """The person whose hips are nearest to the middle of `roi`."""
        _, pixels = min(self._torsos(), key=lambda pair: np.linalg.norm(pair[1][[23, 24]].mean(0) - roi.centre))
        hips, shoulders = pixels[[23, 24]].mean(0), pixels[[11, 12]].mean(0)
        circle = hips + roi.size / 2.5 * (shoulders - hips) / (np.linalg.norm(shoulders - hips) + 1e-6)
        full = np.concatenate([pixels, [hips, circle, *pixels[[15, 15, 16, 16]]]])
        matrix = roi.matrix()
        crop = full @ matrix[:2, :2].T + matrix[:2, 2]
        ones = np.ones(39, np.float32)
        points = np.concatenate([crop, np.zeros((39, 1))], 1).astype(np.float32)
        pixels = full.astype(np.float32)
        return LandmarkSet(roi, 0.95, points, ones, ones, np.zeros((39, 3)), matrix, pixels, heavy=self._heavy)


class SceneReplay(TrueLandmarks):
    """Also has the method of SceneMaker: the given scenes one after the other, each of which it then sees."""

    def __init__(self, scenes: Iterable[RenderedScene]) -> None:
        super().__init__()
        self._left = iter(scenes)

    def make(self, rng: np.random.Generator) -> RenderedScene:
        """The next scene; a RuntimeError after the last."""
        scene = next(self._left, None)
        if scene is None:
            raise RuntimeError("out of scenes")
        self.scene = scene
        return scene


def observed(
    scenes: Iterable[RenderedScene], rng: np.random.Generator
) -> Iterator[tuple[RenderedScene, list[Observation], list[int]]]:
    """Every scene, the people found in it, and the indices of those missed."""
    networks = TrueLandmarks()
    for scene in scenes:
        networks.scene = scene
        yield scene, *observe(scene, cast("BlazePose", networks), rng)
