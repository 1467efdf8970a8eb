"""Bags are written and read, played at a node that answers, and recorded."""

from __future__ import annotations

import math
import threading

import numpy as np
import pytest

pytest.importorskip("rclpy")
pytest.importorskip("metrichmsr_ros.msg")

from helpers.fake_pipeline import FakePipeline, make_person
from helpers.ros_messages import make_image, make_info
from rclpy.serialization import deserialize_message, serialize_message
from sensor_msgs.msg import CameraInfo, Image

from metrichmsr_ros.msg import HumanMesh, HumanMeshArray, MeshTopology
from metrichmsr_ros.ros.bags.errors import BagError
from metrichmsr_ros.ros.bags.reader import Bag
from metrichmsr_ros.ros.bags.writer import BagWriter
from metrichmsr_ros.ros.messages import interface_name, message_class
from metrichmsr_ros.ros.playback.player import Pace, play
from metrichmsr_ros.ros.playback.recorder import Recorder


def put(bag, topic, message, stamp_ns):
    bag.write(topic, interface_name(type(message)), bytes(serialize_message(message)), stamp_ns)


def topics_of(path):
    with Bag(path) as bag:
        return {topic.name: message_class(topic.type) for topic in bag.topics}


def read(path, *topics):
    """(topic, message of rclpy, log time) of some topics, or of all."""
    with Bag(path) as bag:
        for raw in bag.serialized(*(topics or topics_of(path))):
            yield raw.topic, deserialize_message(raw.data, message_class(raw.type)), raw.log_ns


def write_camera_bag(path, count, period_s=0.1):
    with BagWriter(path) as bag:
        for index in range(count):
            seconds = 50.0 + index * period_s
            put(bag, "/cam/info", make_info(seconds), round(seconds * 1e9))
            put(bag, "/cam/image", make_image(seconds, value=index), round(seconds * 1e9) + 1)
    return path


def test_a_bag_gives_back_what_was_written(tmp_path):
    human = HumanMesh(id="a1", height=1.8)
    human.pose = np.arange(72, dtype=np.float32)
    with BagWriter(tmp_path / "bag") as bag:
        put(bag, "/humans", HumanMeshArray(humans=[human]), 5)
        put(bag, "/cam", make_image(1.5, value=7), 3)
        bag.add_topic("/topology", interface_name(MeshTopology))
    assert topics_of(tmp_path / "bag") == {"/humans": HumanMeshArray, "/cam": Image, "/topology": MeshTopology}
    (first_topic, image, first_ns), (_, humans, _) = read(tmp_path / "bag")
    assert (first_topic, first_ns, image) == ("/cam", 3, make_image(1.5, value=7))
    assert humans.humans[0].id == "a1"
    np.testing.assert_array_equal(humans.humans[0].pose, human.pose)
    assert [topic for topic, *_ in read(tmp_path / "bag", "/humans")] == ["/humans"]


def test_an_independent_reader_understands_our_messages(tmp_path):
    from rosbags.highlevel import AnyReader

    human = HumanMesh(id="a1", height=1.8)
    human.vertices.extend([1.0, 2.0, 3.0])
    with BagWriter(tmp_path / "bag") as bag:
        put(bag, "/humans", HumanMeshArray(humans=[human]), 5)
    with AnyReader([tmp_path / "bag"]) as reader:  # knows only the definitions inside the file
        connection, _, raw = next(iter(reader.messages()))
        message = reader.deserialize(raw, connection.msgtype)
    assert message.humans[0].id == "a1"
    assert message.humans[0].vertices.tolist() == [1.0, 2.0, 3.0]


def test_bags_are_not_overwritten_and_must_exist(tmp_path):
    write_camera_bag(tmp_path / "bag", 1)
    with pytest.raises(BagError, match="exists already"):
        BagWriter(tmp_path / "bag")
    with pytest.raises(BagError, match="no bag"):
        list(read(tmp_path / "other"))


class Spinning:
    """The session's executor in a thread, as a node of its own process would have it."""

    def __init__(self, ros):
        self.thread = threading.Thread(target=ros.executor.spin, daemon=True)
        self.executor = ros.executor

    def __enter__(self):
        self.thread.start()

    def __exit__(self, *_):
        self.executor.shutdown()
        self.thread.join()


def test_paced_play_loses_no_frame_and_the_record_holds_every_result(ros, tmp_path):
    bag = write_camera_bag(tmp_path / "in", 40)
    remaps = ["--ros-args", "-r", "image:=/cam/image", "-r", "camera_info:=/camera/info"]
    node = ros.perception(FakePipeline([make_person()]), cli_args=remaps)
    topics = {"/perception/humans": HumanMeshArray, "/perception/topology": MeshTopology}
    with Spinning(ros), Recorder(tmp_path / "out", topics, ros.context, latched={"/perception/topology"}) as recorder:
        recorder.wait_for_publishers()
        playback = play(
            bag, ros.context, rate=math.inf, remap={"/cam/info": "/camera/info"},
            pace=Pace("/cam/image", "/perception/humans", HumanMeshArray), readers={"/camera/info"},
        )  # fmt: skip
        assert recorder.wait_for("/perception/humans", 40)
        assert recorder.wait_for("/perception/topology", 1)
    assert playback.published == {"/camera/info": 40, "/cam/image": 40}
    assert playback.unanswered == 0
    assert node.statistics.drops.total() == 0
    results = [message for topic, message, _ in read(tmp_path / "out") if topic == "/perception/humans"]
    assert [m.header for m in results] == [m.header for topic, m, _ in read(bag) if topic == "/cam/image"]
    assert all(message.humans[0].id == "a1" for message in results)


def test_play_names_what_is_missing(ros, tmp_path):
    bag = write_camera_bag(tmp_path / "in", 1)
    with pytest.raises(BagError, match="no subscriber of /cam/image"):
        play(bag, ros.context, readers={"/cam/image"}, timeout_s=0.05)
    with (
        Recorder(tmp_path / "out", {"/silence": Image}, ros.context) as recorder,
        pytest.raises(BagError, match="no publisher of /silence"),
    ):
        recorder.wait_for_publishers(timeout_s=0.05)
    with pytest.raises(BagError, match="no topic"):
        play(bag, ros.context, readers={"/no/such"}, timeout_s=0.05)


def test_play_keeps_the_time_of_the_bag_and_its_clock(ros, tmp_path):
    from rosgraph_msgs.msg import Clock

    bag = write_camera_bag(tmp_path / "in", 4, period_s=0.05)
    infos, clocks = [], []
    ros.node.create_subscription(CameraInfo, "/cam/info", infos.append, 10)
    ros.node.create_subscription(Clock, "/clock", clocks.append, 10)
    playback = play(bag, ros.context, rate=2.0, clock=True, readers={"/cam/info"})
    ros.until(lambda: len(infos) == 4 and clocks, "all messages")
    assert playback.seconds >= 0.15 / 2
    assert clocks[-1].clock.sec == 50
