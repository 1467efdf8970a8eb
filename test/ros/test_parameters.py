"""The table of parameters: values from YAML and launch, and the declaration on a node."""

from __future__ import annotations

import re
import subprocess
import sys
from dataclasses import asdict

import pytest

from metrichmsr_ros.ros.parameter_spec import ParameterError
from metrichmsr_ros.ros.parameters import PARAMETERS, Settings


def test_the_table_needs_neither_ros_nor_numpy():
    script = (
        "import sys, metrichmsr_ros.ros.parameters; "
        "print(sorted({'rclpy', 'launch', 'numpy', 'torch', 'yaml'} & sys.modules.keys()))"
    )
    assert subprocess.run([sys.executable, "-c", script], capture_output=True, text=True).stdout == "[]\n"


def test_every_parameter_is_described_and_its_default_allowed():
    assert list(PARAMETERS) == list(asdict(Settings()))
    for name, value in asdict(Settings()).items():
        spec = PARAMETERS[name]
        assert spec.text[-1] in ".,", name
        assert spec.converted(value) == value
        assert type(spec.converted(value)) is type(value)
        assert not (spec.between and isinstance(value, bool | str)), name
        assert not spec.unit or isinstance(value, int | float), name


@pytest.mark.parametrize(
    ("name", "given", "expected"),
    [
        ("max_age", 1, 1.0),
        ("depth_memory", 3600, 3600.0),
        ("detections_class", 0, "0"),
        ("id_prefix", 1.5, "1.5"),
        ("device", "cuda:1", "cuda:1"),
        ("image_rectified", True, "true"),
        ("image_rectified", "Auto", "auto"),
        ("num_threads", 64, 64),
        ("lazy", False, False),
    ],
)
def test_values_as_yaml_gives_them_get_the_declared_type(name, given, expected):
    value = PARAMETERS[name].converted(given)
    assert (type(value), value) == (type(expected), expected)


@pytest.mark.parametrize(
    ("name", "given", "shown"),
    [
        ("max_age", -0.1, "-0.1"),
        ("max_age", float("nan"), "nan"),
        ("max_age", float("inf"), "inf"),
        ("max_age", "1", "'1'"),
        ("max_age", True, "true"),
        ("max_age", None, "None"),
        ("num_threads", 65, "65"),
        ("num_threads", 2.0, "2.0"),
        ("num_threads", True, "true"),
        ("lazy", 1, "1"),
        ("lazy", "true", "'true'"),
        ("preset", True, "true"),
        ("preset", ["embedded"], "['embedded']"),
        ("image_transport", "theora", "'theora'"),
        ("image_transport", True, "true"),
        ("image_transport", 1, "1"),
    ],
)
def test_other_values_are_refused_with_name_and_value(name, given, shown):
    with pytest.raises(ParameterError, match=re.escape(f"parameter {name} is {shown}; ")):
        PARAMETERS[name].converted(given)


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("id_prefix", "7", "7"),
        ("ground_frame", "true", "true"),
        ("max_age", "1", 1.0),
        ("num_threads", "3", 3),
        ("lazy", "False", False),
        ("lazy", "1", True),
        ("image_rectified", "true", "true"),
    ],
)
def test_texts_of_launch_arguments_become_values(name, text, expected):
    value = PARAMETERS[name].from_text(text)
    assert (type(value), value) == (type(expected), expected)


@pytest.mark.parametrize(
    ("name", "text", "remedy"),
    [
        ("lazy", "maybe", "choose true or false"),
        ("num_threads", "two", "choose an integer from 1 to 64"),
        ("num_threads", "0", "choose an integer from 1 to 64"),
        ("max_age", "90", "choose a number from 0 to 60 s"),
        ("image_transport", "theora", "choose one of raw, compressed"),
    ],
)
def test_texts_that_are_no_value_are_refused(name, text, remedy):
    with pytest.raises(ParameterError, match=f"parameter {name} is '{text}'; {remedy}"):
        PARAMETERS[name].from_text(text)


# on a node ---------------------------------------------------------------------------------------------------------


