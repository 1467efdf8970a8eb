"""The weights file of a run: the last step, or the step with the lowest errors on held-out people."""

from __future__ import annotations

import json
import math
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from metrichmsr_ros.hmr.network.checkpoint import load_model, save_model
from metrichmsr_ros.hmr.network.model import MetricHMR
from metrichmsr_ros.hmr.network.pixels.grafting import with_branch_of
from metrichmsr_ros.hmr.weights import read_metadata
from metrichmsr_ros.training.human.config import TrainConfig, TrainingError

_OF_BETAS = ("pve", "height")  # metrics of `validate` that are NaN where no held-out person has betas


class WeightsFile:
    """The weights that a run writes, with their provenance and held-out metrics as metadata.

    With `config.keep_best` the file holds, from the first validation on, the step with the smallest product of these
    metrics. A resumed run reads the best score so far from the file.
    """

    def __init__(self, path: Path, config: TrainConfig, people: int) -> None:
        self.path, self._config, self._people = path, config, people
        self._best_score = math.inf
        if config.keep_best and path.exists():
            self._best_score = self._score(json.loads(read_metadata(path)["metrics"]))

    def offer(self, step: int, model: MetricHMR, metrics: Mapping[str, float]) -> bool:
        """Writes the averaged `model` of `step` if its score is the lowest so far; returns whether it was written.

        Raises:
            TrainingError: the score needs shapes that nobody held out has.
        """
        for name in _OF_BETAS:
            if name in self._config.keep_best and math.isnan(metrics[name]) and math.isfinite(metrics["mpjpe"]):
                raise TrainingError(
                    f"keep_best: no step can have the best {name}, because no held-out person has betas of the "
                    f"network's body; leave {name} out, or validate on people who have"
                )
        score = self._score(_rounded(metrics))  # as a resumed run reads them
        if not score < self._best_score:
            return False
        self._best_score = score
        self.write(step, model, metrics)
        return True

    def write(self, step: int, model: MetricHMR, metrics: Mapping[str, float]) -> None:
        """Writes `model`, with the branch of its initial weights if `config.keep_branch`, replacing an earlier file."""
        if self._config.keep_branch:
            model = with_branch_of(model, load_model(self._config.initial_weights, setting="initial_weights"))
        save_model(self.path, model, self._provenance(step, metrics))

    def _score(self, metrics: Mapping[str, float]) -> float:
        return math.prod(metrics[name] for name in self._config.keep_best)

    def _provenance(self, step: int, metrics: Mapping[str, float]) -> dict[str, Any]:
        config = self._config
        sets = [Path(p).name for p in config.train] + [f"{s.kind}: {Path(s.path).name}" for s in config.images]
        data = {"train": sets, "people": self._people, "steps": step, "seed": config.seed}
        return {
            "preset": config.model.preset,
            "git_revision": _git_revision(),
            "data": data,
            "metrics": _rounded(metrics),
        }


def _rounded(metrics: Mapping[str, float]) -> dict[str, float]:
    return {name: round(value, 5) for name, value in metrics.items()}


def _git_revision() -> str:
    command = ["git", "-C", str(Path(__file__).parent), "rev-parse", "--short=12", "HEAD"]
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
