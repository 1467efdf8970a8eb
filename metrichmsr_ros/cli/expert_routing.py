"""`metrichmsr routing`: routing of body parts to experts, as heat maps over images and a table of joints by experts.

One figure per person: the crop with its joints, then one heat map per routed expert of the deepest Patch MoE layer.
For landmark tokens a map interpolates the weights of the landmarks; for ViT tokens it is the patch grid. The table is
the mean over all people with the joint in view.
"""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import torch

from metrichmsr_ros.body.joints import JOINT_NAMES, LANDMARK_NAMES
from metrichmsr_ros.cli.output_files import refuse_inputs
from metrichmsr_ros.cli.predict import InputError, load_photo, photo_camera
from metrichmsr_ros.geometry.camera_options import Intrinsics
from metrichmsr_ros.geometry.crop import apply_matrix, warp_crop
from metrichmsr_ros.hmr.camera_estimator import CameraEstimator
from metrichmsr_ros.hmr.inputs import crop_inputs
from metrichmsr_ros.hmr.network.batch import CropBatch
from metrichmsr_ros.hmr.network.expert_routing import at_pixels, patch_maps, patch_routing, spread_over
from metrichmsr_ros.hmr.network.model import MetricHMR
from metrichmsr_ros.io.image_header import MAX_PIXELS
from metrichmsr_ros.io.images import write_image
from metrichmsr_ros.io.whole_files import whole_file, write_whole
from metrichmsr_ros.pipeline.pipeline import Pipeline
from metrichmsr_ros.pipeline.scene import OutputRequest, PersonEstimate, Scene
from metrichmsr_ros.types import AnyArray, ImageArray
from metrichmsr_ros.visual.expert_routing import draw_person, draw_table


@dataclass(frozen=True)
class PersonRouting:
    """One person's crop and the routing of its pixels and joints.

    crop: (H, W, 3) RGB; joints: (J, 2) crop pixels and weights: (J, K) share of each expert there, both NaN if the
    joint is not in view; maps: (K, H, W) share of each expert; opacity: (H, W) 0..1, validity of the maps.
    """

    name: str
    crop: ImageArray
    joints: AnyArray
    weights: AnyArray
    maps: AnyArray
    opacity: AnyArray

    def draw(self, limits: tuple[float, float]) -> ImageArray:
        """The person's figure; `limits` are the least and largest share of the colour scale."""
        return draw_person(self.crop, self.joints, self.weights, self.maps, self.opacity, limits)


@dataclass(frozen=True)
class RoutingFiles:
    """Files written by `route_images`: a figure per person, and the table as PNG, CSV and Markdown (none if nobody)."""

    people: tuple[Path, ...]
    tables: tuple[Path, ...]


def route_images(
    pipeline: Pipeline,
    model: MetricHMR,
    images: Sequence[Path],
    out: Path,
    fov_deg: float | None = None,
    intrinsics: Intrinsics | None = None,
    max_pixels: int = MAX_PIXELS,
) -> RoutingFiles:
    """Compute the routing of all people in `images`; write `<image>_<person>.png` and `routing.{png,csv,md}` to `out`.

    `pipeline` finds the people, `model` is its network.

    Raises:
        InputError: no image is given, or one is unreadable.
        ReplacedFileError: a figure would replace one of the images.
        RoutingError: the network has no routed experts.
    """
    if not images:
        raise InputError("no images: give the path of at least one photograph (JPEG, PNG, ...)")
    out.mkdir(parents=True, exist_ok=True)
    found: list[PersonRouting] = []
    estimator = CameraEstimator.load()
    for path in images:
        photo = load_photo(path, max_pixels)
        camera = photo_camera(photo.image, fov_deg, intrinsics, estimator, photo.orientation)
        scene = pipeline.estimate(photo.image, camera, request=OutputRequest(False, False))
        found += person_routings(model, scene, path.stem)
    if not found:
        return RoutingFiles((), ())
    refuse_inputs(images, [out / f"{name}.png" for name in ("routing", *(person.name for person in found))])
    weights = np.stack([person.weights for person in found])
    limits = (float(np.nanmin(weights)), float(np.nanmax(weights)))
    people = tuple(_write(out / f"{person.name}.png", person.draw(limits)) for person in found)
    return RoutingFiles(people, write_tables(out, weights, limits))


