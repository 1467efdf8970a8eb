"""Batches of human training, from landmark tables or from images. A batch is a function of (seed, step) alone.

So a resumed run trains on the same people as an uninterrupted one, and the parts of several processes add up to the
batch of a single process.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterable, Iterator, Sequence
from itertools import count, islice
from typing import Protocol, cast

import cv2
import numpy as np
import torch

from metrichmsr_ros.data.crop_dataset import DrawnPeople, PeopleCrops, PersonSample, collate
from metrichmsr_ros.data.mixing import MixSampler, Mixture
from metrichmsr_ros.hmr.inputs import refuse_heavy
from metrichmsr_ros.hmr.network.batch import CropBatch
from metrichmsr_ros.hmr.network.losses import Truth
from metrichmsr_ros.training.distributed import Processes
from metrichmsr_ros.training.human.calibrate_bias import standing
from metrichmsr_ros.training.human.config import TrainConfig
from metrichmsr_ros.training.human.landmark_augment import augment
from metrichmsr_ros.training.human.landmark_table import SIMULATED, PeopleTable, joined
from metrichmsr_ros.types import AnyArray


class Batches(Protocol):
    """The augmented people of every step of one run, on the CPU."""

    def __len__(self) -> int:
        """Number of draws in an epoch."""

    def share(self, step: int, among: Processes) -> PersonSample:
        """This process's part of the batch of `step`."""

    def names(self, step: int) -> list[str]:
        """Names of the people in the whole batch of `step`, for messages."""

    def labels_sha256(self) -> str:
        """Hex digest over the names and labels of everybody, by which a resumed run knows that they are the same."""


def total_steps(config: TrainConfig, people: int) -> int:
    """`config.steps`, or the steps of `config.epochs` if that is 0."""
    return config.steps or math.ceil(config.epochs * people / config.batch_size)


def generator_of(seed: int, stream: int, number: int) -> torch.Generator:
    """A random generator whose state is a function of the three integers."""
    return torch.Generator().manual_seed(((seed * 2 + stream) << 32) + number)


