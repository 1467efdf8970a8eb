"""REP-155 topics, joint frames and mesh markers against definitions written out by hand."""

from __future__ import annotations

import threading
from types import SimpleNamespace

import numpy as np
import pytest

pytest.importorskip("rclpy")
pytest.importorskip("metrichmsr_ros.msg")

from helpers.fake_pipeline import FakeBody, FakePipeline, make_person
from helpers.ros_messages import make_header
from helpers.ros_testing import CameraDriver, Ros, free_domain
from scipy.spatial.transform import Rotation

from metrichmsr_ros.geometry.camera import Camera
from metrichmsr_ros.ros.frames import body_frames, joint_frames
from metrichmsr_ros.ros.messages import optional_messages, to_rclpy
from metrichmsr_ros.ros.outputs.markers import mesh_markers_message
from metrichmsr_ros.ros.outputs.people import bodies_of, joint_transforms
from metrichmsr_ros.ros.outputs.rep155.trees import KinematicTrees
from metrichmsr_ros.ros.outputs.ros4hri import HumanTopics, cropped_message, roi_message, skeleton_message

HEADER = make_header(12.5)
CAMERA = Camera.from_fov(64, 48, 1.0)
PARENTS = FakeBody.parents


def scene_of(*people):
    image = np.arange(48 * 64 * 3, dtype=np.uint32).reshape(48, 64, 3).astype(np.uint8)
    return FakePipeline(people).track(image, CAMERA, 12.5)


class Skeleton:
    NOSE, NECK, RIGHT_SHOULDER, LEFT_SHOULDER, LEFT_EYE, RIGHT_EYE, LEFT_EAR, RIGHT_EAR = 0, 1, 2, 5, 14, 15, 16, 17
    RIGHT_ELBOW, RIGHT_WRIST, LEFT_ELBOW, LEFT_WRIST = 3, 4, 6, 7
    RIGHT_HIP, RIGHT_KNEE, RIGHT_ANKLE, LEFT_HIP, LEFT_KNEE, LEFT_ANKLE = 8, 9, 10, 11, 12, 13

    def __init__(self, header):
        self.header = header
        self.skeleton = [SimpleNamespace(x=0.0, y=0.0, c=-1.0) for _ in range(18)]


class Gesture(SimpleNamespace):
    OTHER, HANDS_ON_FACE, ARMS_CROSSED, LEFT_HAND_RAISED, RIGHT_HAND_RAISED, BOTH_HANDS_RAISED, WAVING = range(7)


@pytest.fixture
def hri():
    stand_in = SimpleNamespace(
        Skeleton2D=Skeleton,
        NormalizedRegionOfInterest2D=lambda **fields: SimpleNamespace(**fields),
        Gesture=Gesture,
    )
    return optional_messages("hri_msgs") or stand_in


def test_regions_are_shares_of_the_image(hri):
    scene = scene_of(make_person(bbox=np.array([-5.0, 12.0, 31.0, 200.0], np.float32)))
    (body,) = bodies_of(scene)
    roi = roi_message(body, scene, HEADER, hri)
    assert [roi.xmin, roi.ymin, roi.xmax, roi.ymax, roi.c] == pytest.approx([0, 0.25, 0.5, 1.0, 0.75])
    crop = cropped_message(body, scene, HEADER, hri)
    assert (crop.width, crop.height, crop.encoding) == (32, 36, "rgb8")
    np.testing.assert_array_equal(np.frombuffer(crop.data, np.uint8).reshape(36, 32, 3), scene.image[12:, :32])


@pytest.mark.parametrize("box", [(-30, 5, -5, 40), (70, 5, 90, 40), (10, 60, 20, 90)])
def test_somebody_beside_the_image_has_no_crop(hri, box):
    node, person = RecordingNode(), make_person("b2", bbox=np.array(box, np.float32), is_occluded=True)
    scene = scene_of(make_person("a1", is_occluded=True), person)
    topics = HumanTopics(node, None, KinematicTrees())
    crops = {name: [] for name in ("a1", "b2")}
    topics._bodies = {
        name: {"cropped": SimpleNamespace(publish=sent.append, get_subscription_count=lambda: 1)}
        for name, sent in crops.items()
    }
    for body in bodies_of(scene):
        topics._publish_body(body, scene, HEADER)
    assert {name: len(sent) for name, sent in crops.items()} == {"a1": 1, "b2": 0}


def test_skeleton_points_are_where_landmarks_are(hri):
    pixels = np.full((39, 2), 20.0, np.float32)
    pixels[0], pixels[2], pixels[5] = (31.5, 23.5), (40, 10), (100, 10)
    pixels[11], pixels[12] = (40, 30), (20, 34)
    landmarks = SimpleNamespace(pixels=pixels, visibility=np.linspace(0, 1, 39))
    scene = scene_of(make_person(landmarks=landmarks))
    points = skeleton_message(bodies_of(scene)[0], scene, HEADER, hri).skeleton
    assert (points[0].x, points[0].y) == pytest.approx((0.5, 0.5))
    assert points[1].x == pytest.approx(30.5 / 64)  # the neck, between the shoulders
    assert points[5].c == pytest.approx(11 / 38)  # left shoulder
    assert points[14].x > 0.6  # the person's left eye by the constants of hri_msgs
    assert (points[15].x, points[15].c) == (1.0, 0.0)  # outside the image
    assert all(point.c >= 0 for point in points)


