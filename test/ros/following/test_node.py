"""The follow node over real middleware: people in, a frame, a goal and a status out; losses, requests, reports."""

from __future__ import annotations

import threading
from dataclasses import replace
from itertools import count
from unittest.mock import MagicMock

import numpy as np
import pytest

pytest.importorskip("rclpy")
pytest.importorskip("metrichmsr_ros.msg")

from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from geometry_msgs.msg import PoseStamped
from helpers.fake_pipeline import DEADLINE_S
from helpers.fused_messages import POSES, extrinsics, people_message, person_at
from helpers.ros_messages import make_header, seconds_of
from rclpy.qos import DurabilityPolicy, QoSProfile
from std_msgs.msg import String
from std_srvs.srv import Trigger
from tf2_msgs.msg import TFMessage

from metrichmsr_ros.msg import HumanMeshArray
from metrichmsr_ros.ros.following.health import SILENT_AFTER_S
from metrichmsr_ros.ros.following.node import make_follow_node
from metrichmsr_ros.ros.parameter_spec import ParameterError

CAMERA = "south"  # stands at (0, -5, 1) in odom and looks along y
PLACE = np.array([0.3, -1.5, 0.9])
ASIDE = np.array([-0.9, -0.5, 0.9])


def someone(id="p1", place=PLACE, **changes):
    return replace(person_at(POSES[CAMERA], np.asarray(place)), id=id, **changes)


class Following:
    """The follow node, a perception node's topic, and what the follow node says."""

    def __init__(self, ros, **parameters):
        self.ros = ros
        self.node = make_follow_node(parameters, context=ros.context)
        ros.executor.add_node(self.node)
        ros.nodes.append(self.node)
        ros.until(lambda: self.node.state == "active", "the node is active")
        self.people = ros.node.create_publisher(HumanMeshArray, "humans", 10)
        ros.until(lambda: self.people.get_subscription_count() > 0, "a subscription")
        static = QoSProfile(depth=5, durability=DurabilityPolicy.TRANSIENT_LOCAL)
        self.static = ros.node.create_publisher(TFMessage, "/tf_static", static)
        self.static.publish(TFMessage(transforms=[extrinsics(CAMERA)]))
        self.transforms = ros.hear("/tf", TFMessage)
        self.goals = ros.hear("/follow/goal", PoseStamped)
        self.statuses = ros.hear("/follow/status", String, latched=True)
        self.reports = ros.hear("/diagnostics", DiagnosticArray)

    def see(self, stamp, *people):
        """Publish the people of one image, and wait until the node has taken them."""
        before = self.node._health.received_s
        self.people.publish(people_message(list(people), make_header(stamp, f"{CAMERA}_optical")))
        self.ros.until(lambda: self.node._health.received_s != before, "the message is taken")

    def until_status(self, status):
        self.ros.until(lambda: self.statuses and self.statuses[-1].data == status, f"the status {status}")

    def frames(self):
        """(stamp, x, y) of every transform of the person."""
        found = [t for message in self.transforms for t in message.transforms if t.child_frame_id == "followed_person"]
        return [(seconds_of(t), t.transform.translation.x, t.transform.translation.y) for t in found]

    def ask(self, name):
        client = self.ros.node.create_client(Trigger, f"/follow/{name}")
        self.ros.until(client.service_is_ready, "the service")
        answer = client.call_async(Trigger.Request())
        self.ros.until(answer.done, "an answer")
        return answer.result()


def test_the_nearest_person_becomes_a_frame_and_a_goal(ros):
    following = Following(ros, distance=1.5)
    poses = ros.hear("/follow/pose", PoseStamped)
    following.until_status("waiting")
    following.see(100.0, someone("p2", ASIDE), someone("p1"))
    following.until_status("following")
    ros.until(lambda: following.frames() and following.goals, "a frame and a goal")
    np.testing.assert_allclose(following.frames()[0], [100.0, *PLACE[:2]], atol=1e-5)
    (transform,) = following.transforms[-1].transforms
    assert transform.header.frame_id == "odom"
    ros.until(lambda: poses, "a pose")
    at = poses[0].pose.position
    np.testing.assert_allclose([at.x, at.y, at.z], PLACE, atol=1e-5)
    assert poses[0].header == following.goals[0].header
    goal = following.goals[0]
    assert (goal.header.frame_id, seconds_of(goal)) == ("odom", 100.0)
    gap = PLACE[:2] - [0.0, -5.0]  # no base_link: the camera counts as the robot
    expected = PLACE[:2] - 1.5 * gap / np.linalg.norm(gap)
    np.testing.assert_allclose([goal.pose.position.x, goal.pose.position.y], expected, atol=1e-5)


