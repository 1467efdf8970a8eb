"""Every image has a result, or is counted as dropped with a cause."""

from __future__ import annotations

import subprocess
import sys
import time

import pytest

pytest.importorskip("rclpy")
pytest.importorskip("metrichmsr_ros.msg")

from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from helpers.fake_pipeline import FakePipeline
from helpers.repository import TESTS, environment
from helpers.ros_messages import make_image, make_info
from helpers.ros_testing import CameraDriver

from metrichmsr_ros.msg import HumanMeshArray
from metrichmsr_ros.ros.inputs.subscription import Gaps
from metrichmsr_ros.ros.node import QUEUED_IMAGES

LOST = "lost on the way"
FAKE_NODE = TESTS / "helpers" / "ros_fake_node.py"
VGA = {"width": 640, "height": 480}  # 900 kB: more than Fast DDS' shared memory holds, so that packets are sent again


def start(ros, **camera):
    """Node, what it says, and a camera whose first image was answered."""
    node = ros.perception(FakePipeline())
    humans = ros.hear("/perception/humans", HumanMeshArray)
    driver = CameraDriver(ros, **camera)
    driver.send_good(1.0)
    ros.until(lambda: humans, "the first answer")
    return node, humans, driver


def accounted(node):
    return node.statistics.processed + sum(node.statistics.drops.values())


def test_images_that_arrive_together_are_all_received(ros):
    node, humans, driver = start(ros)
    for index in range(1, 5):  # nobody spins meanwhile: they wait together, as after a packet was sent again
        driver.send_good(1.0 + index)
    ros.until(lambda: accounted(node) == 5, "all images")
    assert node.statistics.received == 5
    assert node.statistics.drops[LOST] == 0
    ros.until(lambda: humans[-1].header.stamp.sec == 5, "the newest")


@pytest.mark.parametrize("reliable", [True, False])
def test_images_beyond_the_queue_are_counted_and_reported(ros, reliable):
    node, humans, driver = start(ros, reliable=reliable)
    reports = ros.hear("/diagnostics", DiagnosticArray)
    count = 3 * QUEUED_IMAGES
    for index in range(1, 1 + count):
        driver.send_good(1.0 + index)
    ros.until(lambda: accounted(node) == 1 + count, "all images, answered or counted")
    assert node.statistics.drops[LOST] == count - QUEUED_IMAGES
    ros.until(lambda: humans[-1].header.stamp.sec == 1 + count, "the newest")

    def told():
        inputs = [report.status[0] for report in reports]
        return [status for status in inputs if status.message == LOST and status.level == DiagnosticStatus.WARN]

    ros.until(told, "a report")
    values = {pair.key: pair.value for pair in told()[0].values}
    assert values[f"dropped: {LOST}"] == str(count - QUEUED_IMAGES)
    assert "/image" in values["last problem"]


def test_a_restarted_driver_counts_as_no_loss(ros):
    node, humans, driver = start(ros)
    for index in range(1, 4):
        driver.send_good(1.0 + index)
    ros.until(lambda: node.statistics.received == 4, "the first driver's images")
    ros.node.destroy_publisher(driver.image)
    again = CameraDriver(ros)
    ros.until(lambda: node.count_publishers("/image") == 1, "the first driver to be gone")
    again.send_good(10.0)
    ros.until(lambda: humans[-1].header.stamp.sec == 10, "the second driver's image")
    assert node.statistics.drops[LOST] == 0


@pytest.fixture
def process(ros):
    running = subprocess.Popen([sys.executable, FAKE_NODE], env=environment(ROS_DOMAIN_ID=str(ros.domain)))
    yield running
    running.kill()
    running.wait()


def told_drops(report):
    return sum(int(pair.value) for pair in report.status[0].values if pair.key.startswith("dropped"))


def test_large_images_of_another_process_are_all_accounted_for(ros, process):
    humans, reports = ros.hear("/perception/humans", HumanMeshArray), ros.hear("/diagnostics", DiagnosticArray)
    driver, sent, due = CameraDriver(ros, depth=10), [], time.monotonic()

    def send(until, period):
        nonlocal due
        while not until():
            if time.monotonic() >= due:
                due = time.monotonic() + period
                seconds = 1.0 + len(sent) / 30
                sent.append(make_image(seconds, **VGA))
                driver.send(sent[-1], make_info(seconds, **VGA))
            ros.executor.spin_once(timeout_sec=0.005)

    send(lambda: humans, 0.2)
    reports.clear()
    ros.until(lambda: len(reports) >= 2, "reports on the first images")
    answered, dropped, begun = len(humans), told_drops(reports[-1]), len(sent)
    send(lambda: len(sent) == begun + 60, 1 / 30)
    ros.until(
        lambda: len(humans) - answered + told_drops(reports[-1]) - dropped == 60, "every image, answered or counted"
    )


def test_gaps_in_one_publishers_numbers_are_counted():
    gaps = Gaps()
    assert [gaps.missing_before(number, 1) for number in (7, 8, 11, 12, 1, 2, 5)] == [0, 0, 2, 0, 0, 0, 2]


def test_sequence_numbers_of_several_publishers_are_ignored():
    gaps = Gaps()
    assert [gaps.missing_before(n, 2) for n in (1, 500, 2, 501)] == [0, 0, 0, 0]
    assert [gaps.missing_before(n, 1) for n in (900, 901, 903)] == [0, 0, 1]  # the other one is gone
    assert [gaps.missing_before(2**64 - 1, 1) for _ in range(3)] == [0, 0, 0]  # a middleware that does not count
