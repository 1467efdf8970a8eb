"""The image sets of a training YAML, as training batches and as held-out people for validation."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from metrichmsr_ros.body.base import BodyModel
from metrichmsr_ros.body.load import load_body
from metrichmsr_ros.body.smplx_joints import SmplxJoints
from metrichmsr_ros.config import ConfigError
from metrichmsr_ros.data.crop_dataset import PeopleCrops, PersonSample, collate
from metrichmsr_ros.data.formats.labels import LabelError
from metrichmsr_ros.data.image_augment import NO_AUGMENT, ImageAugment
from metrichmsr_ros.data.image_sets import ImageSet, LabelBodies, read_image_set
from metrichmsr_ros.data.mixing import Mixture
from metrichmsr_ros.data.rendered_people import RenderedPeople
from metrichmsr_ros.data.rendering.crops.stature import PeoplePrior
from metrichmsr_ros.geometry.camera import Camera
from metrichmsr_ros.training.human.batches import ImageBatches
from metrichmsr_ros.training.human.config import LabelBodyFiles, TrainConfig


def image_batches(config: TrainConfig) -> ImageBatches:
    """Training batches of the sets in `config.images`.

    Raises:
        LabelError: as the readers do.
        ConfigError: rendered people are endless, but `config.steps` is 0.
    """
    if any(of.kind == "rendered" for of in config.images) and not config.steps:
        raise ConfigError("steps: rendered people are endless, so that there are no epochs; set the number of steps")
    parts, weights = _crops(config, config.images, config.image_augmentation)
    return ImageBatches(config, Mixture(parts), tuple(weights))


@dataclass(frozen=True)
class HeldOutImages:
    """`count` held-out people, spread evenly over all sets, cropped without augmentation."""

    mixture: Mixture
    count: int
    workers: int

    def __len__(self) -> int:
        """Number of people."""
        return min(self.count, len(self.mixture))

    def batches(self, size: int) -> Iterator[PersonSample]:
        """The people, `size` at a time."""
        index = np.linspace(0, len(self.mixture) - 1, len(self)).round().astype(int).tolist()
        chosen = torch.utils.data.Subset(self.mixture, index)
        yield from torch.utils.data.DataLoader(chosen, size, collate_fn=collate, num_workers=self.workers)


def held_out_images(config: TrainConfig) -> HeldOutImages:
    """The people of `config.validation_images` whose pose, shape and translation are labelled.

    Raises LabelError if there are none, or as the readers do.
    """
    parts, _ = _crops(config, config.validation_images, NO_AUGMENT, held_out=True)
    labelled = [_fully_labelled(people) if isinstance(people, PeopleCrops) else people for people in parts]
    labelled = [people for people in labelled if len(people)]
    if not labelled:
        raise LabelError("validation_images: no set labels pose, betas and translation; name one that does")
    return HeldOutImages(Mixture(labelled), config.validation_people, config.workers)


def names_of(mixture: Mixture) -> Iterator[str]:
    """Picture and name of every labelled person; rendered people of training and validation are never the same."""
    for people in mixture.parts:
        if isinstance(people, PeopleCrops):
            for picture, person in zip(people.table.image, people.table.person, strict=True):
                yield f"{person} in {picture}"


def _fully_labelled(crops: PeopleCrops) -> PeopleCrops:
    table = crops.table
    rows = np.flatnonzero(table.has_pose & table.has_betas & table.has_transl)
    return dataclasses.replace(crops, table=table.select(rows))


def _crops(
    config: TrainConfig, sets: tuple[ImageSet, ...], augment: ImageAugment, held_out: bool = False
) -> tuple[list[PeopleCrops | RenderedPeople], list[float]]:
    """A data set for each table, and its weight: a set's weight is divided among its tables by their length.

    `held_out` draws rendered people of whom training draws neither shape, pose nor photograph.
    """
    trained = load_body(config.model.body)
    bodies = label_bodies(config.bodies, config.model.body, trained)
    parts: list[PeopleCrops | RenderedPeople] = []
    weights: list[float] = []
    for image_set in sets:
        if image_set.kind == "rendered":
            parts.append(_rendered(config, image_set, trained, augment, held_out))
            weights.append(image_set.weight)
            continue
        tables = read_image_set(image_set, bodies)
        people = sum(map(len, tables))
        for table in tables:
            parts.append(
                PeopleCrops(
                    table,
                    trained,
                    config.model.image_encoder.crop_size,
                    augment=augment,
                    seed=config.seed,
                    assumed_camera=Camera.long_side,
                    label_bodies=bodies.smpl if table.body == "smpl" else None,
                )
            )
            weights.append(image_set.weight * len(table) / people)
    return parts, weights


def _rendered(
    config: TrainConfig, of: ImageSet, trained: BodyModel, augment: ImageAugment, held_out: bool
) -> RenderedPeople:
    if not config.model.body.startswith("open"):
        raise LabelError(f"rendered set: its betas are the open body's, but the network's body is {config.model.body}")
    folder = Path(of.path).expanduser() if of.path else None
    size, prior = config.model.image_encoder.crop_size, PeoplePrior(children=of.children)
    return RenderedPeople(trained, size, folder, prior, held_out, augment, config.seed)


def label_bodies(files: LabelBodyFiles, trained_spec: str, trained: BodyModel) -> LabelBodies:
    """The bodies of `files`; a network of SMPL uses its own body as the neutral one if `files` names none."""
    specs = {"neutral": files.neutral or (trained_spec if trained_spec.startswith("smpl:") else "")}
    specs |= {"female": files.female, "male": files.male}
    smpl = {g: trained if spec == trained_spec else load_body(spec) for g, spec in specs.items() if spec}
    smplx = {"neutral": files.smplx_neutral, "female": files.smplx_female, "male": files.smplx_male}
    return LabelBodies(trained_spec, smpl, {g: SmplxJoints(path) for g, path in smplx.items() if path})