def test_goals_are_before_the_robot_where_its_frame_is_known(ros):
    following = Following(ros, distance=1.0)
    robot = extrinsics(CAMERA)
    robot.child_frame_id = "base_link"
    move, turn = robot.transform.translation, robot.transform.rotation
    move.x, move.y, move.z = 0.3, -4.5, 0.0
    turn.x, turn.y, turn.z, turn.w = 0.0, 0.0, np.sqrt(0.5), np.sqrt(0.5)
    following.static.publish(TFMessage(transforms=[robot]))

    def is_known():
        following.see(100.0 + len(following.goals), someone())
        return following.goals and abs(following.goals[-1].pose.position.x - 0.3) < 1e-6

    ros.until(is_known, "a goal from base_link")
    assert following.goals[-1].pose.position.y == pytest.approx(PLACE[1] - 1.0, abs=1e-5)


def test_a_lost_person_has_no_frame_and_no_goal_until_found_again(ros):
    following = Following(ros, predict_for=0.3)
    for number in range(4):
        following.see(100.0 + number / 10, someone())
    following.until_status("following")
    for number in range(4, 7):
        following.see(100.0 + number / 10)
    following.until_status("predicted")
    ros.until(lambda: len(following.frames()) == 7, "predicted frames")
    for number in range(7, 12):
        following.see(100.0 + number / 10, someone("p9", ASIDE * [1, -1, 1], height=1.2))
    following.until_status("lost")
    ros.settle()
    assert len(following.frames()) == 7
    assert len(following.goals) == 7
    following.see(101.2, someone("p12"))
    following.until_status("following")
    ros.until(lambda: len(following.frames()) == 8, "the frame again")
    np.testing.assert_allclose(following.frames()[-1], [101.2, *PLACE[:2]], atol=1e-5)
    assert following.node._chooser.state.found_again == 1


def test_without_news_from_perception_the_person_is_lost(ros, monkeypatch):
    following, log = Following(ros, predict_for=0.1), MagicMock()
    monkeypatch.setattr(following.node, "get_logger", lambda: log)
    following.see(100.0, someone())
    following.until_status("following")
    following.until_status("lost")
    assert len(following.frames()) == 1
    ros.until(
        lambda: any(s.level == DiagnosticStatus.STALE for report in following.reports for s in report.status),
        "a report of the silence",
    )
    assert any("person: no people received for" in call.args[0] for call in log.warning.call_args_list)


def test_who_is_followed_is_chosen_by_id_and_by_service(ros):
    following = Following(ros, choose="none")
    following.until_status("idle")
    following.see(100.0, someone(), someone("p2", ASIDE))
    assert following.frames() == []
    select = ros.node.create_publisher(String, "/follow/select", 10)
    ros.until(lambda: select.get_subscription_count() > 0, "a subscription")
    select.publish(String(data="p2"))
    following.until_status("following")
    following.see(100.1, someone(), someone("p2", ASIDE))
    ros.until(following.frames, "a frame")
    np.testing.assert_allclose(following.frames()[-1][1:], ASIDE[:2], atol=1e-3)
    assert following.ask("stop").success
    following.until_status("idle")
    answer = following.ask("follow_nearest")
    assert (answer.success, answer.message) == (True, "following p1")
    following.see(100.2)
    assert not following.ask("follow_nearest").success  # nobody is there
    select.publish(String(data="p7"))
    following.until_status("waiting")
    following.see(100.3, someone("p7", ASIDE))
    following.until_status("following")


def test_who_raises_a_hand_is_followed_and_after_a_stop_the_next_who_does(ros):
    following = Following(ros, choose="raised_hand", choose_distance=6.0)
    following.see(100.0, someone(), someone("p2", ASIDE, gestures=("waving_left",)))
    assert following.node._chooser.status == "waiting"
    following.see(100.1, someone(), someone("p2", ASIDE, gestures=("hand_raised_left", "waving_left")))
    following.until_status("following")
    assert following.node._chooser.state.id == "p2"
    following.see(100.2, someone(gestures=("hand_raised_right",)), someone("p2", ASIDE))
    assert following.node._chooser.state.id == "p2"  # another hand changes nothing while somebody is followed
    following.ask("stop")
    following.until_status("waiting")
    following.see(100.3, someone(gestures=("hand_raised_right",)), someone("p2", ASIDE))
    assert following.node._chooser.state.id == "p1"


