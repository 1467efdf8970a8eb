"""Configuration of human training: a frozen dataclass, read from YAML. `model` may be a path relative to that file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, Literal

from metrichmsr_ros.config import AT_LEAST_0, AT_LEAST_1, ConfigError, build, check_ranges, read_yaml
from metrichmsr_ros.data.image_augment import ImageAugment
from metrichmsr_ros.data.image_sets import ImageSet
from metrichmsr_ros.errors import MetricHMRError, naming
from metrichmsr_ros.hmr.config import ModelConfig
from metrichmsr_ros.hmr.network.losses import HumanLossWeights

LARGEST_SEED = 2**31 - 2
"""Its product with 2^33 is still a seed of torch, see `batches.generator_of`."""

HELD_OUT_FIGURES = (
    *("pa_mpjpe", "mpjpe", "pve", "root", "root_percent", "root_median_percent", "height", "reprojection_percent"),
)
"""Metrics of `training.human.validation.validate` that `keep_best` may name; smaller is better."""


class TrainingError(MetricHMRError, RuntimeError):
    """Training cannot continue; the message names the people of the batch or the file, and the remedy."""


@dataclass(frozen=True)
class AugmentConfig:
    """Augmentation of landmarks in training; with all values 0 the data is used unchanged."""

    mirror: float = 0.5  # probability
    distance: float = 0.2  # standard deviation of the logarithm; needs landmarks_cam, like `turn`
    far: float = 0.0  # probability of being moved up to ten times as far instead, beyond the largest rendered distance
    turn: float = 0.2  # standard deviation, radians, of a rotation of the person about its root
    crop_scale: float = 0.15  # largest change of the logarithm of the crop's side
    crop_shift: float = 0.05  # standard deviation, in crop sides
    crop_rotation: float = 0.15  # standard deviation, radians
    landmark_noise: float = 0.006  # standard deviation, in crop sides
    world_noise: float = 0.006  # standard deviation, metres
    dropout: float = 0.03  # probability that a landmark gets a large error and a low visibility


@dataclass(frozen=True)
class LabelBodyFiles:
    """Body models of the labels of image sets: specs as in `load_body` for SMPL, paths for SMPL-X."""

    neutral: str = ""  # empty: the body of the trained network, if that is SMPL
    female: str = ""
    male: str = ""
    smplx_neutral: str = ""
    smplx_female: str = ""
    smplx_male: str = ""


@dataclass(frozen=True)
class TrainConfig:
    """One training run.

    Networks over landmarks are trained on `train` and validated on `validation`: glob patterns of shards, which share
    no motion and no shape. They can also be trained on annotated sets of `images`; shards then have the weight 1.
    Networks over pixels are trained on `images` and validated on `validation_images`.
    """

    name: str = "embedded"
    model: ModelConfig = field(default_factory=ModelConfig)
    train: tuple[str, ...] = ()
    validation: tuple[str, ...] = ()
    images: tuple[ImageSet, ...] = ()
    validation_images: tuple[ImageSet, ...] = ()
    validation_people: int = 2000  # of validation_images, spread evenly
    bodies: LabelBodyFiles = field(default_factory=LabelBodyFiles)
    workers: int = 0  # processes that cut crops; 0: the training process cuts them
    simulated: int = 0  # simulated people, drawn near those of the shards with their landmark errors, before training
    standing_repeats: int = 0  # additional draws per epoch of people who stand or walk; landmark data only
    initial_weights: str = ""  # preset or .safetensors file of the same network to start from, e.g. for fine-tuning
    keep_branch: bool = False  # write the weights with the pixel branch of `initial_weights`, unchanged
    output: str = "out/train"
    batch_size: int = 256  # people, over all processes together
    steps: int = 0  # 0: take `epochs`
    epochs: float = 40.0
    learning_rate: float = 1e-3
    weight_decay: float = 1e-4
    warmup_steps: int = 200
    schedule: Literal["cosine", "constant"] = "cosine"
    gradient_clip: float = 1.0
    ema_decay: float = 0.999
    precision: Literal["float32", "bf16"] = "float32"
    parallel: Literal["ddp", "fsdp"] = "ddp"  # several processes: the network is replicated, or sharded over them
    vertices_every: int = 1  # the vertex loss is slow on a CPU: taken every n-th step with n times its weight
    validate_every: int = 1000
    keep_best: tuple[str, ...] = ()  # held-out metrics whose smallest product selects the step; none: the last step
    checkpoint_every: int = 500
    log_every: int = 20
    seed: int = 0
    losses: HumanLossWeights = field(default_factory=HumanLossWeights)
    augmentation: AugmentConfig = field(default_factory=AugmentConfig)  # of landmarks
    image_augmentation: ImageAugment = field(default_factory=ImageAugment)

    def __post_init__(self) -> None:
        """Raises ConfigError for numbers without meaning, and for data of a kind that the network does not read."""
        over_pixels = not self.model.image_encoder.reads_landmarks
        if over_pixels and (self.train or self.validation):
            raise ConfigError("train: shards hold landmarks, but this network reads pixels; set `images` instead")
        if not over_pixels:
            self._check_landmark_data()
        if self.model.image_encoder.reads_maps:
            raise ConfigError(
                "model: image_encoder.kind blazepose_pixels has a branch that is trained by itself: use kind blazepose "
                "here, then `metrichmsr train pixels`"
            )
        self._check_numbers()
        if self.keep_best and not (self.validation or self.validation_images):
            raise ConfigError("keep_best: needs held-out people; set validation or validation_images")
        unknown = set(self.keep_best) - set(HELD_OUT_FIGURES)
        if unknown:
            raise ConfigError(f"keep_best: unknown metrics {sorted(unknown)}; choose from {list(HELD_OUT_FIGURES)}")
        if self.keep_branch and (over_pixels or not self.initial_weights):
            raise ConfigError("keep_branch: name weights with a pixel branch in `initial_weights`, e.g. embedded")

    def _check_numbers(self) -> None:
        check_ranges(
            self,
            batch_size=AT_LEAST_1,
            vertices_every=AT_LEAST_1,
            log_every=AT_LEAST_1,
            validate_every=AT_LEAST_1,
            checkpoint_every=AT_LEAST_1,
            validation_people=AT_LEAST_1,
            workers=AT_LEAST_0,
            simulated=AT_LEAST_0,
            standing_repeats=AT_LEAST_0,
            steps=AT_LEAST_0,
            epochs=AT_LEAST_0,
            warmup_steps=AT_LEAST_0,
            learning_rate=AT_LEAST_0,
            weight_decay=AT_LEAST_0,
            gradient_clip=AT_LEAST_0,
            ema_decay=(0, 1),
            seed=(0, LARGEST_SEED),
        )
        if not self.steps and not self.epochs:
            raise ConfigError("steps: it and epochs are 0, so that nothing would be learnt; set one of them")
        if self.images and not self.train and not any(of.weight for of in self.images):
            raise ConfigError("images: every weight is 0, so that nobody would be drawn; give one set a weight above 0")

    def _check_landmark_data(self) -> None:
        if self.validation_images or any(of.kind != "annotated" for of in self.images):
            raise ConfigError(
                "images: this network reads landmarks, not pixels; set `train` to its shards instead, or `images` to "
                "sets of kind annotated"
            )
        if self.images and self.standing_repeats:
            raise ConfigError("standing_repeats: is for shards alone; set it to 0 where `images` are given")
        if self.simulated and self.images and not self.train:
            raise ConfigError("simulated: people are simulated around those of shards; set `train`, or simulated: 0")


def differing_keys(config: TrainConfig, written: Mapping[str, Any]) -> list[str]:
    """Keys whose values differ between `config` and `written`, a configuration stored by `to_mapping`.

    Keys that `written` does not have, because it is older than they are, count as their defaults.
    """
    names = [f.name for f in fields(TrainConfig)]
    unknown = sorted(written.keys() - set(names))
    if unknown:
        return unknown
    try:
        earlier = build(TrainConfig, written)
    except ConfigError as error:
        return [str(error)]
    return [name for name in names if getattr(config, name) != getattr(earlier, name)]


def load_train_config(path: str | Path) -> TrainConfig:
    """Reads a training YAML. `model: ../models/x.yaml` reads the network's configuration from that file.

    Raises ConfigError, which names the file and the key.
    """
    path = Path(path)
    values = read_yaml(path)
    if isinstance(values.get("model"), str):
        with naming(ConfigError, path):
            values["model"] = read_yaml(path.parent / values["model"])
    try:
        return build(TrainConfig, values)
    except ConfigError as error:
        raise ConfigError(f"{path}: {error}") from None
