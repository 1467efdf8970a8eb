"""An endless data set of rendered people, as training samples like those that `crop_dataset` cuts from photographs."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from scipy.spatial.transform import Rotation

from metrichmsr_ros.body.base import BodyModel
from metrichmsr_ros.data.crop_dataset import PersonSample, crop_inputs, truth_of
from metrichmsr_ros.data.formats.labels import AS_STORED, PersonLabel, box_around
from metrichmsr_ros.data.image_augment import (
    NO_AUGMENT,
    ImageAugment,
    change_colours,
    draw_crop,
    draw_view_change,
    occlude_patch,
)
from metrichmsr_ros.data.rendering.crops.generator import CropMaker, RenderedCrop
from metrichmsr_ros.data.rendering.crops.picture import CropSources
from metrichmsr_ros.data.rendering.crops.stature import PeoplePrior
from metrichmsr_ros.geometry.crop import warp_crop

PEOPLE = 1 << 22
"""Length of the data set; no run draws as many people."""


@dataclass
class RenderedPeople(torch.utils.data.Dataset[PersonSample]):
    """Item i is a CropBatch and a Truth of rendered person i, the same for a seed.

    Attributes:
        body: body model of the trained network, one of the open bodies.
        crop_size: (width, height) of the crops.
        backgrounds: folder of photographs and textures as for `CropSources.load`; None: rooms and plain colours.
        prior: shares of children, of women, and of people who act with their arms.
        held_out: True draws shapes, poses and photographs that training never draws.
        augment: ranges of the augmentation, on top of what the generator varies.
        seed: of the people, and of the augmentation in `__getitem__`.
    """

    body: BodyModel
    crop_size: tuple[int, int]
    backgrounds: Path | None = None
    prior: PeoplePrior = field(default_factory=PeoplePrior)
    held_out: bool = False
    augment: ImageAugment = NO_AUGMENT
    seed: int = 0
    _maker: CropMaker | None = field(default=None, repr=False)

    def __len__(self) -> int:
        """Number of people; far more than a run draws."""
        return PEOPLE

    def __getitem__(self, index: int) -> PersonSample:
        """The sample of one person."""
        return self.sample(index, np.random.default_rng([self.seed, index]))

    def name(self, index: int) -> str:
        """The person's name in messages."""
        return f"rendered person {index} of seed {self.seed}"

    def sample(self, index: int, rng: np.random.Generator) -> PersonSample:
        """The sample of one person, augmented with `rng`."""
        rendered = self._made().make_one(self.seed, index)
        label = label_of(rendered, self.name(index))
        size = (rendered.camera.width, rendered.camera.height)
        view = draw_view_change(self.augment, size[0], label.intrinsics, rng)
        inputs, matrix = crop_inputs(label, view, draw_crop(self.augment, rng), size, self.crop_size)
        crop = warp_crop(rendered.picture, matrix @ np.linalg.inv(rendered.to_picture), self.crop_size)
        crop = occlude_patch(change_colours(crop, self.augment, rng), self.augment, rng)
        pixels = torch.from_numpy(crop).permute(2, 0, 1)[None].float() / 255.0
        return dataclasses.replace(inputs, image=pixels), truth_of(label, view, self.body)

    def _made(self) -> CropMaker:
        if self._maker is None:  # in the process that draws, because loading takes seconds
            self._maker = CropMaker(CropSources.load(self.backgrounds, self.held_out), self.prior, self.held_out)
        return self._maker


def label_of(rendered: RenderedCrop, person: str) -> PersonLabel:
    """The truth of a rendered person as a label of the image that its picture is part of."""
    pixels = rendered.camera.project(rendered.joints)
    joints_2d = np.concatenate([pixels, rendered.seen[:, None]], 1).astype(np.float32)
    return PersonLabel(
        person=person,
        image=Path(),
        turn=AS_STORED,
        body="open",
        gender="neutral",
        intrinsics=rendered.camera.intrinsics,
        distortion=np.zeros(5),
        bbox=box_around(pixels[None], 1.2)[0],
        pose=Rotation.from_matrix(rendered.rotations).as_rotvec().reshape(72).astype(np.float32),
        betas=rendered.betas.astype(np.float32),
        transl=rendered.joints[0].astype(np.float32),
        pelvis=np.zeros(3, np.float32),
        joints_2d=joints_2d,
        has_pose=True,
        has_betas=True,
        has_transl=True,
    )
