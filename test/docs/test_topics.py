"""docs/reference/topics.md lists the topics and services that a running node has, with their types."""

from __future__ import annotations

import importlib.util
import re

import pytest

pytest.importorskip("rclpy")
pytest.importorskip("metrichmsr_ros.msg")

from helpers.fake_pipeline import FakePipeline
from helpers.repository import ROOT

from metrichmsr_ros.ros.following.node import make_follow_node

OF_EVERY_NODE = {"/rosout", "/parameter_events", "/perception/transition_event", "/clock"}
OPTIONAL = ("hri_msgs", "people_msgs", "vision_msgs")


def listed(heading: str) -> dict[str, str]:
    """Type by topic, of the tables under a heading; without those of packages that are not installed here."""
    text = (ROOT / "docs" / "reference" / "topics.md").read_text(encoding="utf-8")
    section = re.search(rf"^## {heading}\n(.*?)(?=^## |\Z)", text, re.MULTILINE | re.DOTALL)[1]
    rows = {}
    for names, kind in re.findall(r"^\| (`[^|]+) \| `(\w+/\w+)`", section, re.MULTILINE):
        for name in re.findall(r"`([^`]+)`", names):
            package, kind_name = kind.split("/")
            if package not in OPTIONAL or importlib.util.find_spec(package):
                rows[absolute(name)] = f"{package}/{'srv' if heading == 'Services' else 'msg'}/{kind_name}"
    return rows


def absolute(name: str) -> str:
    return name.replace("~/", "/perception/") if name.startswith("~/") else "/" + name.lstrip("/")


def test_topics_and_services_of_a_running_node(ros):
    ros.perception(FakePipeline(), parameters={"ground_frame": "map", "fixed_frame": "odom"})

    def of_node(names_and_types, expected):
        """Type by name, as the graph says, once it has all that is expected."""

        def found():
            return {name: kinds[0] for name, kinds in names_and_types("perception", "/") if name not in OF_EVERY_NODE}

        ros.until(lambda: expected.keys() <= found().keys(), f"{sorted(expected)} in the graph")
        return found()

    published = {name: kind for name, kind in listed("Published").items() if "<id>" not in name}
    assert of_node(ros.node.get_publisher_names_and_types_by_node, published) == published
    subscribed = listed("Subscribed")
    assert of_node(ros.node.get_subscriber_names_and_types_by_node, subscribed) == subscribed
    services = listed("Services")
    assert of_node(ros.node.get_service_names_and_types_by_node, services).items() >= services.items()


def test_topics_and_services_of_a_running_follow_node(ros):
    node = make_follow_node(context=ros.context)
    ros.executor.add_node(node)
    ros.nodes.append(node)
    rows = {name.replace("/perception/", "/follow/"): kind for name, kind in listed("The follow node").items()}
    services = {name: kind.replace("/msg/", "/srv/") for name, kind in rows.items() if kind.startswith("std_srvs/")}
    topics = {name: kind for name, kind in rows.items() if name not in services}

    def found(names_and_types):
        return {name: kinds[0] for name, kinds in names_and_types("follow", "/")}

    ros.until(lambda: topics.keys() <= found(ros.node.get_publisher_names_and_types_by_node).keys(), "the topics")
    own = OF_EVERY_NODE | {"/follow/transition_event"}
    published = found(ros.node.get_publisher_names_and_types_by_node)
    assert {name: kind for name, kind in published.items() if name not in own} == topics
    assert found(ros.node.get_service_names_and_types_by_node).items() >= services.items()
