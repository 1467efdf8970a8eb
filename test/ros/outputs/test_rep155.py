"""REP-155's kinematic model over the middleware: URDF, joint states, frames, and robot_state_publisher itself."""

from __future__ import annotations

import json
import os
import subprocess
import time
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

pytest.importorskip("rclpy")
pytest.importorskip("metrichmsr_ros.msg")

from geometry_msgs.msg import PointStamped, TwistStamped
from helpers.fake_pipeline import DEADLINE_S, FakePipeline, make_person
from helpers.ros_messages import FRAME
from helpers.ros_testing import CameraDriver, Ros, free_domain
from scipy.spatial.transform import Rotation
from sensor_msgs.msg import JointState
from std_msgs.msg import String
from tf2_msgs.msg import TFMessage

from benchmarks.robot.rep155 import link_errors
from benchmarks.robot.urdf_kinematics import Urdf
from metrichmsr_ros.body.joints import JOINT_NAMES, PARENTS
from metrichmsr_ros.body.load import load_body_engine
from metrichmsr_ros.geometry.rotations import rotation_matrices
from metrichmsr_ros.ros.outputs.people import Body
from metrichmsr_ros.ros.outputs.rep155.messages import urdf_message
from metrichmsr_ros.ros.outputs.rep155.trees import KinematicTrees
from metrichmsr_ros.types import AnyArray


@pytest.fixture(scope="module")
def engine():
    return load_body_engine("open_light")


def person(engine, name="p1", seed=0, betas: AnyArray | None = None, **changes):
    """Somebody of the open body in a random pose, 3 m before the camera."""
    rng = np.random.default_rng(seed)
    pose, place = rng.normal(0, 0.4, 72).astype(np.float32), np.array([[0.2, 0.1, 3]], np.float32)
    betas = np.zeros(10, np.float32) if betas is None else betas.astype(np.float32)
    joints = engine.joints(betas[None], rotation_matrices(pose)[None], place)[0]
    return make_person(name, pose=pose, betas=betas, joints_cam=joints, **changes)


def body_of(somebody, prefix=""):
    """The body frame by its definition: x out of the chest, y to the left, z to the head; between the hips."""
    turn = Rotation.from_rotvec(somebody.pose[:3].astype(np.float64)).as_matrix()[:, [2, 0, 1]]
    origin = somebody.joints_cam[1:3].astype(np.float64).mean(axis=0)
    return Body(prefix + somebody.id, somebody, origin, Rotation.from_matrix(turn).as_quat())


class Camera:
    """A node that sees `people` in every image, and a camera before it."""

    def __init__(self, ros, people, **parameters):
        self.ros, self.pipeline, self.seconds = ros, FakePipeline(people), 0
        self.pipeline.body = SimpleNamespace(
            name="open", faces=FakePipeline.body.faces, joint_names=JOINT_NAMES, parents=np.array(PARENTS)
        )
        self.node = ros.perception(self.pipeline, parameters={"lazy": False, **parameters})
        self.driver = CameraDriver(ros)

    def see(self):
        """Send one image and wait until the pipeline has it."""
        self.seconds += 1
        self.driver.send_good(float(self.seconds))
        self.ros.until(lambda: len(self.pipeline.calls) >= self.seconds, "the image")

    def until(self, condition, what):
        """Send images until something has come."""
        for _ in range(50):
            if condition():
                return
            self.see()
            self.ros.settle(20)
        self.ros.until(condition, what)


@pytest.fixture
def ros():
    with free_domain() as domain:
        made = Ros(domain)
        yield made
        made.close()


