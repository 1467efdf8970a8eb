"""The committed parameter files equal the generated ones and match the table of parameters."""

from __future__ import annotations

import importlib.util
from dataclasses import asdict
from pathlib import Path

import pytest
import yaml

from metrichmsr_ros.ros.following.parameters import FollowSettings
from metrichmsr_ros.ros.fusion.parameters import FusionSettings
from metrichmsr_ros.ros.parameters import PARAMETERS, Settings

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def tool():
    spec = importlib.util.spec_from_file_location("generate_parameters", ROOT / "tools" / "generate_parameters.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize(
    "name",
    [
        "config/perception.yaml",
        "docs/reference/parameters.md",
        "config/fusion.yaml",
        "docs/reference/fusion_parameters.md",
        "config/follow.yaml",
        "docs/reference/follow_parameters.md",
    ],
)
def test_the_committed_file_is_the_generated_one(tool, name):
    expected = tool.FILES[ROOT / name]()
    assert (ROOT / name).read_text(encoding="utf-8") == expected, f"run {tool.COMMAND}"


@pytest.mark.parametrize(
    ("name", "settings"),
    [("perception", Settings()), ("fusion", FusionSettings()), ("follow", FollowSettings())],
)
def test_the_yaml_file_holds_every_default_in_its_type(name, settings):
    values = yaml.safe_load((ROOT / "config" / f"{name}.yaml").read_text())["/**"]["ros__parameters"]
    expected = asdict(settings)
    assert list(values.items()) == list(expected.items())
    assert [type(value) for value in values.values()] == [type(value) for value in expected.values()]


@pytest.mark.parametrize(
    "value", ["", "true", "No", "0", "1.5", "1e3", "smpl:/x: y", "a b", "#a", "it's", True, 2, 0.1]
)
def test_values_survive_yaml(tool, value):
    read = yaml.safe_load(f"key: {tool.yaml_value(value)}")["key"]
    assert (type(read), read) == (type(value), value)


def test_the_table_of_the_documentation_has_a_row_for_each():
    lines = (ROOT / "docs" / "reference" / "parameters.md").read_text(encoding="utf-8").splitlines()
    rows = [line for line in lines if line.startswith("| `")]
    assert [row.split("`")[1] for row in rows] == list(PARAMETERS)
    assert {row.replace("\\|", "").count("|") for row in rows} == {8}
