"""Skeleton and mesh of the user's own SMPL file."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from benchmarks.conversion.motion_files import Glb, read_bvh
from benchmarks.conversion.moving_people import forward, moving_person, write_replay
from metrichmsr_ros.body.joints import JOINT_NAMES
from metrichmsr_ros.body.open_tables import OpenTables, load_arrays, to_smpl_dict
from metrichmsr_ros.conversion.convert import convert
from metrichmsr_ros.conversion.options import ConvertOptions

pytest.importorskip("smplx", reason="SMPL's tables are built by smplx")


def test_bvh_and_glb_of_smpl_use_the_users_file(tmp_path: Path) -> None:
    """The open body in SMPL's layout stands in for SMPL."""
    file = tmp_path / "SMPL_NEUTRAL.npz"
    np.savez(file, **to_smpl_dict(load_arrays("open_body_light.npz")))
    person = moving_person("p1", range(6), 7)
    source = write_replay(tmp_path / "in", [person], 6, body="smpl:/elsewhere/SMPL_NEUTRAL.npz")
    options = ConvertOptions(body=f"smpl:{file}", as_body="smpl")
    convert(source, "bvh", tmp_path / "bvh", options)
    convert(source, "glb", tmp_path / "glb", options)
    bvh, glb = read_bvh(tmp_path / "bvh/walk.mcap/p1.bvh"), Glb(tmp_path / "glb/walk.mcap.glb")
    assert glb.json["asset"]["extras"]["body_model"] == "smpl"
    tables, up = OpenTables.load("open_light"), np.diag([1.0, -1, -1])
    order = [bvh.names.index(name) for name in JOINT_NAMES]
    for row in range(6):
        matrices, vertices = forward(tables, person.betas[row], person.pose[row], person.transl[row])
        assert np.abs(bvh.matrices[row, order, :3, 3] - matrices[:, :3, 3] @ up).max() < 1e-4
        assert np.abs(glb.skinned("p1", row / 25) - vertices @ up).max() < 1e-4