def test_topics_and_parameter_come_and_go_with_the_person(ros, engine):
    somebody = person(engine)
    camera = Camera(ros, [somebody])
    camera.until(lambda: ros.node.count_publishers("/humans/bodies/p1/urdf"), "the topics")
    camera.until(lambda: camera.node.has_parameter("human_description_p1"), "the parameter")
    urdfs = ros.hear("/humans/bodies/p1/urdf", String, latched=True)  # after it was sent
    ros.until(lambda: urdfs, "the URDF for who comes late")
    urdf = Urdf(urdfs[0].data)
    assert urdf.faults() == []
    assert camera.node.get_parameter("human_description_p1").value == urdfs[0].data
    states = ros.hear("/humans/bodies/p1/joint_states", JointState)
    camera.until(lambda: states, "joint states")
    state = states[0]
    stamps = {call[2] for call in camera.pipeline.calls}
    assert (state.header.stamp.sec in stamps, state.header.stamp.nanosec, state.header.frame_id) == (True, 0, FRAME)
    assert set(state.name) == {joint.name for joint in urdf.joints if joint.kind != "fixed"}
    assert (len(state.velocity), len(state.effort)) == (0, 0)
    errors = link_errors(body_of(somebody), urdf, dict(zip(state.name, state.position, strict=True)))
    assert errors.max() < 1e-3
    assert {message.data for message in urdfs} == {urdfs[0].data}  # the shape has not changed
    camera.pipeline.people = []
    camera.see()
    ros.until(lambda: not ros.node.count_publishers("/humans/bodies/p1/urdf"), "the topics gone")
    ros.until(lambda: not camera.node.has_parameter("human_description_p1"), "the parameter gone")


def test_joint_states_have_the_stamp_of_their_image(ros, engine):
    camera = Camera(ros, [person(engine)])
    camera.until(lambda: ros.node.count_publishers("/humans/bodies/p1/joint_states"), "the topics")
    states = ros.hear("/humans/bodies/p1/joint_states", JointState)
    camera.until(lambda: states, "joint states")
    people = {}
    for seed in (1, 2, 3):
        heard = len(states)
        camera.pipeline.people = [person(engine, seed=seed)]
        camera.see()
        people[camera.seconds] = camera.pipeline.people[0]
        ros.until(lambda heard=heard: len(states) > heard, "a joint state")
    for state in states[-3:]:
        tree = KinematicTrees().posed(body_of(people[state.header.stamp.sec]))
        values = {f"{name}_p1": value for name, value in tree.values.items()}
        assert dict(zip(state.name, state.position, strict=True)) == pytest.approx(values, abs=1e-4)


def test_a_urdf_is_sent_again_when_the_person_s_size_changes(ros, engine):
    camera = Camera(ros, [person(engine)])
    camera.until(lambda: ros.node.count_publishers("/humans/bodies/p1/urdf"), "the topics")
    urdfs = ros.hear("/humans/bodies/p1/urdf", String, latched=True)
    camera.until(lambda: urdfs, "a URDF")
    camera.pipeline.people = [person(engine, betas=np.full(10, 2.0))]
    camera.until(lambda: urdfs[-1].data != urdfs[0].data, "another URDF")
    errors = lengths(urdfs[-1].data) - lengths(urdfs[0].data)
    assert np.abs(errors).max() > 1e-3
    name = "human_description_p1"
    ros.until(lambda: camera.node.get_parameter(name).value == urdfs[-1].data, "the parameter's change")


def test_a_reader_that_is_not_transient_local_gets_the_urdf_with_the_next_image(ros, engine):
    camera = Camera(ros, [person(engine)])
    camera.until(lambda: camera.node.has_parameter("human_description_p1"), "the URDF sent")
    for _ in range(2):  # each new one
        urdfs = ros.hear("/humans/bodies/p1/urdf", String)
        camera.until(lambda urdfs=urdfs: urdfs, "the URDF")
    sent = len(urdfs)
    for _ in range(5):
        camera.see()
        ros.settle(20)
    assert len(urdfs) == sent


def lengths(text):
    return np.array([np.linalg.norm(joint.placed[:3, 3]) for joint in Urdf(text).joints])