def person_routings(model: MetricHMR, scene: Scene, name: str) -> list[PersonRouting]:
    """The routing of all people in `scene`; figures are named `name`_<person's id>."""
    if not scene.people:
        return []
    config = model.config
    landmarks = [person.landmarks for person in scene.people]
    batch = CropBatch.of(crop_inputs(config, scene.image, landmarks, scene.camera))
    routing = patch_routing(model, batch.to(next(model.parameters()).device))
    of_one = _by_landmark if config.image_encoder.reads_landmarks else _by_patch
    return [
        of_one(f"{name}_{person.id}", person, scene, batch.select(torch.tensor([row])), routing[row])
        for row, person in enumerate(scene.people)
    ]


def _by_landmark(name: str, person: PersonEstimate, scene: Scene, batch: CropBatch, routing: AnyArray) -> PersonRouting:
    body = slice(0, len(LANDMARK_NAMES))
    pixels = batch.landmarks[0, body, :2].numpy()
    joints, weights = _in_view(pixels, routing[body], batch.crop_size, batch.presence[0, body].numpy() >= 0.5)
    maps, opacity = spread_over(joints, weights, batch.crop_size)
    return PersonRouting(name, warp_crop(scene.image, _matrix(batch), batch.crop_size), joints, weights, maps, opacity)


def _by_patch(name: str, person: PersonEstimate, scene: Scene, batch: CropBatch, routing: AnyArray) -> PersonRouting:
    coarse = patch_maps(routing, batch.crop_size)
    pixels = apply_matrix(_matrix(batch), scene.camera.project(person.joints_cam))
    joints, weights = _in_view(pixels, at_pixels(coarse, pixels), batch.crop_size, np.ones(len(pixels), bool))
    maps = np.stack([cv2.resize(grid, batch.crop_size, interpolation=cv2.INTER_LINEAR) for grid in coarse])
    crop = warp_crop(scene.image, _matrix(batch), batch.crop_size)
    return PersonRouting(name, crop, joints, weights, maps, np.ones(crop.shape[:2]))


def _matrix(batch: CropBatch) -> AnyArray:
    """(3, 3) A = K' K^-1, pixels of the image to pixels of the crop."""
    return (batch.crop_intrinsics[0].double() @ torch.linalg.inv(batch.intrinsics[0].double())).numpy()


def _in_view(pixels: AnyArray, weights: AnyArray, size: tuple[int, int], seen: AnyArray) -> tuple[AnyArray, AnyArray]:
    inside = ((pixels >= 0) & (pixels <= np.array(size) - 1)).all(1) & seen
    return np.where(inside[:, None], pixels, np.nan), np.where(inside[:, None], weights, np.nan)


def write_tables(out: Path, weights: AnyArray, limits: tuple[float, float]) -> tuple[Path, ...]:
    """Write `routing.png`, `.csv` and `.md`: mean share of each expert (P, J, K) per joint over people with it in view.

    The Markdown marks the largest share of each joint in bold; the CSV adds the standard deviation over people.
    """
    count = np.isfinite(weights[..., 0]).sum(0)
    rows = np.flatnonzero(count)
    names = LANDMARK_NAMES if weights.shape[1] == len(LANDMARK_NAMES) else JOINT_NAMES
    mean, spread = np.nanmean(weights[:, rows], 0), np.nanstd(weights[:, rows], 0)
    experts = [f"expert {k + 1}" for k in range(weights.shape[2])]
    with whole_file(out / "routing.csv") as part, part.open("w", newline="", encoding="utf-8") as file:
        table = csv.writer(file)
        table.writerow(["joint", "people", *experts, *(f"{e} deviation" for e in experts)])
        for i, row in enumerate(rows):
            table.writerow([names[row], count[row], *np.round(mean[i], 5), *np.round(spread[i], 5)])
    lines = [f"| joint | people | {' | '.join(experts)} |", "|" + "---|" * (2 + len(experts))]
    for i, row in enumerate(rows):
        cells = [f"**{v:.3f}**" if k == mean[i].argmax() else f"{v:.3f}" for k, v in enumerate(mean[i])]
        lines.append(f"| {names[row].replace('_', ' ')} | {count[row]} | {' | '.join(cells)} |")
    write_whole(out / "routing.md", "\n".join(lines) + "\n")
    picture = draw_table([names[row].replace("_", " ") for row in rows], mean, limits)
    return _write(out / "routing.png", picture), out / "routing.csv", out / "routing.md"


def _write(path: Path, picture: ImageArray) -> Path:
    write_image(path, picture)
    return path
