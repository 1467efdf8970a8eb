"""Transitions at any time, parameters, and a thousand cycles."""

from __future__ import annotations

import ctypes
import gc
import re
import threading
from types import SimpleNamespace

import pytest

pytest.importorskip("rclpy")
pytest.importorskip("metrichmsr_ros.msg")

from helpers.fake_pipeline import FakePipeline, make_person
from helpers.ros_messages import FRAME
from helpers.ros_testing import CameraDriver
from lifecycle_msgs.msg import Transition
from lifecycle_msgs.srv import ChangeState, GetState
from rclpy.parameter import Parameter
from std_msgs.msg import String
from std_srvs.srv import SetBool
from tf2_msgs.msg import TFMessage
from visualization_msgs.msg import Marker, MarkerArray

from metrichmsr_ros.msg import HumanMeshArray
from metrichmsr_ros.ros import diagnostics
from metrichmsr_ros.ros.diagnostics import resident_bytes

MANUAL = {"autostart": False}


def test_the_usual_way_through_the_services(ros):
    node = ros.perception(FakePipeline(), wait="unconfigured", parameters=MANUAL)
    change = ros.node.create_client(ChangeState, "/perception/change_state")
    state = ros.node.create_client(GetState, "/perception/get_state")
    ros.until(lambda: change.service_is_ready() and state.service_is_ready(), "lifecycle services")
    steps = {
        Transition.TRANSITION_CONFIGURE: "inactive", Transition.TRANSITION_ACTIVATE: "active",
        Transition.TRANSITION_DEACTIVATE: "inactive", Transition.TRANSITION_CLEANUP: "unconfigured",
        Transition.TRANSITION_UNCONFIGURED_SHUTDOWN: "finalized",
    }  # fmt: skip
    for transition, label in steps.items():
        answer = change.call_async(ChangeState.Request(transition=Transition(id=transition)))
        ros.until(answer.done, f"transition {transition}")
        assert answer.result().success
        asked = state.call_async(GetState.Request())
        ros.until(asked.done, "the state")
        assert asked.result().current_state.label == label == node.state


def test_inactive_nodes_neither_listen_nor_publish_until_activated_again(ros):
    pipeline = FakePipeline([make_person()])
    node = ros.perception(pipeline)
    humans = ros.hear("/perception/humans", HumanMeshArray)
    camera = CameraDriver(ros)
    node.trigger_deactivate()
    ros.until(lambda: camera.image.get_subscription_count() == 0, "the subscription gone")
    camera.send_good(1.0)
    node.trigger_activate()
    ros.until(lambda: camera.image.get_subscription_count() == 1, "the subscription back")
    ros.until(lambda: camera.info.get_subscription_count() == 1, "the subscription back")
    camera.send_good(2.0)
    ros.until(lambda: humans, "a result")
    assert [message.header.stamp.sec for message in humans] == [2]


@pytest.mark.parametrize("transition", ["trigger_deactivate", "trigger_shutdown", "destroy_node"])
def test_transitions_wait_for_the_frame_in_work(ros, transition):
    pipeline = FakePipeline()
    pipeline.gate = threading.Semaphore(0)
    node = ros.perception(pipeline)
    ros.hear("/perception/humans", HumanMeshArray)
    CameraDriver(ros).send_good(1.0)
    ros.until(lambda: pipeline.calls, "a frame in work")
    threading.Timer(0.05, pipeline.gate.release).start()
    getattr(node, transition)()
    assert node.statistics.processed == 1
    assert not [thread for thread in threading.enumerate() if thread.name == "perception_worker"]


def test_a_model_that_cannot_be_loaded_leaves_the_node_unconfigured(ros):
    node = ros.perception(None, wait="unconfigured", parameters={**MANUAL, "preset": "/no/such/weights.safetensors"})
    node.trigger_configure()
    assert node.state == "unconfigured"
    node.trigger_shutdown()
    assert node.state == "finalized"