def test_small_changes_of_the_shape_keep_the_urdf(engine):
    trees = KinematicTrees()
    first = trees.posed(body_of(person(engine)))
    for seed in range(1, 30):
        betas = np.random.default_rng(seed).normal(0, 1e-3, 10)
        tree = trees.posed(body_of(person(engine, seed=seed, betas=betas)))
        assert tree.segments is first.segments
    other = trees.posed(body_of(person(engine, betas=np.full(10, 2.0))))
    assert other.segments is not first.segments
    trees.keep({"p2"})
    assert trees.posed(body_of(person(engine))).segments is not other.segments


def test_links_stay_at_the_joints_while_the_shape_drifts(engine):
    """With the URDF that was sent last; few are."""
    trees, errors, urdfs, betas = KinematicTrees(), [], {}, np.zeros(10)
    rng = np.random.default_rng(5)
    for seed in range(60):
        betas = betas + rng.normal(0, 0.05, 10)
        body = body_of(person(engine, seed=seed, betas=betas))
        tree = trees.posed(body)
        text = urdf_message("p1", tree).fields["data"]
        urdf = urdfs.setdefault(text, Urdf(text))
        errors.append(link_errors(body, urdf, {f"{name}_p1": value for name, value in tree.values.items()}))
    assert 1 < len(urdfs) < 20
    assert np.max(errors) < 0.5e-3


def test_position_and_velocity_are_of_the_body_frame(ros, engine):
    somebody = person(engine)
    camera = Camera(ros, [somebody])
    camera.until(lambda: ros.node.count_publishers("/humans/bodies/p1/velocity"), "the topics")
    positions = ros.hear("/humans/bodies/p1/position", PointStamped)
    velocities = ros.hear("/humans/bodies/p1/velocity", TwistStamped)
    camera.until(lambda: positions and velocities, "position and velocity")
    body = body_of(somebody)
    point, twist = positions[-1], velocities[-1]
    assert (point.header.frame_id, twist.header.frame_id) == (FRAME, "body_p1")
    assert [point.point.x, point.point.y, point.point.z] == pytest.approx(body.origin.tolist(), abs=1e-6)
    linear = [twist.twist.linear.x, twist.twist.linear.y, twist.twist.linear.z]
    turned = Rotation.from_quat(body.orientation).apply(linear)
    assert turned.tolist() == pytest.approx(somebody.velocity_cam.tolist(), abs=1e-6)


def test_hidden_people_have_no_joint_states(ros, engine):
    hidden = person(engine, "p2", seed=1, is_occluded=True)
    camera = Camera(ros, [person(engine), hidden])
    camera.until(lambda: ros.node.count_publishers("/humans/bodies/p2/joint_states"), "the topics")
    seen = ros.hear("/humans/bodies/p1/joint_states", JointState)
    unseen = ros.hear("/humans/bodies/p2/joint_states", JointState)
    camera.until(lambda: len(seen) >= 2, "joint states of who is seen")
    assert not unseen
    camera.pipeline.people = [replace(hidden, is_occluded=False)]
    camera.until(lambda: unseen, "joint states of who is seen again")


def test_link_frames_are_those_of_the_urdf_and_no_frame_has_two_parents(ros, engine):
    somebody = person(engine)
    heard = []
    ros.node.create_subscription(TFMessage, "/tf", heard.append, 100)
    camera = Camera(ros, [somebody], link_frames=True, joint_frames=True)
    camera.until(lambda: heard, "frames")
    transforms = heard[-1].transforms
    children = [t.child_frame_id for t in transforms]
    assert len(children) == len(set(children))
    assert {"body_p1", "head_p1", "neck_p1", "left_wrist_p1", "l_wrist_p1", "waist_p1"} <= set(children)
    parents = {t.child_frame_id: t.header.frame_id for t in transforms}
    assert (parents["body_p1"], parents["head_p1"], parents["neck_p1"]) == (FRAME, "p_head_p1", "body_p1")
    places = placed(transforms)
    for link, joint in (("l_wrist", "left_wrist"), ("r_ankle", "right_ankle"), ("head", "head")):
        expected = somebody.joints_cam[JOINT_NAMES.index(joint)]
        np.testing.assert_allclose(places[f"{link}_p1"][:3, 3], expected, atol=1e-3)


