"""`metrichmsr predict` from the command line: its files and its one-line errors."""

from __future__ import annotations

import json
import sys

import cv2
import numpy as np
import pytest
import trimesh
from helpers.fetched_networks import skip_without_blazepose

from metrichmsr_ros.assets import cache_dir
from metrichmsr_ros.cli import main as cli
from metrichmsr_ros.data.synthesis.walking_sequence import WalkingSequence

skip_without_blazepose()


@pytest.fixture(scope="module")
def photo(tmp_path_factory):
    path = tmp_path_factory.mktemp("photo") / "walk.jpg"
    frame = WalkingSequence(31)[30]
    cv2.imwrite(str(path), frame.image[..., ::-1])
    return path


def run(monkeypatch, *arguments):
    monkeypatch.setattr(sys, "argv", ["metrichmsr", *map(str, arguments)])
    cli.main()


def test_predict_writes_overlay_numbers_and_mesh(photo, tmp_path, monkeypatch, capsys):
    run(monkeypatch, "predict", photo, "--fov", 70, "--out", tmp_path)
    assert cv2.imread(str(tmp_path / "walk_overlay.png")).shape == (480, 640, 3)
    numbers = json.loads((tmp_path / "walk.json").read_text())
    assert numbers["intrinsics_source"] == "fov"
    person = numbers["people"][0]
    assert [len(person[key]) for key in ("betas", "pose", "translation", "joints")] == [10, 72, 3, 24]
    assert 0.8 < person["height"] < 2.2
    assert person["id"] in capsys.readouterr().out
    heavy_is_installed = (cache_dir() / "pose_landmark_heavy.tflite").is_file()
    assert numbers["views"] == ["full", "full mirrored", *(["heavy", "heavy mirrored"] if heavy_is_installed else [])]


def test_mesh_is_in_metres_and_upright(photo, tmp_path, monkeypatch):
    run(monkeypatch, "predict", photo, "--fov", 70, "--out", tmp_path)
    scene = trimesh.load(tmp_path / "walk.glb")
    people = json.loads((tmp_path / "walk.json").read_text())["people"]
    assert len(scene.geometry) == len(people)
    mesh = scene.geometry[people[0]["id"]]
    assert np.ptp(mesh.vertices[:, 1]) == pytest.approx(people[0]["height"], rel=0.2)  # glTF: y up
    assert -mesh.vertices[:, 2].mean() == pytest.approx(people[0]["translation"][2], rel=0.1)  # glTF: z backward


def test_without_fov_the_fallback_is_reported(photo, tmp_path, monkeypatch):
    run(monkeypatch, "predict", photo, "--out", tmp_path)
    numbers = json.loads((tmp_path / "walk.json").read_text())
    assert numbers["intrinsics_source"] == "long_side"
    assert numbers["intrinsics"][0][0] == 640


def bad_file(tmp_path):
    path = tmp_path / "note.jpg"
    path.write_text("no picture")
    return path


def cut_off(tmp_path, photo):
    path = tmp_path / "half.jpg"
    path.write_bytes(photo.read_bytes()[:2000])
    return path


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (lambda tmp, photo: [tmp / "absent.jpg"], "absent.jpg is not a file"),
        (lambda tmp, photo: [bad_file(tmp)], "not an image"),
        (lambda tmp, photo: [cut_off(tmp, photo)], "this JPEG is cut off after 2000 bytes"),
        (lambda tmp, photo: [photo, "--fov", "0"], "--fov 0"),
        (lambda tmp, photo: [photo, "--fov", "nan"], "--fov nan"),
        (lambda tmp, photo: [photo, "--intrinsics", "0", "0", "320", "240"], "fx, fy > 0"),
        (lambda tmp, photo: [photo, "--intrinsics", "nan", "500", "320", "240"], "finite"),
        (lambda tmp, photo: [photo, "--preset", "embeded"], "embeded"),
    ],
)
def test_bad_input_is_one_line_and_exit_code_2(arguments, words, photo, tmp_path, monkeypatch, capsys):
    with pytest.raises(SystemExit) as stop:
        run(monkeypatch, "predict", *arguments(tmp_path, photo), "--out", tmp_path)
    assert stop.value.code == 2
    lines = capsys.readouterr().err.strip().splitlines()
    assert len(lines) == 1
    assert words in lines[0]


def test_depth_is_written_as_millimetres_figure_and_point_cloud(photo, tmp_path, monkeypatch, capsys):
    run(monkeypatch, "predict", photo, "--fov", 70, "--out", tmp_path, "--depth", "ground")
    printed = " ".join(capsys.readouterr().out.split())
    assert "depth: ground, not calibrated; the direction of gravity is not known: the camera is taken as" in printed
    stored = cv2.imread(str(tmp_path / "walk_depth.png"), cv2.IMREAD_UNCHANGED)
    assert (stored.dtype, stored.shape) == (np.uint16, (480, 640))
    assert stored[0].max() == 0  # depth is unknown above the horizon
    cloud = trimesh.load(tmp_path / "walk_scene.ply")
    assert len(cloud.vertices) == np.count_nonzero(stored)
    assert np.sort(-cloud.vertices[:, 2] * 1000) == pytest.approx(np.sort(stored[stored > 0]), abs=1)
    assert cv2.imread(str(tmp_path / "walk_scene.png")).shape == (480, 3 * 640, 3)


def test_an_unknown_depth_source_is_a_one_line_error(photo, tmp_path, monkeypatch, capsys):
    with pytest.raises(SystemExit) as stop:
        run(monkeypatch, "predict", photo, "--out", tmp_path, "--depth", "lidar")
    assert stop.value.code == 2
    assert "unknown depth source 'lidar'" in capsys.readouterr().err
