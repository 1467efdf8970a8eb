"""Replay and node over DDS give identical messages, and identical estimates for the same images."""

from __future__ import annotations

import json
import math
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import fields, replace

import numpy as np
import pytest

pytest.importorskip("rclpy")
pytest.importorskip("metrichmsr_ros.msg")

from geometry_msgs.msg import PoseArray
from helpers.bag_messages import header
from helpers.fake_pipeline import make_person
from helpers.pixel_pipeline import ContextPipeline, PixelPipeline
from helpers.recorded_bags import OPTICAL, Recipe, write_bag
from helpers.ros_messages import make_header
from helpers.ros_testing import free_domain
from rclpy.executors import SingleThreadedExecutor
from rclpy.serialization import serialize_message
from rosbags.typesys import Stores, get_typestore
from scipy.spatial.transform import Rotation

from metrichmsr_ros.depth.engine import SceneDepth
from metrichmsr_ros.geometry.camera import Camera
from metrichmsr_ros.geometry.quarter_turns import turns_of
from metrichmsr_ros.msg import HumanMeshArray
from metrichmsr_ros.pipeline.scene import Scene
from metrichmsr_ros.replay.live import replay_live
from metrichmsr_ros.replay.options import ReplayOptions
from metrichmsr_ros.replay.records import FrameRecord, person_from_message, sequence_digest
from metrichmsr_ros.replay.replay import replay_bag
from metrichmsr_ros.ros.bags.message_types import HUMANS, TOPOLOGY, TRANSFORMS, register_own_messages
from metrichmsr_ros.ros.bags.output_bag import OutputBag
from metrichmsr_ros.ros.bags.reader import Bag
from metrichmsr_ros.ros.inputs.stamp_gate import stamp_ns
from metrichmsr_ros.ros.messages import to_rclpy
from metrichmsr_ros.ros.outputs.people import PeopleOptions, bodies_of, body_transforms, humans, topology
from metrichmsr_ros.ros.parameters import PARAMETERS
from metrichmsr_ros.ros.playback.player import Pace, play
from metrichmsr_ros.ros.playback.recorder import Recorder

TYPES = get_typestore(Stores.LATEST)
register_own_messages(TYPES)


@pytest.mark.parametrize(
    "options",
    [PeopleOptions("", 0.0, True), PeopleOptions("left_", 0.6, False), PeopleOptions("", 1.0, True)],
)
def test_written_messages_equal_the_nodes_to_the_last_bit(tmp_path, options):
    body = PixelPipeline().body
    people = [make_person("a1", confidence=0.7), make_person("b2", seed=1, confidence=0.5, is_occluded=True)]
    camera = Camera.from_fov(64, 48, 1.0)
    scene = Scene(12.5, camera, np.zeros((48, 64, 3), np.uint8), people, SceneDepth.not_requested(camera))
    with OutputBag(tmp_path / "bag", body, options) as sink:
        sink.write(scene, header(12_500_000_000), 1)
    bodies, head = bodies_of(scene, options.id_prefix, options.min_confidence), make_header(12.5, "camera_optical")
    from tf2_msgs.msg import TFMessage

    expected = {
        "/perception/humans": to_rclpy(humans(bodies, scene, head, body.name, options)),
        "/perception/topology": to_rclpy(topology(body)),
        "/tf": TFMessage(transforms=list(map(to_rclpy, body_transforms(bodies, head)))),
    }
    if not bodies:
        del expected["/tf"]  # nobody moved
    kinds = {"/perception/humans": HUMANS, "/perception/topology": TOPOLOGY, "/tf": TRANSFORMS}
    with Bag(tmp_path / "bag") as bag:
        for topic, message in expected.items():
            (recorded,) = bag.messages(topic)
            theirs = TYPES.deserialize_cdr(bytes(serialize_message(message)), kinds[topic])
            # Serialised again with one library, because the middleware leaves padding bytes undefined.
            assert TYPES.serialize_cdr(recorded.message, kinds[topic]) == TYPES.serialize_cdr(theirs, kinds[topic])