def placed(transforms, root=FRAME):
    """Pose (4, 4) of every frame in `root`."""
    known, steps = {root: np.eye(4)}, {t.child_frame_id: t for t in transforms}

    def place(frame):
        if frame not in known:
            t = steps[frame].transform
            q, step = t.rotation, np.eye(4)
            step[:3, :3] = Rotation.from_quat([q.x, q.y, q.z, q.w]).as_matrix()
            step[:3, 3] = t.translation.x, t.translation.y, t.translation.z
            known[frame] = place(steps[frame].header.frame_id) @ step
        return known[frame]

    for frame in steps:
        place(frame)
    return known


def test_an_id_that_topics_cannot_have_is_named(ros, engine, capfd):
    camera = Camera(ros, [person(engine)], id_prefix="7-")
    poses = []
    ros.node.create_subscription(TFMessage, "/tf", poses.append, 100)
    camera.until(lambda: len(poses) > 2, "frames all the same")
    ros.settle(20)
    assert "the id 7-p1 cannot be a part of a topic's name" in capfd.readouterr().err


def state_publisher() -> str:
    """The program of ROS's own package; skips the test where that is not installed."""
    index = pytest.importorskip("ament_index_python.packages")
    try:
        prefix = index.get_package_prefix("robot_state_publisher")
    except (index.PackageNotFoundError, OSError):  # OSError: no ROS beside the wheels
        pytest.skip("ROS's package robot_state_publisher is not installed")
    return str(Path(prefix) / "lib" / "robot_state_publisher" / "robot_state_publisher")


def test_robot_state_publisher_places_the_links_at_the_joints(ros, engine, tmp_path):
    """Its own process, with the URDF as its parameter and the topic of joint states, as hri_body_detect starts it."""
    program, somebody = state_publisher(), person(engine)
    camera = Camera(ros, [somebody])
    camera.until(lambda: ros.node.count_publishers("/humans/bodies/p1/urdf"), "the topics")
    urdfs = ros.hear("/humans/bodies/p1/urdf", String, latched=True)
    camera.until(lambda: urdfs, "the URDF")
    parameters = tmp_path / "parameters.yaml"
    values = {"robot_description": urdfs[0].data}
    parameters.write_text(json.dumps({"/**": {"ros__parameters": values}}))  # JSON is YAML
    moving = []
    ros.node.create_subscription(TFMessage, "/tf", lambda message: moving.extend(message.transforms), 100)
    words = [program, "--ros-args", "--params-file", str(parameters), "-r", "__node:=state_publisher_p1"]
    words += ["-r", "joint_states:=/humans/bodies/p1/joint_states", "-r", "robot_description:=description_p1"]
    with subprocess.Popen(words, env=os.environ | {"ROS_DOMAIN_ID": str(ros.domain)}) as process:
        try:
            fixed = ros.hear("/tf_static", TFMessage, latched=True)
            named = {"l_elbow_p1", "r_knee_p1", "body_p1"}
            keep_seeing(camera, lambda: named <= {t.child_frame_id for t in moving} and fixed)
        finally:
            process.terminate()
    places = placed([*moving, *(t for message in fixed for t in message.transforms)])
    for link, joint in (
        ("l_wrist", "left_wrist"),
        ("r_ankle", "right_ankle"),
        ("head", "head"),
        ("r_knee", "right_knee"),
    ):
        expected = somebody.joints_cam[JOINT_NAMES.index(joint)]
        np.testing.assert_allclose(places[f"{link}_p1"][:3, 3], expected, atol=1e-3)


def keep_seeing(camera, condition):
    """Images at the pace of the executor, until another process has started and answered."""
    deadline = time.monotonic() + DEADLINE_S
    while not condition():
        assert time.monotonic() < deadline, "robot_state_publisher sent no frames"
        camera.see()
        camera.ros.settle()
