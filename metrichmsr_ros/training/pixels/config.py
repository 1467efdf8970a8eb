"""Configuration of the pixel branch's training, read from YAML."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from metrichmsr_ros.config import AT_LEAST_0, AT_LEAST_1, ConfigError, build, check_ranges, read_yaml
from metrichmsr_ros.hmr.config import PixelPositionConfig


@dataclass(frozen=True)
class MapNoise:
    """What is changed at random while training, so that the branch trusts neither drawn pixels nor landmarks alone.

    Attributes:
        gain: relative standard deviation of a factor on each channel of the maps.
        noise: of noise on the trunk's map, relative to the channel's own deviation.
        no_pixels: share of people all of whose pixel tokens are missing.
        no_landmarks: share of people all of whose landmark tokens are missing.
        pixels, landmarks: largest share of the tokens of a person that are missing.
        landmark_px, world_m: standard deviations of noise on the landmarks.
    """

    gain: float = 0.1
    noise: float = 0.15
    no_pixels: float = 0.12
    no_landmarks: float = 0.05
    pixels: float = 0.1
    landmarks: float = 0.15
    landmark_px: float = 1.0
    world_m: float = 0.01


@dataclass(frozen=True)
class PixelTrainConfig:
    """Configuration of one training run.

    Attributes:
        name: of the weights file.
        landmarks: preset or weights file of the network over landmarks that the branch is added to; it stays as it is.
        start: weights file with a branch to start from; empty: BlazePose's own trunk, random numbers elsewhere.
        crops: folder of `metrichmsr synthesize crops`. Shards that are finished while the run goes on join at its next
            pass.
        output: folder; the weights and the checkpoint go to `output`/`name`/.
        steps, batch_size, learning_rate, weight_decay, warmup_steps: of AdamW with warm-up and cosine decay.
        trunk_learning_rate: of the copy of BlazePose's trunk; 0: the trunk stays as it starts.
        ema_decay: of the moving average of the weights; the averaged weights are saved.
        child_weight: weight in the loss of people less than 1.5 m tall.
        heads_only: train the heads of position and shape alone; trunk and transformer stay as they start.
        threads: CPU threads; 0: as torch chooses.
        resident: looks to keep in the training device's memory, 83 KiB each, so that a GPU does not wait for the disk;
            0: every pass reads the shards anew.
    """

    name: str = "pixels"
    landmarks: str = "embedded"
    start: str = ""
    branch: PixelPositionConfig = field(default_factory=PixelPositionConfig)
    crops: str = "data/crops"
    output: str = "out/train"
    steps: int = 16000
    batch_size: int = 64
    learning_rate: float = 1e-3
    trunk_learning_rate: float = 2e-4
    weight_decay: float = 0.05
    warmup_steps: int = 200
    ema_decay: float = 0.998
    child_weight: float = 0.5
    heads_only: bool = False
    noise: MapNoise = field(default_factory=MapNoise)
    validate_every: int = 1000
    checkpoint_every: int = 250
    threads: int = 0
    resident: int = 0
    seed: int = 0

    def __post_init__(self) -> None:
        """Raises ConfigError for numbers without meaning."""
        check_ranges(
            self,
            steps=AT_LEAST_1,
            batch_size=AT_LEAST_1,
            validate_every=AT_LEAST_1,
            checkpoint_every=AT_LEAST_1,
            learning_rate=AT_LEAST_0,
            trunk_learning_rate=AT_LEAST_0,
            weight_decay=AT_LEAST_0,
            warmup_steps=AT_LEAST_0,
            ema_decay=(0, 1),
            child_weight=AT_LEAST_0,
            threads=AT_LEAST_0,
            resident=AT_LEAST_0,
            seed=AT_LEAST_0,
        )
        if self.heads_only and not self.start:
            raise ConfigError("heads_only: name the weights to start from in `start`, else all but the heads is random")


def load_pixel_config(path: str | Path) -> PixelTrainConfig:
    """Reads a YAML file. Raises ConfigError, which names the file and the key."""
    values = read_yaml(path)
    try:
        return build(PixelTrainConfig, values)
    except ValueError as error:
        raise ConfigError(f"{path}: {error}") from None