def test_people_too_far_or_aside_are_not_chosen(ros):
    following = Following(ros, choose_distance=3.0)
    following.see(100.0, someone())
    following.see(100.1, someone())
    assert following.node._chooser.status == "waiting"
    following.see(100.2, someone(place=[0.3, -2.5, 0.9]))
    following.until_status("following")


def test_an_id_that_is_given_at_the_start_is_awaited(ros):
    following = Following(ros, target_id="p2")
    following.see(100.0, someone())
    assert following.node._chooser.status == "waiting"
    following.see(100.1, someone(), someone("p2", ASIDE))
    following.until_status("following")
    assert following.node._chooser.state.id == "p2"


def test_when_the_stamps_begin_anew_so_does_the_choice(ros):
    following = Following(ros)
    following.see(100.0, someone())
    following.until_status("following")
    following.see(50.0, someone("p8"))
    assert following.node._chooser.state.id == "p8"


def test_nobody_is_chosen_from_people_of_long_ago(ros):
    following = Following(ros, choose="none")
    following.see(100.0, someone())
    ros.until(lambda: following.node._health.silent_s > SILENT_AFTER_S, "silence")
    assert not following.ask("follow_nearest").success


def test_people_without_a_transform_are_left_out_and_told(ros):
    following = Following(ros, fixed_frame="map", tf_timeout=0.0)

    def is_told():
        following.people.publish(people_message([someone()], make_header(100.0, f"{CAMERA}_optical")))
        return any("no transform: map to south" in s.message for report in following.reports for s in report.status)

    ros.until(is_told, "a warning")
    assert following.frames() == []


def test_people_of_a_fusion_node_are_followed_in_their_own_frame(ros):
    following = Following(ros)
    message, stamps = people_message([someone()], make_header(100.0, "odom")), count(100)
    robot = extrinsics(CAMERA)
    robot.child_frame_id = "base_link"
    turn = robot.transform.rotation
    turn.x, turn.y, turn.z, turn.w = 0.0, 0.0, 0.0, 1.0
    following.static.publish(TFMessage(transforms=[robot]))
    place = message.humans[0].body.pose.position
    place.x, place.y, place.z = 2.0, -5.2, 0.9  # ahead of base_link

    def is_followed():
        message.header.stamp = message.humans[0].header.stamp = make_header(float(next(stamps))).stamp
        following.people.publish(message)
        return following.frames() and following.goals

    ros.until(is_followed, "a frame and a goal")
    np.testing.assert_allclose(following.frames()[0][1:], [2.0, -5.2], atol=1e-6)


def robot_at(stamp, x, y):
    """base_link in odom, level, looking along y."""
    robot = extrinsics(CAMERA, stamp)
    robot.child_frame_id = "base_link"
    move, turn = robot.transform.translation, robot.transform.rotation
    move.x, move.y, move.z = x, y, 0.0
    turn.x, turn.y, turn.z, turn.w = 0.0, 0.0, np.sqrt(0.5), np.sqrt(0.5)
    return robot


@pytest.mark.parametrize("frame", [f"{CAMERA}_optical", "odom"])
def test_goals_wait_for_the_robot_whose_transforms_come_after_the_people(ros, frame):
    """A camera on the wall: its own transform is always known. The goal is never the camera's."""
    following = Following(ros, distance=1.0, tf_timeout=10.0)
    moving = ros.node.create_publisher(TFMessage, "/tf", 10)
    ros.until(lambda: moving.get_subscription_count() > 1, "both subscriptions")
    place = PLACE if frame == "odom" else None
    for number in range(5):
        message = people_message([someone()], make_header(100.0 + number, frame))
        if place is not None:
            at = message.humans[0].body.pose.position
            at.x, at.y, at.z = place.tolist()
        following.people.publish(message)
        ros.settle()
        assert len(following.goals) == number
        moving.publish(TFMessage(transforms=[robot_at(100.1 + number, PLACE[0], -4.5)]))
        if number == 0:  # /tf begins after the first people: an older place of the robot comes, too
            moving.publish(TFMessage(transforms=[robot_at(99.9, PLACE[0], -4.5)]))
        ros.until(lambda made=number + 1: len(following.goals) == made, "the goal")
        place_of_goal = following.goals[-1].pose.position
        assert [place_of_goal.x, place_of_goal.y] == pytest.approx([PLACE[0], PLACE[1] - 1.0], abs=1e-5)


