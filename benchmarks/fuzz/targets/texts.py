"""Text files: YAML of configurations, JSON and text of data sets, of replays and of annotations."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np

from benchmarks.fuzz.target import Target, reads_among, reads_file
from benchmarks.fuzz.targets import whole_files
from benchmarks.fuzz.targets.array_files import made
from benchmarks.fuzz.targets.whole_files import pickled
from benchmarks.hostile.texts import JSONS
from benchmarks.hostile.yaml_bombs import YAMLS
from metrichmsr_ros.annotation.inputs import find_sources
from metrichmsr_ros.assets import config_path
from metrichmsr_ros.config import load_config, read_yaml
from metrichmsr_ros.data.formats.annotations.manifest import Manifest
from metrichmsr_ros.data.formats.annotations.schema import VERSION
from metrichmsr_ros.data.formats.keypoints import read_aic, read_coco
from metrichmsr_ros.data.formats.scenes import read_prox
from metrichmsr_ros.data.mocap.bvh import read_bvh
from metrichmsr_ros.data.mocap.cmu import read_amc, read_expmap
from metrichmsr_ros.data.mocap.deepmimic import read_deepmimic
from metrichmsr_ros.evaluation.benchmarks.bodies import read_genders
from metrichmsr_ros.evaluation.trajectories import read_tum
from metrichmsr_ros.hmr.config import ModelConfig
from metrichmsr_ros.replay.result import read_metrics
from metrichmsr_ros.ros.bags.metadata import read_metadata
from metrichmsr_ros.training.arms.config import load_arm_config
from metrichmsr_ros.training.depth.config import load_depth_config
from metrichmsr_ros.training.human.config import load_train_config
from metrichmsr_ros.training.pixels.config import load_pixel_config

_COCO = {
    "images": [{"id": 1, "file_name": "a.jpg"}],
    "annotations": [{"image_id": 1, "num_keypoints": 3, "keypoints": [1, 2, 2] * 17, "bbox": [1, 2, 3, 4], "id": 7}],
}
_AIC = [
    {
        "image_id": "a",
        "keypoint_annotations": {"human1": [1, 2, 1] * 14},
        "human_annotations": {"human1": [1, 2, 3, 4]},
    }
]
_MANIFEST = {
    **{"package_version": "1", "weights_sha256": "a", "preset": "embedded", "body_model": "open", "options": {}},
    "inputs": [{"source": "a", "kind": "bag", "path": "a", "state": "done", "cause": "", "shards": ["a-0"]}],
    "schema": VERSION,
}
_METADATA = b"""rosbag2_bagfile_information:
  version: 9
  storage_identifier: mcap
  relative_file_paths: [a.mcap]
  files: [{path: a.mcap, starting_time: {nanoseconds_since_epoch: 1}, duration: {nanoseconds: 1}, message_count: 1}]
  compression_format: ""
  compression_mode: ""
