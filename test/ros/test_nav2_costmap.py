"""The clouds in the real costmap of Nav2, with the sample's parameters: skipped where Nav2 is not installed."""

from __future__ import annotations

import time
from dataclasses import replace

import numpy as np
import pytest
import yaml

pytest.importorskip("rclpy")
pytest.importorskip("metrichmsr_ros.msg")
pytest.importorskip("nav_msgs", reason="Nav2, which brings nav_msgs, is not installed")

from helpers.costmap_steps import step_at, walk
from helpers.fake_pipeline import FakePipeline
from helpers.ros_messages import make_image, make_info
from helpers.ros_testing import CameraDriver, free_domain
from rcl_interfaces.srv import GetParameters, ListParameters
from rclpy.parameter import parameter_value_to_python

from benchmarks.robot.costmap_scores import Scorer
from benchmarks.robot.nav2.client import CAMERA, seconds_of
from benchmarks.robot.nav2.clouds import messages_of, observation_of
from benchmarks.robot.nav2.likeness import STEPPED
from benchmarks.robot.nav2.process import NAME, NAMESPACE, NO_NAV2, SAMPLE, installed_costmap
from benchmarks.robot.nav2.session import active_costmap
from benchmarks.robot.nav2.stepping import SteppedCostmap
from benchmarks.robot.obstacle_layer import LayerConfig, ObstacleLayer

INSTALLED = installed_costmap()
pytestmark = pytest.mark.skipif(INSTALLED is None, reason=NO_NAV2)
START = walk()[0].frame.T_world_cam


@pytest.fixture
def domain():
    with free_domain() as number:
        yield number


def flat(parameters, prefix=""):
    """Parameters by their full names."""
    found = {}
    for name, value in parameters.items():
        found |= flat(value, f"{prefix}{name}.") if isinstance(value, dict) else {f"{prefix}{name}": value}
    return found


def ask(client, kind, service, **fields):
    """The answer of a service of the costmap."""
    caller = client.node.create_client(kind, f"{NAMESPACE}/{NAME}/{service}")
    client.until(caller.service_is_ready, service)
    answer = caller.call_async(kind.Request(**fields))
    client.until(answer.done, f"an answer of {service}")
    return answer.result()


def test_nav2_takes_every_parameter_of_the_sample(domain):
    sample = flat(yaml.safe_load(SAMPLE.read_text())["local_costmap"]["local_costmap"]["ros__parameters"])
    with active_costmap(INSTALLED, START, domain) as client:
        declared = ask(client, ListParameters, "list_parameters").result.names
        assert set(declared) >= set(sample)  # Nav2 declares a parameter when it reads it
        values = ask(client, GetParameters, "get_parameters", names=list(sample)).values
    assert [parameter_value_to_python(value) for value in values] == list(sample.values())


@pytest.mark.parametrize("marks_hidden", [False, True])
def test_a_walk_is_marked_and_forgotten_as_in_the_replica(domain, marks_hidden):
    config, steps = LayerConfig(), walk()
    steps[10] = replace(steps[10], scene=replace(steps[10].scene, people=[hidden(steps[10])]))
    replica, scorer = ObstacleLayer(config), Scorer(config)
    with active_costmap(INSTALLED, START, domain, STEPPED) as client:
        real = SteppedCostmap(client, config)
        for step in steps:
            marked, marking, clearing = real.update(step.scene, START, marks_hidden)
            scorer.appear(step, step.frame.stamp_s)
            scorer.renew(replica.update(marking, clearing), step.frame.stamp_s)
            np.testing.assert_array_equal(marked, replica.is_marked)
            scorer.score(step, marked, step.frame.stamp_s)
    assert scorer.record.delays_s == pytest.approx([0.2])
    assert max(scorer.record.trail) == 0


def hidden(step):
    """The person of a step, not seen in its image but predicted where it is."""
    return replace(step.scene.people[0], is_occluded=True)


def test_clouds_of_late_images_are_used(domain):
    """The costmap looks their frame up at their own stamp, so no tolerance has to be as long as the latency."""
    step, config = step_at(0.0, (3.02, 0.02), is_seen=True), LayerConfig()
    with active_costmap(INSTALLED, START, domain, STEPPED | {"transform_tolerance": 0.1}) as client:
        late = client.now()
        late.sec -= 3
        client.send_pose(START, late)
        clouds = messages_of(step.scene, client.header(late))
        marks = tuple(config.cells(observation_of(clouds.bodies, START).points).T)

        def is_marked():
            client.send(clouds)
            return client.last is not None and client.last[marks].all()

        client.until(is_marked, "marks of a late cloud")


def test_the_node_and_the_costmap_need_no_remapping(ros):
    """Topics, QoS and frames of both; the node publishes because the costmap listens."""
    person = step_at(0.0, (3.02, 0.02), is_seen=True).scene.people[0]
    config, due = LayerConfig(), 0.0
    points = person.vertices_cam.astype(np.float64) @ START[:3, :3].T + START[:3, 3]
    marks = tuple(config.cells(points).T)
    with active_costmap(INSTALLED, START, ros.domain, STEPPED) as client:
        pipeline = FakePipeline([person])
        ros.perception(pipeline)
        camera = CameraDriver(ros)

        def is_marked():
            nonlocal due
            ros.settle()
            if time.monotonic() >= due:  # as a camera does
                due = time.monotonic() + 0.1
                stamp = client.now()
                client.send_pose(START, stamp)
                seconds = seconds_of(stamp)
                camera.send(make_image(seconds, frame=CAMERA), make_info(seconds, frame=CAMERA))
            return client.last is not None and client.last[marks].all()

        client.until(is_marked, "marks of the node's person")
        pipeline.people.clear()
        client.until(lambda: not is_marked() and not client.last.any(), "a grid without marks")
