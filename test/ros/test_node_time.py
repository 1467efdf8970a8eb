"""The node over the real middleware: floods, late frames, bags that loop and simulated time."""

from __future__ import annotations

import threading

import pytest

pytest.importorskip("rclpy")
pytest.importorskip("metrichmsr_ros.msg")

from diagnostic_msgs.msg import DiagnosticArray
from helpers.fake_pipeline import FakePipeline
from helpers.ros_messages import make_header, make_image, make_info, seconds_of
from helpers.ros_testing import CameraDriver

from metrichmsr_ros.msg import HumanMeshArray


def test_flood_at_any_rate_leaves_only_the_newest_frame(ros):
    pipeline = FakePipeline()
    pipeline.gate = threading.Semaphore(0)
    node = ros.perception(pipeline)
    humans = ros.hear("/perception/humans", HumanMeshArray)
    camera = CameraDriver(ros)
    camera.send_good(1.0)
    ros.until(lambda: pipeline.calls, "the first frame in work")
    for index in range(1, 121):  # one second of a 120 Hz camera while the network is busy
        camera.send_good(1.0 + index / 120, value=index)
        ros.settle(4)
    ros.until(lambda: node.statistics.received == 121, "all frames received")
    pipeline.gate.release(2)
    ros.until(lambda: len(humans) == 2, "two results")
    assert [seconds_of(message) for message in humans] == pytest.approx([1.0, 2.0], abs=1e-6)
    assert pipeline.calls[1][0][0, 0, 0] == 120
    assert node.statistics.drops == {"superseded": 119}


def test_a_bag_that_loops_resets_the_tracks(ros):
    pipeline = FakePipeline()
    node = ros.perception(pipeline)
    humans = ros.hear("/perception/humans", HumanMeshArray)
    camera = CameraDriver(ros)
    resets = pipeline.resets
    for count, seconds in enumerate([100.0, 100.1, 103.0, 90.0, 90.1], start=1):
        camera.send_good(seconds)
        ros.until(lambda want=count: len(humans) == want, f"the result of {seconds}")
    assert (pipeline.resets - resets, node.statistics.resets) == (1, 1)


def test_a_topic_that_is_switched_to_another_camera_resets_the_tracks(ros):
    pipeline = FakePipeline()
    node = ros.perception(pipeline)
    humans = ros.hear("/perception/humans", HumanMeshArray)
    camera, told = CameraDriver(ros), []
    node.statistics._tell = told.append
    resets = pipeline.resets
    for count, frame in enumerate(["front", "/front", "front", "rear", "rear"], start=1):
        camera.send(make_image(count / 10, value=99, frame=frame), make_info(count / 10, frame=frame))
        ros.until(lambda want=count: len(humans) == want, f"result {count}")
    assert (pipeline.resets - resets, node.statistics.resets) == (1, 1)
    assert told == ["images are of 'rear' after 'front', another camera: everybody is forgotten and found anew"]


def test_late_and_repeated_frames_are_left_out(ros):
    node = ros.perception(FakePipeline())
    humans = ros.hear("/perception/humans", HumanMeshArray)
    camera = CameraDriver(ros)
    for count, seconds in enumerate([10.0, 10.0, 9.95, 10.1], start=1):
        camera.send_good(seconds)
        ros.until(lambda want=count: node.statistics.processed + node.statistics.drops.total() == want, "a verdict")
    assert node.statistics.drops == {"duplicate stamp": 1, "out of order": 1}
    ros.until(lambda: len(humans) == 2, "two results")


def test_simulated_time_that_stands_still_does_not_stop_the_node(ros):
    ros.perception(FakePipeline(), parameters={"use_sim_time": True, "max_age": 0.5})
    humans, reports = ros.hear("/perception/humans", HumanMeshArray), ros.hear("/diagnostics", DiagnosticArray)
    CameraDriver(ros).send_good(0.25)
    ros.until(lambda: humans and reports, "a result and a report")


def test_frames_older_than_max_age_are_dropped(ros):
    from rosgraph_msgs.msg import Clock

    node = ros.perception(FakePipeline(), parameters={"use_sim_time": True, "max_age": 0.5})
    humans = ros.hear("/perception/humans", HumanMeshArray)
    camera, clock = CameraDriver(ros), ros.node.create_publisher(Clock, "/clock", 1)
    ros.until(lambda: clock.get_subscription_count() > 0, "a reader of the clock")
    clock.publish(Clock(clock=make_header(20.0).stamp))
    ros.until(lambda: node.get_clock().now().nanoseconds == 20 * 10**9, "the clock")
    for seconds in (19.0, 19.8):
        camera.send_good(seconds)
        ros.until(lambda: node.statistics.processed + node.statistics.drops.total() >= 1, "a verdict")
        ros.settle(20)
    ros.until(lambda: humans, "the fresh frame")
    assert seconds_of(humans[0]) == 19.8
    assert node.statistics.drops == {"too old": 1}
