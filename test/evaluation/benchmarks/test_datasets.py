"""3DPW and EMDB in their published layouts, read as benchmarks and scored with a pipeline that returns the truth."""

from __future__ import annotations

import numpy as np
import pytest
from helpers.layouts.bodies import BODIES
from helpers.layouts.files import write_pickle
from helpers.layouts.video_sequences import write_3dpw, write_emdb
from helpers.oracle import REGRESSOR, Oracle

from metrichmsr_ros.data.formats.labels import LabelError
from metrichmsr_ros.evaluation.benchmarks.run import evaluate_videos
from metrichmsr_ros.evaluation.benchmarks.video_datasets import predict, read_videos


def test_3dpw_in_its_layout(tmp_path):
    _, actors, valid = write_3dpw(tmp_path)
    (video,) = read_videos("3dpw", tmp_path, BODIES, REGRESSOR)
    for motion, actor in zip(video.truth, actors, strict=True):
        np.testing.assert_array_equal(motion.frames, valid)
        np.testing.assert_allclose(motion["joints"], actor.joints_cam[valid], atol=1e-4)
    board = evaluate_videos("3dpw", [video], {"oracle": Oracle([video]), "far": Oracle([video], 1.1)}, REGRESSOR)
    values = {line.system: line.values for line in board.lines}
    assert values["oracle"]["MPJPE"] == pytest.approx(0.0, abs=1e-3)
    assert values["oracle"]["H-MAE"] == pytest.approx(50.0, abs=1e-3)
    assert values["far"]["PA-MPJPE"] == pytest.approx(0.0, abs=1e-3)
    assert values["far"]["PVE"] > 10


def test_emdb_in_its_layout(tmp_path):
    _, world, good = write_emdb(tmp_path)
    (video,) = read_videos("emdb1", tmp_path, BODIES)
    (motion,) = video.truth
    np.testing.assert_array_equal(motion.frames, good)
    np.testing.assert_allclose(motion["joints"], world.joints_cam[good], atol=1e-4)
    np.testing.assert_allclose(motion["world_from_camera"], np.linalg.inv(world.extrinsics[good]), atol=1e-9)
    oracle = Oracle([video])
    (answer,) = predict(video, oracle)
    assert oracle.calls == [frame / 30 for frame in good]
    np.testing.assert_allclose(answer["joints"], motion["joints"])
    np.testing.assert_allclose(answer["orient"], motion["orient"])
    assert "h36m" not in answer
    with pytest.raises(LabelError, match="no sequences of emdb2"):
        list(read_videos("emdb2", tmp_path, BODIES))


def test_emdb2_in_the_world(tmp_path):
    path, world, _ = write_emdb(tmp_path)
    content = {
        "gender": "female", "name": "P0_09", "emdb1": False, "emdb2": True, "n_frames": 5,
        "good_frames_mask": np.ones(5, bool),
        "camera": {"intrinsics": world.intrinsics, "extrinsics": world.extrinsics, "width": 720, "height": 960},
        "smpl": {
            "poses_root": world.pose[:, :3], "poses_body": world.pose[:, 3:], "trans": world.transl,
            "betas": world.betas[0],
        },
        "kp2d": world.pixels,
        "bboxes": {"bboxes": np.tile([0.0, 0, 9, 9], (5, 1)), "invalid_idxs": np.zeros(0)},
    }  # fmt: skip
    write_pickle(next(path.glob("*.pkl")), content)
    videos = list(read_videos("emdb2", tmp_path, BODIES))
    board = evaluate_videos("emdb2", videos, {"oracle": Oracle(videos)})
    (line,) = [line for line in board.lines if line.system == "oracle"]
    for name in ("W-MPJPE", "WA-MPJPE", "RTE", "ERVE"):
        assert line.values[name] == pytest.approx(0.0, abs=0.01)