@pytest.fixture
def node():
    rclpy = pytest.importorskip("rclpy")
    from helpers.ros_testing import free_domain

    with free_domain() as domain:
        context = rclpy.Context()
        rclpy.init(context=context, domain_id=domain)
        made = []

        def make(*given):
            from rclpy.parameter import Parameter

            from metrichmsr_ros.ros.parameter_declaration import check_changes, declare_parameters

            overrides = [Parameter(name, value=value) for name, value in given]
            made.append(rclpy.create_node("parameters", context=context, parameter_overrides=overrides))
            declare_parameters(made[-1])
            made[-1].add_on_set_parameters_callback(lambda changed: check_changes(made[-1], changed)[1])
            return made[-1]

        yield make
        for one in made:
            one.destroy_node()
        rclpy.shutdown(context=context)


def set_one(node, name, value):
    """Whether the node takes the value, and what the parameter is then."""
    from rclpy.parameter import Parameter

    (result,) = node.set_parameters([Parameter(name, value=value)])
    return result.successful, node.get_parameter(name).value


def test_descriptors_state_type_range_choices_and_unit(node):
    made = node()
    described = {name: made.describe_parameter(name) for name in PARAMETERS}
    (span,) = described["max_age"].floating_point_range
    assert (span.from_value, span.to_value) == (0.0, pytest.approx(60.0))
    assert "Unit: s." in described["max_age"].description
    (span,) = described["num_threads"].integer_range
    assert (span.from_value, span.to_value) == (1, 64)
    assert described["image_transport"].additional_constraints == "one of raw, compressed"
    assert described["preset"].read_only
    assert not described["lazy"].read_only


def test_a_node_reads_its_defaults(node):
    from metrichmsr_ros.ros.parameter_declaration import read_settings

    assert read_settings(node()) == Settings()


def test_numbers_as_words_at_the_start(node):
    from metrichmsr_ros.ros.parameter_declaration import read_settings

    given = {"detections_class": 0, "id_prefix": 1, "device": 0, "max_age": 1, "depth_memory": 10}
    read = asdict(read_settings(node(*given.items(), ("image_rectified", True))))
    expected = {"detections_class": "0", "id_prefix": "1", "device": "0", "max_age": 1.0, "depth_memory": 10.0}
    expected["image_rectified"] = "true"
    assert {name: read[name] for name in expected} == expected
    assert {type(read[name]) for name in ("max_age", "depth_memory")} == {float}


@pytest.mark.parametrize(
    ("name", "value", "taken"),
    [("max_age", 1, 1.0), ("detections_class", 0, "0"), ("image_rectified", True, "true"), ("lazy", False, False)],
)
@pytest.mark.parametrize("converts", [True, False])  # False: as in Humble, whose nodes cannot convert
def test_values_of_another_type_while_it_runs(node, monkeypatch, name, value, taken, converts):
    from metrichmsr_ros.ros import parameter_declaration
    from metrichmsr_ros.ros.parameter_declaration import read_settings

    monkeypatch.setattr(parameter_declaration, "_CONVERTS", converts and parameter_declaration._CONVERTS)
    made = node()
    assert set_one(made, name, value)[0]
    assert asdict(read_settings(made))[name] == taken


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("max_age", 61),
        ("max_age", "old"),
        ("lazy", 1),
        ("image_rectified", "maybe"),
        ("preset", "paper"),
        ("lazy", None),
    ],
)
@pytest.mark.parametrize("converts", [True, False])
def test_wrong_values_while_it_runs_change_nothing(node, monkeypatch, name, value, converts):
    from metrichmsr_ros.ros import parameter_declaration

    monkeypatch.setattr(parameter_declaration, "_CONVERTS", converts and parameter_declaration._CONVERTS)
    made = node()
    before = made.get_parameter(name).value
    assert set_one(made, name, value) == (False, before)


def test_an_integer_outside_the_range_of_a_double_is_told_the_range(node):
    from rclpy.parameter import Parameter

    (result,) = node().set_parameters([Parameter("max_age", value=99)])
    assert "out of range" in result.reason
