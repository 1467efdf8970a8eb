"""The arrays of one image in a shard, its `KEY.npz`. `landmark_rows` reads them."""

from __future__ import annotations

from typing import Any

import numpy as np

from metrichmsr_ros.data.synthesis.observe import Observation
from metrichmsr_ros.data.synthesis.scene import RenderedPerson, RenderedScene


def sample_arrays(scene: RenderedScene, seen: list[Observation], missed: list[int], seed: int) -> dict[str, np.ndarray]:
    """The arrays of one `KEY.npz` (docs/reference/data_formats.md): P landmark sets with truth, M people not found."""
    sets = [o.landmarks for o in seen]
    truths = [scene.people[o.person] for o in seen]
    arrays = {
        "crop_landmarks": _stack([s.crop_landmarks for s in sets], (39, 3)),
        "visibility": _stack([s.visibility for s in sets], (39,)),
        "presence": _stack([s.presence for s in sets], (39,)),
        "world": _stack([s.world for s in sets], (39, 3)),
        "score": _stack([np.asarray(s.score) for s in sets], ()),
        "crop_matrix": _stack([s.crop_matrix for s in sets], (3, 3), np.float64),
        "pixels": _stack([s.pixels for s in sets], (39, 2)),
        "intrinsics": scene.camera.intrinsics.astype(np.float64),
        "image_size": np.array(scene.camera.size, np.int32),
        "person": np.array([o.person for o in seen], np.int32),
        "way": np.array([o.way for o in seen], "U8"),
        "heavy": np.array([o.landmarks.heavy for o in seen], bool),
        "seed": np.array(seed),
    }
    arrays.update(_truth_arrays(truths, ""))
    arrays.update(_truth_arrays([scene.people[m] for m in missed], "missed_"))
    return arrays


def _truth_arrays(truths: list[RenderedPerson], prefix: str) -> dict[str, np.ndarray]:
    fields = {
        "pose": ([t.pose for t in truths], (72,)),
        "betas": ([t.betas for t in truths], (10,)),
        "transl": ([t.transl for t in truths], (3,)),
        "joints_cam": ([t.joints for t in truths], (24, 3)),
        "landmarks_cam": ([t.landmarks for t in truths], (33, 3)),
        "visible_fraction": ([np.asarray(t.visible_fraction) for t in truths], ()),
        "height": ([np.asarray(t.height) for t in truths], ()),
    }
    return {prefix + name: _stack(values, shape) for name, (values, shape) in fields.items()}


def _stack(values: list[np.ndarray], shape: tuple[int, ...], dtype: Any = np.float32) -> np.ndarray:
    return np.stack(values).astype(dtype) if values else np.zeros((0, *shape), dtype)