def test_an_output_bag_has_no_transforms_of_images_without_a_stamp(tmp_path):
    camera = Camera.from_fov(64, 48, 1.0)
    image, people = np.zeros((48, 64, 3), np.uint8), [make_person("a1")]
    scene = Scene(12.5, camera, image, people, SceneDepth.not_requested(camera))
    with OutputBag(tmp_path / "bag", PixelPipeline().body, PeopleOptions("", 0.0, True)) as sink:
        sink.write(scene, header(0), 1)
    with Bag(tmp_path / "bag") as bag:
        assert {topic.name for topic in bag.topics} == {"/perception/humans", "/perception/topology"}


def test_a_replay_has_the_defaults_of_the_node():
    replayed = {field.name: field.default for field in fields(ReplayOptions)}
    shared = replayed.keys() & PARAMETERS.keys()
    assert {name: replayed[name] for name in shared} == {name: PARAMETERS[name].default for name in shared}
    assert {"id_prefix", "min_confidence", "preset", "use_floor"} <= shared


def digest_over_dds(ros, tmp_path, bag, pipeline, readers=(), **parameters):
    """Digest of the node's results for a bag whose playback waits for them."""
    topics = {"image": "/cam/image_raw", "camera_info": "/cam/camera_info", "depth": "/cam/depth"}
    remaps = [word for name, to in topics.items() for word in ("-r", f"{name}:={to}")]
    ros.perception(pipeline, parameters=parameters, cli_args=["--ros-args", *remaps])
    topic = "/perception/humans"
    with spinning(ros.executor), Recorder(tmp_path / "node", {topic: HumanMeshArray}, ros.context) as recorder:
        pace = Pace("/cam/image_raw", topic, HumanMeshArray)
        done = play(bag, ros.context, rate=math.inf, pace=pace, readers=["/cam/camera_info", *readers])
        assert done.unanswered == 0
        assert recorder.wait_for(topic, done.published["/cam/image_raw"])
    with Bag(tmp_path / "node") as recorded:
        return sequence_digest(
            [
                FrameRecord(stamp_ns(r.message.header), tuple(map(person_from_message, r.message.humans)))
                for r in recorded.messages(topic)
            ]
        )


def test_the_node_over_dds_gives_the_digests_of_the_replay(tmp_path, ros):
    bag = write_bag(tmp_path / "bag", Recipe(depths=tuple(2.0 + 0.25 * i for i in range(12)), info_first=True))
    replayed = replay_bag(bag, tmp_path / "out", ReplayOptions(), PixelPipeline())
    assert digest_over_dds(ros, tmp_path, bag, PixelPipeline()) == replayed.digest


KNOWING = Recipe(info_first=True, moving_camera=True, depth_image=True)
KNOWN = ReplayOptions(ground_frame="map", depth="/cam/depth")


def test_the_node_over_dds_has_the_floor_and_depth_of_the_replay(tmp_path, ros):
    bag = write_bag(tmp_path / "bag", KNOWING)
    replayed = replay_bag(bag, tmp_path / "out", KNOWN, ContextPipeline())
    ignorant = replay_bag(bag, tmp_path / "ignorant", ReplayOptions(), ContextPipeline())
    beside = ["/cam/depth", "/tf", "/tf_static"]
    assert digest_over_dds(ros, tmp_path, bag, ContextPipeline(), beside, ground_frame="map") == replayed.digest
    assert ignorant.digest != replayed.digest


@pytest.mark.parametrize(("degrees", "turns"), [(20, 0), (90, 1), (180, 2), (270, 3)])
def test_node_and_replay_turn_the_images_of_a_turned_camera_alike(tmp_path, ros, degrees, turns):
    """The camera is turned about its optical axis, counter-clockwise where one looks along it."""
    mount = (Rotation.from_quat(OPTICAL) * Rotation.from_euler("z", -degrees, degrees=True)).as_quat()
    bag = write_bag(tmp_path / "bag", replace(KNOWING, mount=tuple(map(float, mount))))
    live, replayed = ContextPipeline(), ContextPipeline()
    done = replay_bag(bag, tmp_path / "out", KNOWN, replayed)
    digest = digest_over_dds(ros, tmp_path, bag, live, ["/cam/depth", "/tf", "/tf_static"], ground_frame="map")
    assert digest == done.digest
    for pipeline in (live, replayed):
        assert [turns_of(context.up) for context in pipeline.contexts] == [turns] * len(KNOWING.depths)
    assert done.doubtful == ({"rolled camera": 1} if turns else {})
    assert not done.missing