class LandmarkBatches:
    """Batches of a table in memory. Every epoch draws everybody once, in a new random order.

    People who stand or walk are drawn `config.standing_repeats` more times per epoch.
    """

    def __init__(self, config: TrainConfig, people: PeopleTable) -> None:
        self.config, self.people = config, people
        if not config.model.image_encoder.reads_heavy:
            refuse_heavy(people.inputs.heavy)
        repeated = standing(people.truth.joints_cam).nonzero()[:, 0].repeat(config.standing_repeats)
        self._rows = torch.cat([torch.arange(len(people)), repeated])
        self._order: tuple[int, torch.Tensor] = (-1, torch.empty(0))

    def __len__(self) -> int:
        """Number of draws in an epoch."""
        return len(self._rows)

    def share(self, step: int, among: Processes) -> tuple[CropBatch, Truth]:
        """As in `Batches`. The whole batch is augmented, so that a part does not depend on the number of processes."""
        index = self.index(step)
        generator = generator_of(self.config.seed, 0, step)
        batch, truth = augment(*self.people.select(index), self.config.augmentation, generator)
        part = torch.arange(len(index))[among.share(len(index))]
        return batch.select(part), truth.select(part)

    def names(self, step: int) -> list[str]:
        """As in `Batches`."""
        return [self.people.keys[i] for i in self.index(step).tolist()]

    def labels_sha256(self) -> str:
        """As in `Batches`. Simulated people follow from the others and the configuration."""
        truth, keys = self.people.truth, self.people.keys
        rows = [row for row, key in enumerate(keys) if not key.startswith(SIMULATED)]
        labels = (value[rows].numpy() for value in (truth.pose, truth.betas, truth.transl))
        return _sha256([([keys[row] for row in rows], labels)])

    def index(self, step: int) -> torch.Tensor:
        """Rows of the table in the batch of `step`."""
        size, draws = self.config.batch_size, len(self)
        positions = range(step * size, (step + 1) * size)
        return self._rows[torch.stack([self._permutation(p // draws)[p % draws] for p in positions])]

    def _permutation(self, epoch: int) -> torch.Tensor:
        if self._order[0] != epoch:
            generator = generator_of(self.config.seed, 1, epoch)
            self._order = (epoch, torch.randperm(len(self), generator=generator))
        return self._order[1]


class MixedLandmarkBatches(LandmarkBatches):
    """Batches of several tables, each drawn by its weight; in each, everybody is drawn once before anybody is twice."""

    def __init__(self, config: TrainConfig, tables: Sequence[PeopleTable], weights: Sequence[float]) -> None:
        super().__init__(config, joined(tables))
        self._lengths, self._weights = [len(table) for table in tables], tuple(weights)
        self._next_step = -1
        self._draws: Iterator[int] = iter(())

    def index(self, step: int) -> torch.Tensor:
        """As in `LandmarkBatches`."""
        size = self.config.batch_size
        if step != self._next_step:
            count = (total_steps(self.config, len(self)) - step) * size
            sampler = MixSampler(self._lengths, self._weights, max(count, size), self.config.seed, step * size)
            self._draws = iter(sampler)
        self._next_step = step + 1
        return torch.tensor(list(islice(self._draws, size)))


class ImageBatches:
    """Batches of crops that `config.workers` processes cut from images during training.

    Draw n of a run belongs to step n // batch_size. It is a sample of `data.mixing`, augmented with seed (seed, n).
    """

    def __init__(self, config: TrainConfig, mixture: Mixture, weights: tuple[float, ...]) -> None:
        self.config, self.mixture, self.weights = config, mixture, weights
        self._next_step = -1
        self._batches: Iterator[PersonSample] = iter(())

    def __len__(self) -> int:
        """Number of people in all sets."""
        return len(self.mixture)

    def share(self, step: int, among: Processes) -> PersonSample:
        """As in `Batches`; consecutive steps are prefetched."""
        if step != self._next_step:
            self._batches = iter(self._loader(step, among))
        self._next_step = step + 1
        return next(self._batches)

    def names(self, step: int) -> list[str]:
        """As in `Batches`."""
        size = self.config.batch_size
        places = [self.mixture.locate(index) for index in self._sampler(step * size, size)]
        return [_people(self.mixture, part).name(place) for part, place in places]

    def labels_sha256(self) -> str:
        """As in `Batches`, without people who are rendered while the network trains."""
        tables = [part.table for part in self.mixture.parts if isinstance(part, PeopleCrops)]
        return _sha256((one.person, (one.pose, one.betas, one.transl, one.bbox, one.joints_2d)) for one in tables)

    def _loader(self, step: int, among: Processes) -> torch.utils.data.DataLoader[PersonSample]:
        return torch.utils.data.DataLoader(
            _Drawn(self.mixture, self.config.seed),
            batch_sampler=self._draws(step, among),  # any iterable of lists of indices
            collate_fn=collate,
            num_workers=self.config.workers,
            worker_init_fn=_single_threaded_opencv,
        )

    def _draws(self, step: int, among: Processes) -> Iterator[list[tuple[int, int]]]:
        """Lists of (draw, sample) of this process, one for each step until the end of the run."""
        size = self.config.batch_size
        rows = among.share(size)
        part, start = rows.stop - rows.start, step * size
        steps = total_steps(self.config, len(self)) - step
        samples = self._sampler(start, steps * part, among)
        numbered = zip(count(start + among.rank, among.world), samples, strict=False)
        while batch := list(islice(numbered, part)):
            yield batch

    def _sampler(self, start: int, draws: int, among: Processes | None = None) -> MixSampler:
        rank, world = (among.rank, among.world) if among else (0, 1)
        return MixSampler(self.mixture.lengths, self.weights, draws, self.config.seed, start, rank, world)


class _Drawn(torch.utils.data.Dataset[PersonSample]):
    """Item (draw, sample) of a mixture of `DrawnPeople`."""

    def __init__(self, mixture: Mixture, seed: int) -> None:
        self.mixture, self.seed = mixture, seed

    def __getitem__(self, item: tuple[int, int]) -> PersonSample:
        draw, index = item
        part, place = self.mixture.locate(index)
        return _people(self.mixture, part).sample(place, np.random.default_rng([self.seed, draw]))


def _sha256(tables: Iterable[tuple[Sequence[str], Iterable[AnyArray]]]) -> str:
    """Hex digest over names and labels of tables."""
    digest = hashlib.sha256()
    for names, labels in tables:
        digest.update("\n".join(names).encode())
        for values in labels:
            digest.update(np.ascontiguousarray(values, np.float32).tobytes())
    return digest.hexdigest()


def _people(mixture: Mixture, part: int) -> DrawnPeople:
    return cast(DrawnPeople, mixture.parts[part])


def _single_threaded_opencv(worker: int) -> None:
    cv2.setNumThreads(0)  # the workers already run in parallel
