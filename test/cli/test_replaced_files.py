"""Commands replace what they wrote before, and neither their inputs nor files of others."""

from __future__ import annotations

import json
import sys

import cv2
import numpy as np
import pytest
from helpers.pixel_pipeline import PixelPipeline
from helpers.recorded_bags import Recipe, write_bag

from metrichmsr_ros.cli import main as cli
from metrichmsr_ros.cli.demo import DemoFolders
from metrichmsr_ros.cli.output_files import ReplacedFileError, refuse_inputs
from metrichmsr_ros.cli.predict import check_results, predict_photo

RED = np.full((48, 64, 3), (60, 0, 0), np.uint8)  # a person at 3 m


class Photographer(PixelPipeline):
    """A pipeline of photographs: nobody in a black one."""

    single_image_views = ("full",)

    def __init__(self):
        super().__init__()
        self.body.faces = np.array([[0, 1, 2]])
        self.faces = self.body.faces

    def estimate(self, image, camera):
        return self.track(image, camera, 0.0, request=None)


def write_photo(path, image=RED):
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(cv2.imencode(path.suffix if path.suffix != ".json" else ".png", image[..., ::-1])[1].tobytes())
    return path


def contents(folder):
    return {path.relative_to(folder): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_the_depth_of_a_sensor_beside_the_photograph_is_kept(tmp_path, monkeypatch, capsys):
    photo, depth = write_photo(tmp_path / "photo.jpg"), tmp_path / "photo_depth.png"
    cv2.imwrite(str(depth), np.full((48, 64), 3000, np.uint16))
    before = contents(tmp_path)
    for source in (f"file:{depth}", "ground"):
        with pytest.raises(ReplacedFileError, match=r"photo_depth.png.* name another folder"):
            check_results(photo, tmp_path, source)
    words = ["metrichmsr", "predict", str(photo), "--depth", f"file:{depth}", "--out", str(tmp_path)]
    monkeypatch.setattr(sys, "argv", words)
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert ended.value.code == 2
    assert "would replace the input" in capsys.readouterr().err
    assert contents(tmp_path) == before
    predict_photo(Photographer(), photo, tmp_path, 60.0, None)
    with pytest.raises(ReplacedFileError, match=r"photo_depth.png is there already"):
        check_results(photo, tmp_path, "ground")  # still the sensor's
    check_results(photo, tmp_path / "out", f"file:{depth}")


def test_the_photograph_itself_is_kept(tmp_path):
    photo = write_photo(tmp_path / "b.json")
    before = contents(tmp_path)
    (tmp_path / "link").symlink_to(tmp_path)
    for out in (tmp_path, tmp_path / "link"):
        with pytest.raises(ReplacedFileError, match=r"b.json would replace the input"):
            predict_photo(Photographer(), photo, out, 60.0, None)
    assert contents(tmp_path) == before


@pytest.mark.parametrize("name", ["photo.json", "photo_overlay.png", "photo.glb"])
def test_files_of_other_programs_are_kept(tmp_path, name):
    photo = write_photo(tmp_path / "photo.jpg")
    (tmp_path / name).write_text('{"camera": "mine"}')
    before = contents(tmp_path)
    with pytest.raises(ReplacedFileError, match=rf"{name} is there already and not from `metrichmsr predict`"):
        predict_photo(Photographer(), photo, tmp_path, 60.0, None)
    assert contents(tmp_path) == before


def test_results_are_replaced_and_a_mesh_goes_with_its_people(tmp_path):
    out = tmp_path / "out"
    for _ in range(2):
        _, files = predict_photo(Photographer(), write_photo(tmp_path / "s.jpg"), out, 60.0, None)
        assert files.mesh == out / "s.glb"
    empty = write_photo(tmp_path / "s.png", np.zeros_like(RED))
    _, files = predict_photo(Photographer(), empty, out, 60.0, None)
    assert files.mesh is None
    assert sorted(path.name for path in out.iterdir()) == ["s.json", "s_overlay.png"]
    assert json.loads((out / "s.json").read_text())["people"] == []


def test_an_input_by_another_name_is_known(tmp_path):
    image = tmp_path / "routing.png"
    image.write_bytes(b"a picture")
    (tmp_path / "same.png").hardlink_to(image)
    with pytest.raises(ReplacedFileError, match=r"same.png would replace the input"):
        refuse_inputs([image, tmp_path / "absent"], [tmp_path / "other.png", tmp_path / "same.png"])


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("sequence/notes.txt", "notes.txt is there already and not from `metrichmsr demo`"),
        ("perception/run/x.mcap", "perception/run is there already"),
        ("sequence/sequence.mcap", "sequence is there already"),
        ("report.md", "report.md is there already"),
        ("report.json", "report.json is there already"),
    ],
)
def test_a_demo_keeps_files_of_others(tmp_path, name, told):
    mine = tmp_path / name
    mine.parent.mkdir(parents=True, exist_ok=True)
    mine.write_text("{}")
    with pytest.raises(ReplacedFileError, match=told):
        DemoFolders(tmp_path).check()
    assert mine.read_text() == "{}"


def test_a_demo_replaces_its_own_bags_and_no_recording_of_the_user(tmp_path):
    folders = DemoFolders(tmp_path)
    write_bag(folders.sequence)
    with pytest.raises(ReplacedFileError, match="sequence is there already"):
        folders.check()
    for path in folders.sequence.iterdir():
        path.unlink()
    folders.sequence.rmdir()
    write_bag(folders.sequence, Recipe(truth=True))
    folders.perception.mkdir()
    (folders.perception / "perception.mcap").write_bytes(b"of a killed demo")
    folders.check()
    folders.clear()
    assert list(tmp_path.iterdir()) == []
