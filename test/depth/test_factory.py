"""Depth engines by the names of source and calibration, and the errors for wrong names."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from metrichmsr_ros.assets import AssetError
from metrichmsr_ros.depth.calibration.network import Refiner
from metrichmsr_ros.depth.calibration.refiner import RefinerConfig
from metrichmsr_ros.depth.calibration.weights import save_refiner
from metrichmsr_ros.depth.factory import DepthChoice, check_source, make_engine, make_source
from metrichmsr_ros.depth.sources.base import DepthContext, DepthError, DepthMap
from metrichmsr_ros.geometry.camera import Camera

CAMERA = Camera(80, 60, np.array([[50.0, 0, 39.5], [0, 50, 29.5], [0, 0, 1]]))
IMAGE = np.zeros((60, 80, 3), np.uint8)
FACES = np.array([[0, 1, 2], [0, 2, 3]])
PERSON = np.array([[-0.4, -0.9, 3], [0.4, -0.9, 3], [0.4, 0.9, 3], [-0.4, 0.9, 3]])


def estimate(choice: DepthChoice, incoming: DepthMap | None = None):
    return make_engine(choice).estimate(IMAGE, CAMERA, FACES, DepthContext((PERSON,), incoming=incoming))


def test_people_are_the_default_and_need_no_weights():
    answer = estimate(DepthChoice())
    assert (answer.source, answer.calibration) == ("people", "none")
    assert np.nanmax(answer.metres) == pytest.approx(3)


def test_auto_without_fetched_networks_is_the_ground(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert estimate(DepthChoice("auto", "affine")).source == "ground"
    with pytest.raises(AssetError, match="metrichmsr setup"):
        make_engine(DepthChoice("fastdepth", "affine"))


def test_without_depth_messages_the_result_is_human_depth_with_the_problem():
    answer = estimate(DepthChoice("topic", "scale"))
    assert answer.source == "people"
    assert "no depth image came" in answer.problem


@pytest.mark.parametrize("calibration", ["scale", "affine", "field", "planes", "none"])
def test_closed_forms_by_name(calibration):
    incoming = DepthMap(np.full((60, 80), 1.5, np.float32), CAMERA, "camera/depth", is_sensor=True)
    answer = estimate(DepthChoice("topic", calibration), incoming)
    assert answer.calibration == calibration
    np.testing.assert_allclose(answer.metres, 1.5 if calibration == "none" else 3.0, rtol=0.03)


def test_a_refiner_from_a_file_of_the_user(tmp_path):
    network = Refiner(RefinerConfig(width=32, height=24, channels=(4, 8, 8), dim=16, layers=1, heads=2))
    save_refiner(tmp_path / "mine.safetensors", network)
    incoming = DepthMap(np.full((60, 80), 1.5, np.float32), CAMERA, "camera/depth")
    assert estimate(DepthChoice("topic", str(tmp_path / "mine.safetensors")), incoming).calibration == "refiner"


def test_a_file_of_another_size_is_resized_to_the_image(tmp_path):
    path = tmp_path / "depth.png"
    cv2.imwrite(str(path), np.full((30, 40), 1500, np.uint16))
    answer = estimate(DepthChoice(f"file:{path}", "scale"))
    assert answer.source == "file:depth.png"
    np.testing.assert_allclose(answer.metres, 3.0, rtol=0.03)


@pytest.mark.parametrize(
    ("choice", "words"),
    [
        (DepthChoice("lidar"), "unknown depth source 'lidar'; choose from: auto"),
        (DepthChoice("ground:high"), "unknown depth source 'ground:high'"),
        (DepthChoice("ground", "magic"), "unknown depth calibration 'magic'; choose from: auto"),
        (DepthChoice("file:/nowhere.npy"), "nowhere.npy is not a file"),
        (DepthChoice("topic", "/nowhere.safetensors"), "cannot read depth refiner"),
    ],
)
def test_bad_choices_are_errors_that_name_the_value(choice, words):
    with pytest.raises(DepthError, match=words):
        make_engine(choice)


@pytest.mark.parametrize("source", ["people", "ground"])
@pytest.mark.parametrize("calibration", ["nope", "/nope.safetensors"])
def test_calibrations_are_checked_also_where_none_is_needed(source, calibration):
    with pytest.raises(DepthError, match="nope"):
        make_engine(DepthChoice(source, calibration))


@pytest.mark.parametrize("memory_s", [float("nan"), -1.0, 0.0])
def test_a_memory_of_no_time_is_refused(memory_s):
    with pytest.raises(DepthError, match=f"memory_s of the depth's calibration is {memory_s}"):
        make_engine(DepthChoice(memory_s=memory_s))


@pytest.mark.parametrize("size", [(80, 60), (40, 30), (161, 120), (4, 3)])
def test_a_depth_file_of_the_shape_of_the_image_is_used_at_any_size(tmp_path, size):
    file = tmp_path / "depth.npy"
    np.save(file, np.full(size[::-1], 2.5))
    answer = estimate(DepthChoice(f"file:{file}", "none"))
    assert (answer.source, answer.problem) == ("file:depth.npy", "")
    assert np.nanmedian(answer.metres) == 2.5


def test_a_depth_file_of_another_shape_is_said(tmp_path):
    file = tmp_path / "depth.npy"
    np.save(file, np.full((100, 512), 2.5))
    assert "file:depth.npy is 512x100, which is not the shape of the image of 80x60" in (
        estimate(DepthChoice(f"file:{file}", "none")).problem
    )


@pytest.mark.parametrize("depth", [np.zeros((60, 80)), np.full((60, 80), np.nan), np.zeros((0, 5))])
def test_a_depth_file_without_depth_is_refused_by_name(tmp_path, depth):
    file = tmp_path / "depth.npy"
    np.save(file, depth)
    with pytest.raises(DepthError, match=r"depth.npy, \d+x\d+ pixels, has no pixel of known depth"):
        make_engine(DepthChoice(f"file:{file}", "none"))


def test_people_are_a_source_by_name_but_none_to_make():
    check_source("people")
    with pytest.raises(DepthError, match="unknown depth source 'people'"):
        make_source("people")
    with pytest.raises(DepthError) as error:
        make_source("peeple")
    assert "people:" not in str(error.value)


@pytest.mark.parametrize("name", ["fast_depth", "topic", "file:x.npy", "ground:x"])
def test_a_refusal_lists_only_what_the_caller_takes(name):
    with pytest.raises(DepthError) as error:
        check_source(name, without=("topic", "file"))
    listed = str(error.value).partition("; choose from: ")[2]
    kinds = [part.partition(":")[0].partition("[")[0] for part in listed.split("; ")]
    assert kinds == ["auto", "people", "ground", "fastdepth", "hub", "map_anything"]
    for kind in kinds:
        check_source(kind, without=("topic", "file"))


def test_a_source_that_the_caller_does_not_take_says_why():
    check_source("topic")
    with pytest.raises(DepthError, match=r"^depth source 'topic': no topic is read here; choose from: auto"):
        check_source("topic", without=("topic",))
    check_source("file:x.npy", without=("topic",))
    with pytest.raises(
        DepthError, match=r"^depth source 'file:x\.npy': one file is not the depth of every frame; choose"
    ):
        check_source("file:x.npy", without=("file",))
