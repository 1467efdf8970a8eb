"""Joints of an SMPL-X file against a body model that was given the same arrays."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from metrichmsr_ros.body.open_body import OpenBody
from metrichmsr_ros.body.open_tables import FILES, load_arrays
from metrichmsr_ros.body.smplx_joints import SHARED, SmplxJoints


def test_smplx_joints_are_those_of_its_arrays(tmp_path):
    arrays, rng = load_arrays(FILES["open_light"]), np.random.default_rng(0)
    template, shapes = (np.asarray(arrays[name], np.float64) for name in ("v_template", "shapedirs"))
    regressor = np.zeros((55, len(template)))  # SMPL-X has 55 joints
    rows, columns = arrays["joint_regressor_rows"], arrays["joint_regressor_columns"]
    regressor[rows, columns] = arrays["joint_regressor_values"]
    regressor[SHARED:] = rng.random((55 - SHARED, len(template)))
    np.savez(
        tmp_path / "SMPLX_NEUTRAL.npz",
        v_template=template,
        shapedirs=np.concatenate([shapes, rng.normal(size=(*shapes.shape[:2], 5))], 2),
        J_regressor=regressor,
    )
    betas, pose = rng.normal(size=10), rng.normal(0, 0.4, 72)
    pose[66:] = 0
    found = SmplxJoints(tmp_path / "SMPLX_NEUTRAL.npz").joints(betas, pose)
    given = [torch.from_numpy(v)[None] for v in (betas, pose, np.zeros(3))]
    expected = OpenBody(arrays).double().joints(*given)[0].numpy()
    np.testing.assert_allclose(found[:SHARED], expected[:SHARED], atol=1e-5)
    np.testing.assert_allclose(found[SHARED:], expected[20:22], atol=1e-5)


def test_files_that_are_not_smplx_are_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"none\.npz is not a file"):
        SmplxJoints(tmp_path / "none.npz")
    np.savez(tmp_path / "half.npz", v_template=np.zeros((4, 3)))
    with pytest.raises(ValueError, match="missing: shapedirs, J_regressor"):
        SmplxJoints(tmp_path / "half.npz")
