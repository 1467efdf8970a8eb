"""Read a folder of motion capture files of all supported formats."""

from __future__ import annotations

from pathlib import Path

from metrichmsr_ros.data.mocap.bvh import read_bvh
from metrichmsr_ros.data.mocap.clip import Clip, MotionError, resample
from metrichmsr_ros.data.mocap.cmu import read_amc, read_expmap
from metrichmsr_ros.data.mocap.deepmimic import read_deepmimic


def read_motion_folder(folder: Path, fps: float = 10.0) -> list[Clip]:
    """All clips under `folder`, by file type: `.amc` (+ `.asf`), `.bvh`, DeepMimic and CMU exponential-map `.txt`.

    Raises:
        MotionError: `folder` has no motion file, or a file cannot be read.
    """
    clips = []
    for path in sorted(Path(folder).rglob("*")):
        if path.suffix == ".amc":
            clips.append(read_amc(path))
        elif path.suffix == ".bvh":
            clips.append(read_bvh(path))
        elif path.suffix == ".txt" and path.name.startswith("humanoid3d_"):
            clips.append(read_deepmimic(path))
        elif path.suffix == ".txt" and path.parent.parent.name in ("train", "test"):
            clips.append(read_expmap(path))
    if not clips:
        raise MotionError(f"{folder}: no motion files (.amc, .bvh, humanoid3d_*.txt, CMU {{train,test}}/*/*.txt)")
    return [resample(clip, fps) for clip in clips]
