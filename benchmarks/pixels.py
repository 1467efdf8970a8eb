"""Distances of held-out rendered people by landmarks, by pixels and by both, by framing.

metrichmsr synthesize-crops --out data/crops --count 640 --backgrounds BACKGROUNDS
python -m benchmarks.pixels --crops data/crops
"""

from __future__ import annotations

import argparse
from pathlib import Path

from metrichmsr_ros.cli.user_errors import one_line_errors
from metrichmsr_ros.hmr.network.checkpoint import load_model
from metrichmsr_ros.training.pixels.crops import held_out
from metrichmsr_ros.training.pixels.validation import describe, validate


@one_line_errors("benchmarks.pixels")
def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--crops", type=Path, required=True, help="folder of `metrichmsr synthesize-crops`")
    parser.add_argument("--weights", default="embedded", help="preset with weights, or a .safetensors file")
    arguments = parser.parse_args()
    shards = held_out(arguments.crops)
    print(f"{sum(len(shard['betas']) for shard in shards)} looks")
    print(describe(validate(load_model(arguments.weights), shards)))


if __name__ == "__main__":
    main()
