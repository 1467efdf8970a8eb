"""The table of how_to/calibrate.md: CameraInfo of images that the driver turns, by the code that turns cameras."""

from __future__ import annotations

import math

import numpy as np
import pytest
from helpers.repository import ROOT
from scipy.spatial.transform import Rotation

from metrichmsr_ros.geometry.camera import Camera
from metrichmsr_ros.geometry.quarter_turns import TurnedCamera

PAGE = ROOT / "docs/how_to/calibrate.md"
NUMBERS = {"width": 640, "height": 480, "fx": 500.0, "fy": 510.0, "cx": 300.0, "cy": 260.0, "p1": 0.01, "p2": -0.02}
LENS = [0.1, -0.05, NUMBERS["p1"], NUMBERS["p2"], 0.02]


def cells(line: str) -> list[str]:
    return [cell.strip().strip("`") for cell in line.strip("|\n ").split("|")]


def table() -> list[dict[str, str]]:
    """The rows by the names of the columns."""
    lines = PAGE.read_text().splitlines()
    start = next(number for number, line in enumerate(lines) if line.startswith("| turned counter-clockwise by"))
    rows = []
    for line in lines[start + 2 :]:
        if not line.startswith("|"):
            break
        rows.append(dict(zip(cells(lines[start]), cells(line), strict=True)))
    return rows


def matrix(fx: float, fy: float, cx: float, cy: float) -> np.ndarray:
    return np.array([[fx, 0, cx], [0, fy, cy], [0, 0, 1]])


def test_the_table_has_all_quarter_turns():
    assert [row["turned counter-clockwise by"] for row in table()] == ["90 degrees", "180 degrees", "270 degrees"]


@pytest.mark.parametrize("turns", [1, 2, 3])
def test_camera_info_and_frame_are_those_of_the_turned_camera(turns):
    row = {name: text for name, text in table()[turns - 1].items() if name != "turned counter-clockwise by"}
    new = {name: eval(text, {"__builtins__": {}, "pi": math.pi}, NUMBERS) for name, text in row.items()}
    k = matrix(*(NUMBERS[name] for name in ("fx", "fy", "cx", "cy")))
    turned = TurnedCamera(Camera(640, 480, k, "plumb_bob", np.array(LENS), rectified_intrinsics=k), turns)
    upright = turned.upright
    assert upright.size == (new["width"], new["height"])
    expected = matrix(*(new[name] for name in ("fx", "fy", "cx", "cy")))
    np.testing.assert_allclose(upright.intrinsics, expected, atol=1e-12)
    np.testing.assert_allclose(upright.rectified_intrinsics, expected, atol=1e-12)
    np.testing.assert_allclose(upright.distortion, [*LENS[:2], new["p1"], new["p2"], LENS[4]], atol=1e-15)
    in_mount = Rotation.from_euler("z", new["yaw"]).as_matrix()  # columns: axes of the images' frame
    np.testing.assert_allclose(turned.rotation, in_mount.T, atol=1e-6)
