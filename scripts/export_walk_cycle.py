"""Write `metrichmsr_ros/assets/walk_cycle.npz` from DeepMimic's walk (MIT licence).

python scripts/export_walk_cycle.py humanoid3d_walk.txt
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import torch

from metrichmsr_ros.body.load import load_body
from metrichmsr_ros.data.mocap.deepmimic import read_deepmimic
from metrichmsr_ros.data.mocap.retarget import retarget
from metrichmsr_ros.io.whole_files import whole_file

OUT = Path(__file__).parents[1] / "metrichmsr_ros" / "assets" / "walk_cycle.npz"


def main(source: Path) -> None:
    clip = read_deepmimic(source)
    rest = load_body("open_light").joints(torch.zeros(1, 10), torch.zeros(1, 72), torch.zeros(1, 3))[0].numpy()
    step = clip.root[-1] - clip.root[0]
    arrays = {
        "pose": retarget(clip, rest)[:-1].astype(np.float32),  # the last frame is the first of the next cycle
        "fps": np.float32(clip.fps),
        "speed": np.float32(np.linalg.norm(step[[0, 2]]) * clip.fps / (len(clip.root) - 1)),
        "source": "DeepMimic humanoid3d_walk.txt, MIT licence, retargeted to the SMPL-24 tree",
    }
    with whole_file(OUT) as part, part.open("wb") as stream:
        np.savez_compressed(stream, **arrays)
    print(f"wrote {OUT} ({OUT.stat().st_size / 1024:.0f} KiB)")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