def test_joint_frames_of_the_rest_pose_are_the_body_s():
    pose = np.zeros(72)
    pose[:3] = 0.3, -0.2, 1.0
    person = make_person()
    places, turns = joint_frames(pose, person.joints_cam, person.joints_cam[0], PARENTS)
    np.testing.assert_allclose(np.abs(turns @ [0, 0, 0, 1]), 1.0, atol=1e-12)
    np.testing.assert_allclose(
        np.linalg.norm(places, axis=1), np.linalg.norm(person.joints_cam - person.joints_cam[0], axis=1), atol=1e-6
    )


def test_joint_frames_turn_with_the_chain_of_rotations():
    person = make_person(seed=3)
    pose = person.pose.astype(np.float64)
    (origin,), (orientation,) = body_frames([pose], [person.joints_cam])
    places, turns = joint_frames(pose, person.joints_cam, origin, PARENTS)
    smpl_from_body = np.array([[0, 1, 0], [0, 0, 1], [1, 0, 0.0]])
    body = Rotation.from_quat(orientation).as_matrix()
    whole = np.eye(3)
    for joint in range(24):  # the fake body is one chain
        whole = whole @ Rotation.from_rotvec(pose.reshape(24, 3)[joint]).as_matrix()
        expected = whole @ smpl_from_body
        np.testing.assert_allclose(body @ Rotation.from_quat(turns[joint]).as_matrix(), expected, atol=1e-9)
        np.testing.assert_allclose(origin + body @ places[joint], person.joints_cam[joint], atol=1e-6)


def test_joint_transforms_hang_under_their_body_and_only_for_people_seen():
    scene = scene_of(make_person("a1"), make_person("b2", seed=1, is_occluded=True))
    transforms = joint_transforms(bodies_of(scene, "left_"), HEADER, PARENTS, FakeBody.joint_names)
    messages = list(map(to_rclpy, transforms))
    assert {m.header.frame_id for m in messages} == {"body_left_a1"}
    assert [m.child_frame_id for m in messages[:2]] == ["joint_0_left_a1", "joint_1_left_a1"]
    assert all(m.header.stamp == HEADER.stamp for m in messages)


def test_mesh_markers_are_the_triangles():
    person = make_person()
    clear, mesh = mesh_markers_message(bodies_of(scene_of(person)), HEADER, FakeBody.faces).markers
    assert (clear.action, mesh.type, mesh.header) == (clear.DELETEALL, mesh.TRIANGLE_LIST, HEADER)
    corners = np.array([[p.x, p.y, p.z] for p in mesh.points])
    np.testing.assert_allclose(corners, person.vertices_cam[FakeBody.faces.reshape(-1)], atol=1e-6)


class RecordingNode:
    """Makes publishers that keep what they get, and says in which thread they came and went."""

    def __init__(self):
        self.topics, self.threads, self.triggered, self.parameters = {}, set(), 0, {}

    def create_publisher(self, kind, name, qos, callback_group=None):
        self.threads.add(threading.current_thread())
        self.topics[name] = sent = []
        return SimpleNamespace(name=name, publish=sent.append, get_subscription_count=lambda: 1)

    def declare_parameter(self, name, value, descriptor, ignore_override):
        self.threads.add(threading.current_thread())
        self.parameters[name] = value

    def undeclare_parameter(self, name):
        self.threads.add(threading.current_thread())
        del self.parameters[name]

    def destroy_publisher(self, publisher):
        self.threads.add(threading.current_thread())
        del self.topics[publisher.name]

    def create_guard_condition(self, callback):
        self.wake = callback
        return SimpleNamespace(trigger=self._trigger)

    def _trigger(self):
        self.triggered += 1

    def destroy_guard_condition(self, guard):
        self.wake = None


def test_publishers_come_and_go_in_the_executor_s_thread_only(hri):
    node = RecordingNode()
    ids_list = SimpleNamespace(IdsList=lambda header, ids: ids)
    kinds = {name: getattr(hri, name) for name in ("NormalizedRegionOfInterest2D", "Skeleton2D", "Gesture")}
    topics = HumanTopics(node, SimpleNamespace(**vars(ids_list), **kinds), KinematicTrees())
    landmarks = SimpleNamespace(pixels=np.zeros((39, 2), np.float32), visibility=np.ones(39))
    scene = scene_of(make_person("a1", landmarks=landmarks))

    def publish_in_the_worker(bodies):
        worker = threading.Thread(target=topics.publish, args=(bodies, scene, HEADER))
        worker.start()
        worker.join()

    publish_in_the_worker(bodies_of(scene))
    assert node.topics == {"/humans/bodies/tracked": [["a1"]]}
    node.wake()
    publish_in_the_worker(bodies_of(scene))
    of_hri, of_ros = ("roi", "cropped", "skeleton2d"), ("urdf", "joint_states", "position", "velocity")
    names = {f"/humans/bodies/a1/{name}" for name in (*of_hri, *of_ros)}
    assert {name for name, sent in node.topics.items() if len(sent) == 1} == names
    names.add("/humans/bodies/a1/gesture")
    assert (node.triggered, node.parameters) == (2, {})
    node.wake()
    assert node.parameters == {"human_description_a1": node.topics["/humans/bodies/a1/urdf"][0].data}
    publish_in_the_worker([])
    assert names < node.topics.keys()
    node.wake()
    assert node.topics == {"/humans/bodies/tracked": [["a1"], ["a1"], []]}
    assert (node.triggered, node.threads, node.parameters) == (3, {threading.current_thread()}, {})
    topics.close()
    assert (node.topics, node.wake) == ({}, None)


