"""With `lazy` the network is idle without subscribers, listeners of /tf aside, and the diagnostics report it."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

pytest.importorskip("rclpy")
pytest.importorskip("metrichmsr_ros.msg")

from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from helpers.fake_pipeline import FakePipeline, make_person
from helpers.ros_testing import CameraDriver
from std_srvs.srv import SetBool
from tf2_msgs.msg import TFMessage

from metrichmsr_ros.msg import HumanMeshArray
from metrichmsr_ros.ros import diagnostics


def idle(node):
    return node.statistics.drops["idle"]


@pytest.mark.parametrize("parameters", [{}, {"ground_frame": "floor"}, {"publish_tf": False, "tf_keeps_awake": True}])
def test_listeners_of_tf_do_not_keep_the_network_running(ros, parameters):
    pipeline = FakePipeline([make_person()])
    node = ros.perception(pipeline, parameters=parameters)
    ros.hear("/tf", TFMessage)
    CameraDriver(ros).send_good(1.0)
    ros.until(lambda: idle(node) == 1, "an idle frame")
    assert not pipeline.calls


def test_listeners_of_tf_count_where_the_user_says_so(ros):
    pipeline = FakePipeline([make_person()])
    node = ros.perception(pipeline, parameters={"tf_keeps_awake": True, "ground_frame": "floor"})
    camera = CameraDriver(ros)
    camera.send_good(1.0)
    ros.until(lambda: idle(node) == 1, "an idle frame: the node's own listener does not count")
    transforms = ros.hear("/tf", TFMessage)
    camera.send_good(1.1)
    ros.until(lambda: transforms, "the body")
    assert transforms[0].transforms[0].child_frame_id == "body_a1"


def test_after_idling_people_are_forgotten_without_a_warning(ros, monkeypatch):
    pipeline = FakePipeline([make_person()])
    node = ros.perception(pipeline)
    told = []
    monkeypatch.setattr(node.statistics, "_tell", told.append)
    monkeypatch.setattr(node.statistics, "_warn", told.append)
    humans = []
    reader = ros.node.create_subscription(HumanMeshArray, "/perception/humans", humans.append, 10)
    camera, resets = CameraDriver(ros), pipeline.resets
    ros.until(lambda: reader.get_publisher_count(), "the node's topic")
    camera.send_good(1.0, value=99)
    ros.until(lambda: humans, "the first result")
    ros.node.destroy_subscription(reader)
    ros.until(lambda: node.count_subscribers("/perception/humans") == 0, "nobody listening")
    camera.send_good(30.0, value=99)
    ros.until(lambda: idle(node) == 1, "an idle frame")
    later = ros.hear("/perception/humans", HumanMeshArray)
    camera.send_good(60.0, value=99)
    ros.until(lambda: later, "a result after idling")
    assert (pipeline.resets - resets, node.statistics.resets) == (1, 1)
    assert not [text for text in told if "jumped" in text]
    camera.send_good(90.0, value=99)  # nobody rested before this one: the camera's stamps jumped
    ros.until(lambda: len(later) == 2, "a result after a jump")
    assert told == ["image stamps jumped by +30.00 s: everybody is forgotten and found anew"]


def test_a_pause_by_the_service_is_no_jump_of_stamps(ros, monkeypatch):
    node = ros.perception(FakePipeline())
    told = []
    monkeypatch.setattr(node.statistics, "_tell", told.append)
    humans, camera = ros.hear("/perception/humans", HumanMeshArray), CameraDriver(ros)
    client = ros.node.create_client(SetBool, "/perception/enable")
    ros.until(client.service_is_ready, "the service")
    camera.send_good(1.0)
    ros.until(lambda: humans, "a result")
    for data, seconds in ((False, 20.0), (True, 40.0)):
        answer = client.call_async(SetBool.Request(data=data))
        ros.until(answer.done, "an answer")
        camera.send_good(seconds)
        ros.until(lambda data=data: len(humans) == 1 + data and node.statistics.received > 1, "the image's fate")
        ros.until(lambda: node.statistics.drops["disabled"] == 1, "the image of the pause")
    assert (node.statistics.resets, told) == (1, [])


@pytest.mark.parametrize("cause", ["idle", "disabled"])
def test_diagnostics_say_why_the_network_rests(cause):
    statistics = of_two_people()
    assert reported(statistics) == ("receiving", "active, 2 people")
    for _ in range(2):
        statistics.image_received()
        statistics.dropped(cause)
        told = reported(statistics)
        assert told[0].startswith(f"{cause}: ")
        assert told[1] == f"active, {cause}"
    statistics.frame_processed({}, people=1)
    assert reported(statistics) == ("receiving", "active, 1 people")


@pytest.fixture
def now(monkeypatch):
    """The time of the diagnostics, s; to be moved."""
    now = [100.0]
    monkeypatch.setattr(diagnostics, "time", SimpleNamespace(monotonic=lambda: now[0]))
    return now


def test_people_of_an_inactive_or_silent_node_are_not_reported(now):
    statistics = of_two_people()
    assert statistics.output_status("node: output", "inactive", {}).message == "inactive, 0 people"
    assert reported(statistics) == ("receiving", "active, 2 people")
    now[0] += 4.0
    assert statistics.input_status("node: input", "/image", True).message == "no image on /image for 4 s"
    assert statistics.output_status("node: output", "active", {}).message == "active, 0 people"


def test_a_silence_before_activation_is_not_reported(now):
    statistics = of_two_people()
    statistics.dropped("failed", "broken")
    now[0] += 6.0
    statistics.begin()
    assert reported(statistics) == ("receiving", "active, 0 people")
    assert (statistics.received, statistics.processed, statistics.drops["failed"]) == (1, 1, 1)


@pytest.mark.parametrize(("is_dropped", "level"), [(False, DiagnosticStatus.WARN), (True, DiagnosticStatus.ERROR)])
def test_a_doubt_about_an_image_that_is_still_being_processed_is_no_error(now, is_dropped, level):
    """The first image may take seconds: none was processed since the last report, and none was lost."""
    statistics = diagnostics.Statistics(lambda text: None, lambda text: None)
    statistics.image_received()
    statistics.problem("black image", "the image is black")
    if is_dropped:
        statistics.dropped("bad image", "truncated")
    assert statistics.input_status("node: input", "/image", True).level == level
    now[0] += 1.0
    statistics.image_received()
    assert statistics.input_status("node: input", "/image", True).level == DiagnosticStatus.OK


def of_two_people():
    """Statistics after an image with two people."""
    statistics = diagnostics.Statistics(lambda text: None, lambda text: None)
    statistics.image_received()
    statistics.frame_processed({}, people=2)
    return statistics


def reported(statistics):
    received = statistics.input_status("node: input", "/image", True)
    put_out = statistics.output_status("node: output", "active", {})
    assert (received.level, put_out.level) == (DiagnosticStatus.OK, DiagnosticStatus.OK)
    return received.message, put_out.message


def test_an_idle_node_reports_it(ros):
    ros.perception(FakePipeline(), parameters={"ground_frame": "floor"})
    reports, camera = ros.hear("/diagnostics", DiagnosticArray), CameraDriver(ros)
    camera.send_good(1.0)
    ros.until(lambda: any(report.status[0].message.startswith("idle") for report in reports), "a report")
