"""The commands that are killed: small works of some seconds, and what of their results must be equal."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterable
from pathlib import Path

import torch
from safetensors import safe_open

from benchmarks.annotate.kills import annotate_line
from benchmarks.annotate.videos import rendered, write_videos
from benchmarks.kills.runs import Command, Content
from benchmarks.processes import run_to_end
from metrichmsr_ros.data.synthesis.walking_sequence import WalkingSequence

_CLI = (sys.executable, "-m", "metrichmsr_ros.cli.main")
_SHARDS = ("--count", "12", "--val-count", "4", "--images-per-shard", "2", "--workers", "2")
_VIDEOS, _FRAMES = 4, 20
_TRAINING = """\
name: killed
model:
  moe: {{width: 32, heads: 2, patch_layers: 1, global_layers: 1, global_tokens: 4}}
  head: {{hidden: 128}}
train: [{shards}/train-*.tar]
validation: [{shards}/val-*.tar]
output: {out}
batch_size: 16
steps: 120
validate_every: 30
checkpoint_every: 10
log_every: 5
"""
_TIMES = ("events.out.tfevents", "report.html", ".lock")  # hold times of the run, or nothing
Make = Callable[[Path], Command]


def synthesize(inputs: Path) -> Command:
    """Shards of rendered people, in two processes."""
    return Command("synthesize", lambda out: [*_CLI, "synthesize", "--out", str(out), *_SHARDS], content)


def train(inputs: Path) -> Command:
    """A small network over landmarks, on shards of the command before."""
    shards = inputs / "shards"
    if not shards.is_dir():
        run_to_end(synthesize(inputs).line(shards))

    def line(out: Path) -> list[str]:
        config = inputs / f"{out.name}.yaml"
        config.write_text(_TRAINING.format(shards=shards, out=out))
        return [*_CLI, "train", "human", str(config)]

    return Command("train", line, content)


def replay(inputs: Path) -> Command:
    """Two bags of rendered people, one after the other: the first is not replayed again once it is done."""
    from metrichmsr_ros.ros.playback.sequence_bag import write_sequence_bag  # needs ROS 2

    sequence = WalkingSequence(120, 10.0)
    for number in range(2):
        if not (inputs / f"bags/{number}").is_dir():
            write_sequence_bag(inputs / f"bags/{number}", (sequence[40 + 20 * number + i] for i in range(8)))
    return Command("replay", lambda out: [*_CLI, "replay", str(inputs / "bags"), "--out", str(out)], content)


def annotate(inputs: Path) -> Command:
    """Videos of rendered people, in two processes."""
    folder = inputs / "videos"
    videos = sorted(map(str, folder.glob("*"))) or write_videos(folder, _VIDEOS, rendered(12, 160), _FRAMES)
    return Command("annotate", lambda out: annotate_line(False, videos, ["--workers", "2"], out), content)


def content(out: Path) -> Content:
    """Every file of a result that does not hold times, and of the others what does not depend on time."""
    files = [path for path in sorted(out.rglob("*")) if path.is_file() and not path.name.startswith(_TIMES)]
    return {path.relative_to(out).as_posix(): _bytes(path, out) for path in files}


def _bytes(path: Path, out: Path) -> bytes:
    if path.name == "metrics.json":
        return json.dumps(json.loads(path.read_text())["result"]).encode()
    if path.suffix == ".pt":
        return repr(list(_flat("", torch.load(path, weights_only=True)))).replace(str(out), "").encode()
    if path.suffix == ".safetensors":
        return _weights(path)
    return path.read_bytes().replace(str(out).encode(), b"")


def _weights(path: Path) -> bytes:
    """Metadata, which has no order in the file, and values."""
    with safe_open(path, "pt") as file:
        values = b"".join(file.get_tensor(name).numpy().tobytes() for name in sorted(file.keys()))
        return repr(sorted(file.metadata().items())).encode() + values


def _flat(name: str, value: object) -> Iterable[tuple[str, bytes | str]]:
    """The numbers of a training state, by their names."""
    if isinstance(value, dict):
        for key, item in value.items():
            yield from _flat(f"{name}/{key}", item)
    elif isinstance(value, (list, tuple)):
        for number, item in enumerate(value):
            yield from _flat(f"{name}/{number}", item)
    else:
        yield name, value.numpy().tobytes() if isinstance(value, torch.Tensor) else repr(value)