def test_parameters_are_described_checked_and_change_live(ros):
    pipeline = FakePipeline([make_person("a1", confidence=0.4), make_person("b2", confidence=0.9)])
    node = ros.perception(pipeline)
    humans = ros.hear("/perception/humans", HumanMeshArray)
    camera = CameraDriver(ros)
    results = node.set_parameters([Parameter("min_confidence", value=0.5), Parameter("publish_vertices", value=False)])
    assert all(result.successful for result in results)
    camera.send_good(1.0)
    ros.until(lambda: humans, "a result")
    assert [(human.id, len(human.vertices)) for human in humans[0].humans] == [("b2", 0)]
    refused = node.set_parameters(
        [
            Parameter("min_confidence", value=1.5),
            Parameter("preset", value="paper"),
            Parameter("image_rectified", value="perhaps"),
        ]
    )
    assert not any(result.successful for result in refused)
    assert node.set_parameters([Parameter("image_rectified", value=True)])[0].successful  # as YAML reads `true`
    for name in ("preset", "image_transport", "max_age", "id_prefix", "min_confidence"):
        assert node.describe_parameter(name).description


def test_qos_can_be_overridden(ros):
    override = {"qos_overrides./perception/humans.publisher.depth": 17}
    node = ros.perception(FakePipeline(), parameters=override)
    publishers = {publisher.topic_name: publisher for publisher in node.publishers}
    assert publishers["/perception/humans"].qos_profile.depth == 17


def memory_in_use():
    """Resident bytes without garbage and without what the C library keeps of freed memory, which grows by megabytes."""
    gc.collect()
    if trim := getattr(ctypes.CDLL(None), "malloc_trim", None):  # of glibc
        trim(0)
    return resident_bytes()


def test_many_cycles_do_not_grow(ros):
    pipeline = FakePipeline()
    node = ros.perception(pipeline, wait="unconfigured", parameters=MANUAL)

    def cycles(count):
        for _ in range(count):
            for trigger in (
                node.trigger_configure,
                node.trigger_activate,
                node.trigger_deactivate,
                node.trigger_cleanup,
            ):
                trigger()
            ros.settle(2)

    cycles(10)
    publishers, before = len(list(node.publishers)), memory_in_use()
    cycles(20)
    assert node.state == "unconfigured"
    assert len(list(node.publishers)) == publishers
    assert not list(node._managed_entities)
    assert memory_in_use() - before < 20 * 150_000  # a leaked worker, publisher or model would be far more


def test_a_cycle_leaves_next_to_nothing_in_the_callback_group_of_the_node(ros):
    """rclpy never takes out what was destroyed."""
    parameters = {**MANUAL, "ground_frame": "floor", "fixed_frame": "odom"}
    node = ros.perception(FakePipeline(), wait="unconfigured", parameters=parameters)
    sizes = []
    for _ in range(3):
        for transition in ("configure", "activate", "deactivate", "cleanup"):
            getattr(node, f"trigger_{transition}")()
        ros.settle(2)
        sizes.append(len(node.default_callback_group.entities))
    assert sizes[2] - sizes[1] <= 1  # the guard condition of people's topics


def test_the_time_before_activation_is_no_silence(ros, monkeypatch):
    now = [100.0]
    monkeypatch.setattr(diagnostics, "time", SimpleNamespace(monotonic=lambda: now[0]))
    node = ros.perception(FakePipeline(), wait="unconfigured", parameters=MANUAL)
    node.trigger_configure()
    now[0] += 60.0
    node.trigger_activate()
    assert node.statistics.input_status("input", "/image", active=True).message == "receiving"
    now[0] += 4.0
    assert node.statistics.input_status("input", "/image", active=True).message == "no image on /image for 4 s"


