"""The recipes of containers name what exists: files, launch arguments, the extra's versions."""

from __future__ import annotations

import json
import re

import pytest
from helpers.repository import ROOT

RECIPES = sorted((ROOT / "docker").glob("*.Dockerfile"))


def test_there_is_a_recipe_for_desktops_and_for_jetsons():
    assert {path.stem for path in RECIPES} == {"cuda", "jetson"}


@pytest.mark.parametrize("path", RECIPES, ids=lambda path: path.stem)
def test_recipes_name_files_of_this_repository_and_how_they_were_tried(path):
    text = path.read_text()
    named = re.findall(r"src/metrichmsr_ros/([\w./]+)", text)
    assert {"requirements.txt", "config/fastdds_large_images.xml"} <= set(named)
    assert all((ROOT / name).is_file() for name in named)
    assert re.search(r"[Nn]ot built and not run yet|Built on .* and run on", text)


@pytest.mark.parametrize("path", RECIPES, ids=lambda path: path.stem)
def test_recipes_start_a_launch_file_with_a_parameter_that_exists(path):
    command = json.loads(re.findall(r"^CMD (.*)$", path.read_text(), re.MULTILINE)[-1])
    assert command[:3] == ["ros2", "launch", "metrichmsr_ros"]
    assert (ROOT / "launch" / command[3]).is_file()
    parameters = (ROOT / "config" / "perception.yaml").read_text()
    assert all(re.search(rf"^ +{argument.split(':=')[0]}:", parameters, re.MULTILINE) for argument in command[4:])


def test_the_desktop_has_the_extra_of_setup_py():
    extra = re.search(r'"gpu": \["([^"]+)"\]', (ROOT / "setup.py").read_text())
    assert extra is not None
    assert extra[1] in (ROOT / "docker" / "cuda.Dockerfile").read_text()
