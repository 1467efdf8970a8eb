"""People of other nodes, with any numbers, as the fusion and the follow node take them; without DDS."""

from __future__ import annotations

import array
from collections import Counter
from pathlib import Path

import numpy as np
from std_msgs.msg import Header

from benchmarks.fuzz.choices import Choices
from benchmarks.fuzz.target import Reading, Run, Target
from benchmarks.fuzz.targets.camera_messages import header, transform
from metrichmsr_ros.fusion.frame_sets import FrameSets
from metrichmsr_ros.fusion.people_fusion import PeopleFusion
from metrichmsr_ros.msg import HumanMesh, HumanMeshArray
from metrichmsr_ros.people.following.goal import Viewpoint
from metrichmsr_ros.replay.records import person_from_message
from metrichmsr_ros.ros.following.chooser import Chooser
from metrichmsr_ros.ros.following.parameters import FollowSettings
from metrichmsr_ros.ros.following.people import candidates_of
from metrichmsr_ros.ros.fusion.people import fused_human, sightings_of
from metrichmsr_ros.ros.fusion.waiting import PlacedFrame, TransformQueue
from metrichmsr_ros.ros.inputs.stamp_gate import stamp_ns
from metrichmsr_ros.ros.tf_tree import TransformError, TransformTree

_MOST_MESSAGES = 8
_ARRAYS = {"pose": 72, "betas": 10, "joints": 72, "joint_confidence": 24, "joint_covariances": 144}
_IDS = ("p1", "p2", "p3", "", "漢")
_CAMERAS = ("left", "right", "top")


def human(choices: Choices) -> HumanMesh:
    """Somebody 3 m before the camera, with up to four fields that lie."""
    message = HumanMesh(header=header(choices), id=choices.pick(_IDS), confidence=0.9, height=1.7, body_model="open")
    message.body.pose.position.z, message.body.pose.orientation.w = 3.0, 1.0
    message.body.covariance = (np.eye(6) * 0.01).reshape(36)
    message.joints = np.tile(np.array([0, 0, 3], np.float32), 24)
    message.roi.height = 100
    for _ in range(choices.below(5)):
        _lie(message, choices)
    return message


def _lie(message: HumanMesh, choices: Choices) -> None:
    kind = choices.below(9)
    if kind == 0:
        name = choices.pick(sorted(_ARRAYS))
        values = np.array(getattr(message, name), np.float32)
        for _ in range(choices.below(4) + 1):
            values[choices.below(len(values))] = choices.number32()
        setattr(message, name, values)
    elif kind == 1:
        values = np.array(message.body.covariance)
        for _ in range(choices.below(4) + 1):
            values[choices.below(36)] = choices.number()
        message.body.covariance = values * (0 if choices.is_rare(4) else 1)
    elif kind == 2:
        place = message.body.pose.position
        place.x, place.y, place.z = choices.number(), choices.number(), choices.number()
    elif kind == 3:
        turn = message.body.pose.orientation
        turn.x, turn.y, turn.z, turn.w = (choices.number() for _ in range(4))
    elif kind == 4:
        message.height, message.confidence = choices.number32(), choices.number32()
    elif kind == 5:
        message.vertices = array.array("f", [choices.number32() for _ in range(choices.below(8))])
    elif kind == 6:
        move = message.translation
        move.x, move.y, move.z = choices.number(), choices.number(), choices.number()
        message.pointing.x, message.pointing.y = choices.number(), choices.number()
    elif kind == 7:
        message.body_model, message.id = choices.text(), choices.text()
        message.gestures = [choices.pick(("hand_raised_left", "waving_right", choices.text()))]
    else:
        message.is_occluded, message.age = True, choices.unsigned32()
        message.roi.x_offset = message.roi.height = choices.unsigned32()


def people(choices: Choices) -> HumanMeshArray:
    """Up to five people of one image."""
    return HumanMeshArray(header=header(choices), humans=[human(choices) for _ in range(choices.below(6))])


class _Robot:
    """The fusion of three cameras, and somebody followed."""

    def __init__(self, choices: Choices) -> None:
        self.said = Counter[str]()
        self._tree = TransformTree(held_s=choices.pick((1e6, 0.0)))
        self._queue = TransformQueue(self._tree, "base", choices.pick((0.0, 10.0)), self._problem)
        self._sets: FrameSets[PlacedFrame] = FrameSets(self._problem)
        self._fusion = PeopleFusion()
        self._chooser = Chooser(FollowSettings(choose=choices.pick(("nearest", "raised_hand"))))

    def _problem(self, *texts: str) -> None:
        if not all(texts):
            raise AssertionError("a problem has no text")
        self.said["problem"] += 1

    def transform(self, choices: Choices) -> None:
        """Take a transform."""
        try:
            self._tree.add_stamped(transform(choices), choices.is_rare(2))
        except TransformError:
            self.said["transform"] += 1

    def people(self, choices: Choices) -> None:
        """Take the people of one camera."""
        message = people(choices)
        for one in message.humans:
            person_from_message(one)
        self._queue.add(choices.pick(_CAMERAS), message)
        for frame in self._queue.ready():
            self._follow(frame)
            for complete in self._sets.add(frame.camera, stamp_ns(frame.message.header) * 1e-9, frame):
                self._fuse(list(complete.frames.values()), complete.stamp_s)

    def _fuse(self, frames: list[PlacedFrame], stamp_s: float) -> None:
        sightings = [one for frame in frames for one in sightings_of(frame, self._problem)]
        for person in self._fusion.step(sightings, stamp_s) or ():
            fused = fused_human(person, Header(frame_id="base"), person.id)
            place = fused.body.pose.position
            if not np.isfinite([place.x, place.y, place.z, *fused.joints, *fused.pose]).all():
                raise AssertionError(f"the fused person {person.id} has numbers that are not finite")
            self.said["fused"] += 1
        self._fusion.disagreements.offsets()

    def _follow(self, frame: PlacedFrame) -> None:
        found = candidates_of(frame.message, frame.pose, self._problem)
        state = self._chooser.step(found, Viewpoint.of_camera(frame.pose), stamp_ns(frame.message.header) * 1e-9)
        self._chooser.follow_nearest()
        self.said[state.status.value if state is not None else "late"] += 1


def start(folder: Path) -> Run:
    """Runs what cameras send to a fusion node and to a follow node."""

    def run(data: bytes) -> Reading:
        choices = Choices(data)
        robot = _Robot(choices)
        robot.transform(Choices(b""))
        count = 1
        while count < _MOST_MESSAGES and not choices.is_over:
            (robot.transform if choices.is_rare(4) else robot.people)(choices)
            count += 1
        return Reading(" ".join(sorted(robot.said)), count, robot.said["problem"])

    return run


PEOPLE = Target("people_messages", "messages", start, share=3.0)
