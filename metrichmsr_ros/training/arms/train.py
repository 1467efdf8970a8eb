"""Training of the network over arms: `metrichmsr train arms CONFIG`. Minutes on one core.

Writes `name`.npz to `output`/`name`/. To ship it, copy it to metrichmsr_ros/assets/arms.npz.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from metrichmsr_ros.io.devices import checked_device
from metrichmsr_ros.io.whole_files import write_whole
from metrichmsr_ros.people.gestures.arm_features import NUM_FEATURES
from metrichmsr_ros.people.gestures.arm_network import FARTHEST, KINDS, ArmNetwork, ArmWeights
from metrichmsr_ros.training.arms.config import ArmTrainConfig
from metrichmsr_ros.training.arms.examples import ArmExamples, joined, read_examples

_LEAST_SCALE = 1e-3  # of a feature that hardly changes


def train(config: ArmTrainConfig, device: str = "cpu", report: Callable[[str], None] = print) -> Path:
    """Trains the network and reports how it does on the held-out crops. Returns the path of the weights.

    Raises:
        CropShardError: no shards, or without the heavier landmark network's answers.
        DeviceError: torch does not have the device.
    """
    if config.threads:
        torch.set_num_threads(config.threads)
    folder = Path(config.output) / config.name
    folder.mkdir(parents=True, exist_ok=True)
    target = checked_device(device)
    held_out = {source: read_examples(source, held_out=True) for source, _ in _sources(config)}
    examples = joined([part for path, repeats in _sources(config) for part in [read_examples(path)] * repeats])
    points, raised = examples.truth.mean(0)
    report(f"{len(examples)} arms, of which {points:.1%} point and {raised:.1%} are raised")
    weights = fitted(config, examples, target, report)
    for source, arms in held_out.items():
        for line in describe(ArmNetwork(weights), arms):
            report(f"{source}, {line}")
    path = folder / f"{config.name}.npz"
    write_weights(path, weights)
    return path


def _sources(config: ArmTrainConfig) -> list[tuple[Path, int]]:
    """Folders of shards, and how often each is taken."""
    return [(Path(name), repeats) for name, repeats in ((config.crops, 1), (config.acts, config.act_repeats)) if name]


def fitted(
    config: ArmTrainConfig, examples: ArmExamples, device: torch.device, report: Callable[[str], None] = print
) -> ArmWeights:
    """Weights of a network trained on `examples`."""
    torch.manual_seed(config.seed)
    mean, scale = examples.features.mean(0), np.maximum(examples.features.std(0), _LEAST_SCALE)
    values = np.clip((examples.features - mean) / scale, -FARTHEST, FARTHEST)
    inputs, truth = (torch.from_numpy(array).to(device) for array in (values, examples.truth))
    network = _network(config).to(device)
    optimizer = torch.optim.AdamW(network.parameters(), weight_decay=config.weight_decay)
    size = min(config.batch_size, len(inputs))
    steps = config.epochs * (len(inputs) // size)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, config.learning_rate, total_steps=steps)
    order = torch.Generator().manual_seed(config.seed)
    for epoch in range(config.epochs):
        network.train()
        total, rows = 0.0, torch.randperm(len(inputs), generator=order).to(device)
        for batch in rows.split(size)[: len(inputs) // size]:
            noisy = inputs[batch] + config.noise * torch.randn_like(inputs[batch])
            loss = torch.nn.functional.binary_cross_entropy_with_logits(network(noisy), truth[batch])
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            optimizer.step()
            schedule.step()
            total += loss.item()
        report(f"epoch {epoch + 1} of {config.epochs}: loss {total / (len(inputs) // size):.4f}")
    layers = [layer.cpu() for layer in network if isinstance(layer, torch.nn.Linear)]
    named = {f"weight{n}": layer.weight.detach().numpy().T for n, layer in enumerate(layers, 1)}
    named |= {f"bias{n}": layer.bias.detach().numpy() for n, layer in enumerate(layers, 1)}
    return ArmWeights(mean, scale, **named)


def _network(config: ArmTrainConfig) -> torch.nn.Sequential:
    """The network, as `ArmNetwork` runs it, with dropout."""
    widths = (NUM_FEATURES, *config.hidden)
    layers: list[torch.nn.Module] = []
    for width, following, share in zip(widths, config.hidden, config.dropout, strict=False):
        layers += [torch.nn.Linear(width, following), torch.nn.ReLU(), torch.nn.Dropout(share)]
    return torch.nn.Sequential(*layers, torch.nn.Linear(widths[-1], len(KINDS)))


def describe(network: ArmNetwork, held_out: ArmExamples) -> list[str]:
    """A line for each landmark network and kind: precision, recall and F1 of single views where the odds are even."""
    said, lines = network.of_features(held_out.features) > 0, []
    for name, rows in (("usual", ~held_out.is_heavy), ("heavier", held_out.is_heavy)):
        for kind, title in enumerate(KINDS):
            lines.append(
                f"held out, {name} network, {title}: {_scores(said[rows, kind], held_out.truth[rows, kind] > 0)}"
            )
    return lines


def _scores(said: NDArray[np.bool_], true: NDArray[np.bool_]) -> str:
    right = int((said & true).sum())
    precision, recall = right / max(int(said.sum()), 1), right / max(int(true.sum()), 1)
    f1 = 2 * right / max(int(said.sum() + true.sum()), 1)
    return f"precision {precision:.3f}, recall {recall:.3f}, F1 {f1:.3f}, {int(true.sum())} true"


def write_weights(path: Path, weights: ArmWeights) -> None:
    """Write an npz file that `ArmWeights.read` reads."""
    file = io.BytesIO()
    np.savez(file, **{field.name: getattr(weights, field.name) for field in fields(weights)})
    write_whole(path, file.getvalue())