def test_the_node_over_dds_has_the_replays_people_in_the_fixed_frame(tmp_path, ros):
    bag = write_bag(tmp_path / "bag", KNOWING)
    replay_bag(bag, tmp_path / "out", ReplayOptions(fixed_frame="map"), PixelPipeline())
    topic, beside = "/perception/people_fixed_poses", ["/tf", "/tf_static"]
    with Recorder(tmp_path / "fixed", {topic: PoseArray}, ros.context) as recorder:
        digest_over_dds(ros, tmp_path, bag, PixelPipeline(), beside, fixed_frame="map")
        assert recorder.wait_for(topic, len(KNOWING.depths))
    with Bag(tmp_path / "fixed") as live, Bag(tmp_path / "out/bag") as replayed:
        kind = "geometry_msgs/msg/PoseArray"
        theirs, ours = (
            [TYPES.serialize_cdr(recorded.message, kind) for recorded in opened.messages(topic)]
            for opened in (live, replayed)
        )
    assert len(ours) == len(KNOWING.depths)
    assert theirs == ours


def test_live_replay_has_the_fixed_frame_too(tmp_path, monkeypatch):
    bag = write_bag(tmp_path / "bag", KNOWING)
    with free_domain() as domain:
        monkeypatch.setenv("ROS_DOMAIN_ID", str(domain))
        replay_live(bag, tmp_path / "out", ReplayOptions(fixed_frame="map"), PixelPipeline(), rate=0.5)
    with Bag(tmp_path / "out/live") as recorded:
        frames = [r.message.header.frame_id for r in recorded.messages("/perception/people_fixed_poses")]
    assert frames
    assert set(frames) == {"map"}


def test_live_replay_plays_transforms_and_depth_too(tmp_path, monkeypatch):
    bag, pipeline = write_bag(tmp_path / "bag", KNOWING), ContextPipeline()
    with free_domain() as domain:
        monkeypatch.setenv("ROS_DOMAIN_ID", str(domain))
        replay_live(bag, tmp_path / "out", KNOWN, pipeline, rate=0.5)
    assert any(context.floor is not None for context in pipeline.contexts)
    assert any(context.depth is not None for context in pipeline.contexts)


@pytest.mark.parametrize("compressed", [False, True])
def test_playing_live_counts_what_arrives_and_what_is_lost(tmp_path, compressed, monkeypatch):
    depths = tuple(2.0 + 0.25 * i for i in range(8))
    bag = write_bag(tmp_path / "bag", Recipe(depths=depths, info_first=True, compressed=compressed))
    replay_bag(bag, tmp_path / "out", ReplayOptions(), PixelPipeline())
    with free_domain() as domain:
        monkeypatch.setenv("ROS_DOMAIN_ID", str(domain))
        live = replay_live(bag, tmp_path / "out", ReplayOptions(), PixelPipeline(), rate=2.0)
    assert live.published == 8
    assert live.processed + sum(live.dropped.values()) == 8
    assert live.agreement is not None
    assert live.agreement.frames == live.agreement.identical == live.processed
    assert json.loads((tmp_path / "out/live.json").read_text())["published"] == 8
    assert ("images sent / processed", f"8 / {live.processed}") in live.rows()


@contextmanager
def spinning(executor: SingleThreadedExecutor) -> Iterator[None]:
    """Spin the executor in a thread."""
    thread = threading.Thread(target=executor.spin, daemon=True)
    thread.start()
    yield
    executor.shutdown()
    thread.join()