"""
_BVH = b"""HIERARCHY
ROOT Hips
{
  OFFSET 0 0 0
  CHANNELS 6 Xposition Yposition Zposition Zrotation Yrotation Xrotation
  JOINT Spine
  {
    OFFSET 0 1 0
    CHANNELS 3 Zrotation Yrotation Xrotation
    End Site
    {
      OFFSET 0 1 0
    }
  }
}
MOTION
Frames: 2
Frame Time: 0.033
0 0 0 1 2 3 4 5 6
0 0 0 1 2 3 4 5 6
"""
_ASF = (
    b":units\n:root\nposition 0 0 0\n:bonedata\nbegin\nname x\ndirection 1 0 0\nlength 1\naxis 0 0 0 XYZ\ndof rx\nend\n"
)
_ASF += b":hierarchy\nbegin\nroot x\nend\n"
_AMC = b":FULLY-SPECIFIED\n:DEGREES\n1\nroot 0 0 0 0 0 0\nx 1\n2\nroot 0 0 0 0 0 0\nx 1\n"
_CLIP = {"Loop": "wrap", "Frames": [[0.033] + [1.0] * 43] * 2}


def _yamls(name: str) -> Callable[[], dict[str, bytes]]:
    def seeds() -> dict[str, bytes]:
        return {**made(YAMLS)(), "shipped": config_path(name).read_bytes()}

    return seeds


def _jsons(content: object) -> Callable[[], dict[str, bytes]]:
    return lambda: {**made(JSONS)(), "fair": json.dumps(content).encode()}


def _one(content: bytes) -> Callable[[], dict[str, bytes]]:
    return lambda: {"fair": content}


def _same(folder: Path) -> Path:
    return folder


def _prox(folder: Path) -> Path:
    fit = folder / "PROXD/a_162_01/results/s001/000.pkl"
    fit.parent.mkdir(parents=True)
    fit.write_bytes(pickled(whole_files.prox()))
    return folder


def _with_skeleton(folder: Path) -> Path:
    (folder / "skeleton.asf").write_bytes(_ASF)
    return folder / "a.amc"


def _skeleton(folder: Path) -> Path:
    (folder / "a.amc").write_bytes(_AMC)
    return folder / "a.amc"


def _file(name: str, read: Callable[[Path], object], seeds: Callable[[], dict[str, bytes]], file: str) -> Target:
    return Target(name, "files", reads_file(read, file), seeds, file, share=0.4)


def _among(
    name: str,
    read: Callable[[Path], object],
    seeds: Callable[[], dict[str, bytes]],
    file: str,
    prepare: Callable[[Path], Path],
) -> Target:
    return Target(name, "files", reads_among(read, file, prepare), seeds, share=0.4)


TARGETS = (
    _file("yaml", read_yaml, _yamls("models/embedded.yaml"), "a.yaml"),
    _file("model_config", lambda path: load_config(ModelConfig, path), _yamls("models/embedded.yaml"), "a.yaml"),
    _file("train_config", load_train_config, _yamls("train/embedded.yaml"), "a.yaml"),
    _file("depth_config", load_depth_config, _yamls("train/depth.yaml"), "a.yaml"),
    _file("pixel_config", load_pixel_config, _yamls("train/pixels.yaml"), "a.yaml"),
    _file("arm_config", load_arm_config, _yamls("train/arms.yaml"), "a.yaml"),
    _file("coco", lambda path: read_coco(path, Path()), _jsons(_COCO), "a.json"),
    _file("aic", lambda path: read_aic(path, Path()), _jsons(_AIC), "a.json"),
    _file("deepmimic", read_deepmimic, _jsons(_CLIP), "a.json"),
    _file("genders", read_genders, _jsons({"9": "male"}), "gender.json"),
    _file("tum", read_tum, _one(b"# t\n1.5 0 0 0 0 0 0 1\n2 0 0 0 0 0 0 1\n"), "a.tum"),
    _file("bvh", read_bvh, _one(_BVH), "a.bvh"),
    _file("expmap", read_expmap, _one(b",".join([b"0.1"] * 117) + b"\n"), "a.txt"),
    _among("amc", read_amc, _one(_AMC), "a.amc", _with_skeleton),
    _among("asf", read_amc, _one(_ASF), "skeleton.asf", _skeleton),
    _among("metrics", read_metrics, _jsons({"bag": "a", "options": {"body": "open"}}), "metrics.json", _same),
    _among("manifest", Manifest.read, _jsons(_MANIFEST), "manifest.json", _same),
    _among("bag_metadata", read_metadata, lambda: {**made(YAMLS)(), "fair": _METADATA}, "metadata.yaml", _same),
    _among(
        "prox_camera",
        lambda root: read_prox(root, "a_162_01", lambda *_: np.zeros((24, 3))),
        _jsons({"camera_mtx": [[1, 0, 0], [0, 1, 0], [0, 0, 1]], "k": [0, 0, 0, 0, 0]}),
        "calibration/Color.json",
        _prox,
    ),
    _file("input_list", lambda path: find_sources([str(path)]), _one(b"a.jpg\n# no\nb.mp4\n"), "a.txt"),
)
