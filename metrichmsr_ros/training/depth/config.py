"""Configuration of the depth refiner's training, read from YAML."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from metrichmsr_ros.config import AT_LEAST_0, AT_LEAST_1, ConfigError, build, check_ranges, read_yaml
from metrichmsr_ros.depth.calibration.losses import RefinerLossWeights
from metrichmsr_ros.depth.calibration.refiner import REFINERS, RefinerConfig


@dataclass(frozen=True)
class DepthTrainConfig:
    """Configuration of one training run.

    Attributes:
        name: name of the weights file.
        model: in YAML a size, small or paper, or the fields of `RefinerConfig`.
        places: number of synthetic places.
        samples: number of initial depths drawn from the places; a step takes them at random and mirrors half of them.
        place_size: width and height of a place, pixels; finer than the network's grid, as initial depth is in use.
        painted: number of further places that are painted; their initial depth is that of the real FastDepth.
        backgrounds: folder of photographs for the walls of painted places. Empty: procedural textures alone.
        prox: folder of PROX; its frames are added to the places. Empty: synthetic places alone.
        prox_frames: number of PROX frames, spread evenly over the recordings.
        start: weights to start from, of the same size. Empty: an untrained network.
        steps, batch_size, learning_rate, weight_decay: of AdamW with warm-up and cosine decay.
        average: decay of the exponential moving average of the weights; the averaged weights are saved.
        output: folder; the weights and the checkpoint go to `output`/`name`/.
    """

    name: str = "refiner"
    model: RefinerConfig = REFINERS["small"]
    losses: RefinerLossWeights = field(default_factory=RefinerLossWeights)
    places: int = 4000
    samples: int = 20000
    place_size: tuple[int, int] = (144, 108)
    painted: int = 0
    backgrounds: str = ""
    prox: str = ""
    prox_frames: int = 2000
    start: str = ""
    steps: int = 9000
    batch_size: int = 16
    learning_rate: float = 1e-3
    weight_decay: float = 1e-2
    average: float = 0.998
    precision: Literal["float32", "bf16"] = "float32"
    checkpoint_every: int = 500
    output: str = "out/train"
    seed: int = 0

    def __post_init__(self) -> None:
        """Raises ConfigError for numbers without meaning."""
        check_ranges(
            self,
            steps=AT_LEAST_1,
            batch_size=AT_LEAST_1,
            checkpoint_every=AT_LEAST_1,
            samples=AT_LEAST_1,
            places=AT_LEAST_0,
            painted=AT_LEAST_0,
            prox_frames=AT_LEAST_0,
            place_size=AT_LEAST_1,
            learning_rate=AT_LEAST_0,
            weight_decay=AT_LEAST_0,
            average=(0, 1),
            seed=AT_LEAST_0,
        )


def load_depth_config(path: str | Path) -> DepthTrainConfig:
    """Reads a YAML file. Raises ConfigError, which names the file and the key."""
    path = Path(path)
    values = read_yaml(path)
    try:
        return build(DepthTrainConfig, _with_named_size(values))
    except ValueError as error:
        raise ConfigError(f"{path}: {error}") from None


def _with_named_size(values: Any) -> Any:
    size = values.get("model") if isinstance(values, dict) else None
    if not isinstance(size, str):
        return values
    if size not in REFINERS:
        raise ConfigError(f"model: unknown refiner size '{size}'; choose from {', '.join(REFINERS)}")
    return {**values, "model": vars(REFINERS[size])}