def test_topics_that_were_given_back_are_not_made_again(hri):
    node = RecordingNode()
    topics = HumanTopics(node, None, KinematicTrees())
    scene = scene_of(make_person("a1"))
    topics.publish(bodies_of(scene), scene, HEADER)
    waits_for_the_lock = node.wake
    topics.close()
    waits_for_the_lock()
    assert (node.topics, node.parameters) == ({}, {})


def test_who_is_cleared_is_no_longer_tracked(hri):
    node = RecordingNode()
    kinds = {name: getattr(hri, name) for name in ("NormalizedRegionOfInterest2D", "Skeleton2D", "Gesture")}
    topics = HumanTopics(node, SimpleNamespace(IdsList=lambda header, ids: (header, ids), **kinds), KinematicTrees())
    scene = scene_of(make_person("a1"))
    topics.clear()  # nobody has come yet
    topics.publish(bodies_of(scene), scene, HEADER)
    node.wake()
    topics.clear()
    topics.clear()
    node.wake()
    assert node.topics == {"/humans/bodies/tracked": [(HEADER, ["a1"]), (HEADER, [])]}


def test_people_who_come_and_go_leave_nothing_in_the_callback_group_of_the_node():
    """rclpy never takes out what was destroyed."""
    with free_domain() as domain:
        ros = Ros(domain)
        topics, scene = HumanTopics(ros.node, None, KinematicTrees()), scene_of()
        before = len(ros.node.default_callback_group.entities)
        for index in range(50):
            topics.publish(bodies_of(scene_of(make_person(f"a{index}"))), scene, HEADER)
            topics._follow()
        topics.clear()
        topics._follow()
        assert len(ros.node.default_callback_group.entities) == before
        topics.close()
        ros.close()


def test_a_gesture_is_published_once_when_it_begins(hri):
    node = RecordingNode()
    kinds = {name: getattr(hri, name) for name in ("NormalizedRegionOfInterest2D", "Skeleton2D", "Gesture")}
    topics = HumanTopics(node, SimpleNamespace(IdsList=lambda header, ids: ids, **kinds), KinematicTrees())
    landmarks = SimpleNamespace(pixels=np.zeros((39, 2), np.float32), visibility=np.ones(39))

    def publish(*gestures):
        scene = scene_of(make_person("a1", landmarks=landmarks, gestures=gestures))
        topics.publish(bodies_of(scene), scene, HEADER)
        return [message.gesture for message in node.topics.get("/humans/bodies/a1/gesture", [])]

    names = hri.Gesture
    assert publish("hand_raised_left") == []  # the topic is made after the first image
    node.wake()
    assert publish("hand_raised_left") == [names.LEFT_HAND_RAISED]
    assert publish("hand_raised_left") == [names.LEFT_HAND_RAISED]
    assert publish("hand_raised_left", "hand_raised_right")[1:] == [names.BOTH_HANDS_RAISED]
    assert publish() == publish()
    assert publish("hand_raised_right", "waving_right")[2:] == [names.RIGHT_HAND_RAISED, names.WAVING]
    assert publish("pointing_left")[4:] == [names.OTHER]
    assert node.topics["/humans/bodies/a1/gesture"][0].header is HEADER


def test_topics_of_bodies_come_and_go_with_the_people():
    hri = pytest.importorskip("hri_msgs.msg")
    with free_domain() as domain:
        ros = Ros(domain)
        pipeline = FakePipeline([make_person("a1")])
        ros.perception(pipeline)
        tracked = ros.hear("/humans/bodies/tracked", hri.IdsList)
        camera = CameraDriver(ros)
        camera.send_good(1.0)
        ros.until(lambda: tracked, "the list")
        assert (list(tracked[0].ids), tracked[0].header.stamp.sec) == (["a1"], 1)
        rois = ros.hear("/humans/bodies/a1/roi", hri.NormalizedRegionOfInterest2D)
        camera.send_good(2.0)
        ros.until(lambda: rois, "the region")
        pipeline.people = []
        camera.send_good(3.0)
        ros.until(lambda: len(tracked) == 3, "an empty list")
        assert list(tracked[2].ids) == []
        ros.until(lambda: not ros.node.count_publishers("/humans/bodies/a1/roi"), "the topic gone")
        ros.close()