def test_people_do_not_stay_while_the_node_is_inactive_or_disabled(ros):
    node = ros.perception(FakePipeline([make_person("a1")]))
    humans, camera = ros.hear("/perception/humans", HumanMeshArray), CameraDriver(ros)

    def is_there():
        topics = {name for name, _ in ros.node.get_topic_names_and_types()}
        return "/humans/bodies/a1/urdf" in topics, node.has_parameter("human_description_a1")

    def show(seconds):
        camera.send_good(seconds)
        ros.until(lambda: humans and humans[-1].header.stamp.sec == seconds, f"the result of {seconds}")

    def appear(begin):
        reader = ros.node.create_subscription(String, "/humans/bodies/a1/urdf", lambda message: None, 1)
        show(begin)
        ros.until(lambda: reader.get_publisher_count(), "the topic")
        show(begin + 1)
        ros.until(lambda: is_there() == (True, True), "topic and parameter")
        ros.node.destroy_subscription(reader)

    appear(1)
    node.trigger_deactivate()
    ros.until(lambda: is_there() == (False, False), "nobody while inactive")
    node.trigger_activate()
    ros.until(camera._is_matched, "the subscriptions back")
    appear(3)
    client = ros.node.create_client(SetBool, "/perception/enable")
    ros.until(client.service_is_ready, "the service")
    answer = client.call_async(SetBool.Request(data=False))
    ros.until(answer.done, "an answer")
    camera.send_good(5)
    ros.until(lambda: is_there() == (False, False), "nobody while disabled")


def test_markers_of_people_do_not_stay_while_the_node_is_inactive_or_disabled(ros):
    topics = ("markers", "mesh_markers", "people_fixed_markers", "predicted_markers")
    node = ros.perception(FakePipeline([make_person("a1")]), parameters={"fixed_frame": FRAME})
    heard = [ros.hear(f"/perception/{name}", MarkerArray) for name in topics]
    camera = CameraDriver(ros)
    client = ros.node.create_client(SetBool, "/perception/enable")
    ros.until(client.service_is_ready, "the service")

    def until_shown(is_shown, what):
        """The last markers of every topic are only a DELETEALL, or more."""
        ros.until(lambda: all(part and (len(part[-1].markers) > 1) == is_shown for part in heard), what)

    camera.send_good(1)
    until_shown(True, "everybody")
    node.trigger_deactivate()
    until_shown(False, "nobody while inactive")
    assert all(part[-1].markers[0].action == Marker.DELETEALL for part in heard)
    node.trigger_activate()
    ros.until(camera._is_matched, "the subscriptions back")
    camera.send_good(3)
    until_shown(True, "everybody again")
    answer = client.call_async(SetBool.Request(data=False))
    ros.until(answer.done, "an answer")
    camera.send_good(5)
    until_shown(False, "nobody while disabled")
    counts = [len(part) for part in heard]
    camera.send_good(6)
    ros.until(lambda: node.statistics.received == 4, "another image")
    ros.settle()
    assert [len(part) for part in heard] == counts


def test_ids_of_another_start_do_not_come_back(ros):
    node = ros.perception(FakePipeline([make_person("p1")]), parameters={"unique_ids": True, "id_prefix": "left_"})
    humans, frames = ros.hear("/perception/humans", HumanMeshArray), ros.hear("/tf", TFMessage)
    camera, ids = CameraDriver(ros), []
    for seconds in (1.0, 2.0, 3.0):
        camera.send_good(seconds)
        ros.until(lambda at=seconds: humans and humans[-1].header.stamp.sec == at, "a result of this start")
        ids.append(humans[-1].humans[0].id)
        body = f"body_{ids[-1]}"
        ros.until(lambda name=body: frames and frames[-1].transforms[0].child_frame_id == name, "its transform")
        node.set_parameters([Parameter("min_confidence", value=0.1)])  # keeps the ids
        camera.send_good(seconds + 0.5)
        ros.until(lambda: len(humans) == 2, "a second result")
        assert humans[-1].humans[0].id == ids[-1]
        for transition in ("deactivate", "cleanup", "configure", "activate"):
            getattr(node, f"trigger_{transition}")()
        humans.clear()
        frames.clear()
    assert len(set(ids)) == 3
    assert all(re.fullmatch(r"left_[a-z][a-z0-9]{3}_p1", name) for name in ids)
