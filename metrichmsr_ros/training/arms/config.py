"""Configuration of the training of the network over arms, read from YAML."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from metrichmsr_ros.config import AT_LEAST_0, AT_LEAST_1, ConfigError, build, check_ranges, read_yaml


@dataclass(frozen=True)
class ArmTrainConfig:
    """Configuration of one training run.

    Attributes:
        name: of the weights file.
        crops: folder of `metrichmsr synthesize-crops --heavy`: people of all poses in hard pictures; empty: none.
        acts: folder of `metrichmsr synthesize-acts`: people who gesture, in clear pictures; empty: none.
        act_repeats: how often an epoch takes each arm of `acts`.
        output: folder; the weights go to `output`/`name`/.
        hidden: units of the two hidden layers.
        dropout: of the two hidden layers.
        noise: standard deviation of noise on the features, as a share of their own.
        epochs, batch_size, learning_rate, weight_decay: of AdamW; the rate rises and falls once.
        threads: CPU threads; 0: as torch chooses.
        seed: of the first weights, and of the order of the examples.
    """

    name: str = "arms"
    crops: str = "data/acting"
    acts: str = "data/acts"
    act_repeats: int = 4
    output: str = "out/train"
    hidden: tuple[int, int] = (256, 128)
    dropout: tuple[float, float] = (0.3, 0.2)
    noise: float = 0.05
    epochs: int = 32
    batch_size: int = 512
    learning_rate: float = 3e-3
    weight_decay: float = 0.05
    threads: int = 0
    seed: int = 0

    def __post_init__(self) -> None:
        """Raises ConfigError for numbers without meaning."""
        check_ranges(
            self,
            act_repeats=AT_LEAST_1,
            hidden=AT_LEAST_1,
            dropout=(0, 0.9),
            noise=AT_LEAST_0,
            epochs=AT_LEAST_1,
            batch_size=AT_LEAST_1,
            learning_rate=AT_LEAST_0,
            weight_decay=AT_LEAST_0,
            threads=AT_LEAST_0,
            seed=AT_LEAST_0,
        )
        if not self.crops and not self.acts:
            raise ConfigError("crops, acts: name at least one folder of shards")


def load_arm_config(path: str | Path) -> ArmTrainConfig:
    """Reads a YAML file. Raises ConfigError, which names the file and the key."""
    values = read_yaml(path)
    try:
        return build(ArmTrainConfig, values)
    except ValueError as error:
        raise ConfigError(f"{path}: {error}") from None
