"""Files of arrays: bodies, labels of data sets, replays, weights and states; damaged, or whole with false content."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch

from benchmarks.fuzz.choices import Choices
from benchmarks.fuzz.target import Reading, Run, Target, reads_file
from benchmarks.fuzz.targets import whole_files
from benchmarks.fuzz.targets.whole_files import Arrays, lying, nested, npz, pickled
from benchmarks.hostile import arrays as hostile
from benchmarks.hostile import pickles, weights
from metrichmsr_ros.assets import asset_path
from metrichmsr_ros.body.open_tables import FILES, OpenTables
from metrichmsr_ros.body.pickles import load_array_pickle
from metrichmsr_ros.body.smpl import read_smpl
from metrichmsr_ros.body.smplx_joints import SmplxJoints
from metrichmsr_ros.conversion.sources.replay import read_replay
from metrichmsr_ros.data.formats.scenes import read_prox
from metrichmsr_ros.data.formats.smpl_npz import read_4dhumans, read_bedlam, read_camerahmr
from metrichmsr_ros.data.formats.tar_samples import add_file, new_shard
from metrichmsr_ros.data.formats.video_sequences import read_3dpw, read_emdb
from metrichmsr_ros.data.formats.webdataset import read_4dhumans_tar, read_open
from metrichmsr_ros.data.synthesis.crops.shard_files import read_crops
from metrichmsr_ros.data.synthesis.landmark_rows import read_rows
from metrichmsr_ros.depth.calibration.weights import load_refiner
from metrichmsr_ros.evaluation.benchmarks.motion import load_motions
from metrichmsr_ros.hmr.network.checkpoint import load_model
from metrichmsr_ros.io.npz import read_npy, read_npz
from metrichmsr_ros.training.checkpoints import load_state

_HEAVY = 2**18  # bytes: a larger seed is mutated too slowly
_CPU = torch.device("cpu")


def _joints(*_: Any) -> Any:
    return np.zeros((24, 3))


def made(contents: Mapping[str, bytes | Callable[[], bytes]]) -> Callable[[], dict[str, bytes]]:
    """Seeds of the hostile files that are small."""

    def seeds() -> dict[str, bytes]:
        found = {
            name: content if isinstance(content, bytes) else content()
            for name, content in contents.items()
            if "gigabyte" not in name and "10 GB" not in name
        }
        return {name: content for name, content in found.items() if len(content) <= _HEAVY}

    return seeds


def _pickle_seeds() -> dict[str, bytes]:
    return {
        **made(pickles.PICKLES)(),
        "smpl": pickled(whole_files.smpl()),
        "3DPW": pickled(whole_files.dpw()),
        "EMDB": pickled(nested(whole_files.emdb())),
    }


def lies(
    name: str,
    template: Callable[[], Arrays],
    written: Callable[[dict[str, Any]], bytes],
    place: str,
    read: Callable[[Path], object],
    given: str = "",
) -> Target:
    """A target of whole files whose content lies.

    Args:
        name: of the target.
        template: the arrays of a fair file.
        written: the bytes of a file of these arrays.
        place: of the file below the folder.
        read: reads the file, or the folder `given` below the one of the file.
        given: "." for the folder itself; empty for the file.
    """

    def start(folder: Path) -> Run:
        path, fair = folder / place, template()
        path.parent.mkdir(parents=True, exist_ok=True)
        if name == "prox_content":
            (folder / "calibration").mkdir()
            camera = '{"camera_mtx": [[1, 0, 0], [0, 1, 0], [0, 0, 1]], "k": [0, 0, 0, 0, 0]}'
            (folder / "calibration" / "Color.json").write_text(camera)

        def run(data: bytes) -> Reading:
            path.write_bytes(written(lying(fair, Choices(data))))
            return Reading(type(read(folder / given if given else path)).__name__)

        return run

    return Target(name, "files", start, named="" if name == "prox_content" else Path(place).name, share=0.5)


def _shard(content: bytes) -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "a.tar")
        with new_shard(path) as tar:
            add_file(tar, "000.jpg", b"no picture")
            add_file(tar, "000.data.pyd", content)
        return path.read_bytes()


def _humans(fields: dict[str, Any]) -> bytes:
    person: dict[str, Any] = {
        "keypoints_2d": np.squeeze(fields.get("gtkps", np.zeros((44, 3)))),
        **{name: fields[name] for name in ("center", "scale", "body_pose", "betas") if name in fields},
        "has_body_pose": np.ones(1),
        "has_betas": np.ones(1),
    }
    return _shard(pickled([person]))


def _small(name: str) -> bytes:
    content = asset_path(name).read_bytes()
    return content[:_HEAVY]


def _landmarks() -> dict[str, bytes]:
    return {"shard": hostile.landmark_shard()}


def _crops() -> dict[str, bytes]:
    return {"shard": hostile.crops()}


DAMAGED = (
    Target("pickle", "files", reads_file(load_array_pickle, "a.pkl"), _pickle_seeds, "a.pkl"),
    Target("smpl", "files", reads_file(read_smpl, "smpl.pkl"), _pickle_seeds, "smpl.pkl"),
    Target("npy", "files", reads_file(read_npy, "a.npy"), made(hostile.NPYS), "a.npy", share=0.5),
    Target(
        "npz",
        "files",
        reads_file(read_npz, "a.npz"),
        lambda: {**made(hostile.ZIPS)(), "motion": npz(whole_files.estimates())},
        "a.npz",
    ),
    Target(
        "open_body",
        "files",
        reads_file(OpenTables.read, "a.npz"),
        lambda: {"beginning": _small(FILES["open_light"])},
        "a.npz",
        share=0.5,
    ),
    Target("weights", "files", reads_file(load_model, "w.safetensors"), made(weights.WEIGHTS), "w.safetensors"),
    Target("refiner", "files", reads_file(load_refiner, "r.safetensors"), made(weights.WEIGHTS), "r.safetensors", 0.5),
    Target(
        "landmark_shard",
        "files",
        reads_file(lambda path: read_rows([path]), "a.tar"),
        _landmarks,
        "a.tar",
        share=0.5,
    ),
    Target("open_shard", "files", reads_file(read_open, "a.tar"), _landmarks, "a.tar", 0.5),
    Target(
        "humans_shard",
        "files",
        reads_file(read_4dhumans_tar, "a.tar"),
        lambda: {"fair": _humans(dict(whole_files.bedlam(1)))},
        "a.tar",
        share=0.5,
    ),
    Target("crops", "files", reads_file(read_crops, "a.safetensors"), _crops, "a.safetensors", 0.5),
    Target(
        "state",
        "files",
        reads_file(lambda path: load_state(path, _CPU), "a.pt"),
        lambda: {"state": hostile.state(), "bytearray": hostile.asks_for_bytearray()},
        "a.pt",
    ),
)
LYING = (
    lies("smpl_content", whole_files.smpl, pickled, "smpl.pkl", read_smpl),
    lies("smpl_npz_content", whole_files.smpl, npz, "smpl.npz", read_smpl),
    lies("smplx_content", whole_files.smpl, npz, "smplx.npz", SmplxJoints),
    lies("bedlam_content", whole_files.bedlam, npz, "a.npz", lambda path: read_bedlam(path, Path())),
    lies("camerahmr_content", whole_files.bedlam, npz, "a.npz", lambda path: read_camerahmr(path, Path())),
    lies("4dhumans_content", whole_files.bedlam, npz, "a.npz", lambda path: read_4dhumans(path, Path())),
    lies("humans_shard_content", whole_files.bedlam, _humans, "a.tar", read_4dhumans_tar),
    lies(
        "3dpw_content",
        whole_files.dpw,
        pickled,
        "sequenceFiles/test/a.pkl",
        lambda root: read_3dpw(root, "a", _joints),
        ".",
    ),
    lies(
        "emdb_content",
        whole_files.emdb,
        lambda arrays: pickled(nested(arrays)),
        "a_data.pkl",
        lambda root: read_emdb(root, _joints),
        ".",
    ),
    lies(
        "prox_content",
        whole_files.prox,
        pickled,
        "PROXD/a_162_01/results/s001/000.pkl",
        lambda root: read_prox(root, "a_162_01", _joints),
        ".",
    ),
    lies("replay_content", whole_files.estimates, npz, "estimates.npz", read_replay),
    lies("motions_content", whole_files.estimates, npz, "a.npz", lambda path: list(load_motions(path))),
)
TARGETS = (*DAMAGED, *LYING)