def test_without_the_robots_place_in_time_there_is_no_goal_but_a_frame(ros):
    following = Following(ros, tf_timeout=0.05, target_id="p1")
    moving = ros.node.create_publisher(TFMessage, "/tf", 10)
    ros.until(lambda: moving.get_subscription_count() > 1, "both subscriptions")
    moving.publish(TFMessage(transforms=[robot_at(90.0, 0.0, 0.0)]))
    ros.until(lambda: "base_link" in following.node._transforms._tree._moving, "the robot's frame")
    following.see(100.0, someone())
    ros.until(following.frames, "a frame")
    ros.until(
        lambda: any("no place of the robot in time" in s.message for r in following.reports for s in r.status), "words"
    )
    assert following.goals == []


@pytest.mark.parametrize("back", [0.0, 0.001, 0.9])
def test_an_image_that_comes_late_changes_nothing(ros, back):
    following = Following(ros)
    for stamp in (100.0, 100.9, 101.0):
        following.see(stamp, someone())
    ros.until(lambda: len(following.goals) == 3, "goals")
    following.see(101.0 - back)
    following.see(101.1, someone())
    ros.until(lambda: len(following.goals) == 4, "another goal")
    assert [seconds_of(goal) for goal in following.goals] == sorted({seconds_of(goal) for goal in following.goals})
    assert {status.data for status in following.statuses} <= {"waiting", "following"}


@pytest.mark.parametrize("stamp", [99.999, 50.0])
def test_a_stop_holds_until_somebody_asks(ros, stamp):
    following = Following(ros)
    following.see(100.0, someone())
    following.until_status("following")
    following.ask("stop")
    following.until_status("idle")
    following.see(stamp, someone())
    following.see(stamp + 10.0, someone())
    ros.settle()
    assert following.statuses[-1].data == "idle"
    assert len(following.goals) == 1


def test_who_is_selected_after_a_long_silence_is_followed_when_seen(ros, monkeypatch):
    following = Following(ros, choose="none", lost_timeout=5.0)
    following.see(100.0, someone())
    monkeypatch.setattr("metrichmsr_ros.ros.following.node.SILENT_AFTER_S", -1.0)
    following.node._on_select(String(data="p1"))
    monkeypatch.undo()
    following.until_status("waiting")
    following.see(112.0, someone())
    following.until_status("following")


def test_a_node_that_is_deactivated_follows_nobody_and_chooses_anew(ros):
    following = Following(ros)
    following.see(100.0, someone())
    following.until_status("following")
    following.node.trigger_deactivate()
    following.until_status("idle")
    late = ros.hear("/follow/status", String, latched=True)
    ros.until(lambda: late, "the status for a late reader")
    assert late[-1].data == "idle"
    following.node.trigger_activate()
    following.until_status("waiting")
    ros.until(lambda: following.people.get_subscription_count() > 0, "a subscription")
    following.see(112.0, someone("p8"))
    following.until_status("following")


def test_a_message_in_work_when_the_node_ends_raises_nothing(ros, monkeypatch):
    """As in an executor of several threads: the message is finished first, then the node ends."""
    following = Following(ros, tf_timeout=0.0)
    inside, go, raised = threading.Event(), threading.Event(), []
    original = following.node._chooser.step

    def slow(*arguments):
        inside.set()
        go.wait(DEADLINE_S)
        return original(*arguments)

    monkeypatch.setattr(following.node._chooser, "step", slow)

    def take():
        try:
            following.node._on_humans(people_message([someone()], make_header(100.0, "odom")))
        except BaseException as error:
            raised.append(error)

    threads = [threading.Thread(target=take), threading.Thread(target=following.node.trigger_deactivate)]
    threads[0].start()
    assert inside.wait(DEADLINE_S)
    threads[1].start()
    go.set()
    for thread in threads:
        thread.join(DEADLINE_S)
    assert raised == []
    assert following.node.state == "inactive"


def test_a_wrong_choice_is_refused_with_what_is_allowed(ros):
    with pytest.raises(ParameterError, match="choose one of nearest, raised_hand, none"):
        make_follow_node({"choose": "tallest"}, context=ros.context)
