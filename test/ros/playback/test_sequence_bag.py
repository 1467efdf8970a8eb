"""The bag of the demo's sequence, read back."""

from __future__ import annotations

import pytest

pytest.importorskip("rclpy")
pytest.importorskip("metrichmsr_ros.msg")

from metrichmsr_ros.data.synthesis.walking_sequence import WalkingSequence
from metrichmsr_ros.ros.bags.reader import Bag
from metrichmsr_ros.ros.playback.sequence_bag import TRUTH_TOPIC, write_sequence_bag


def test_true_people_name_the_body_that_they_have(tmp_path):
    sequence = WalkingSequence(2, size=(64, 48))
    assert write_sequence_bag(tmp_path / "bag", sequence) == 2
    with Bag(tmp_path / "bag") as bag:
        humans = [human for recorded in bag.messages(TRUTH_TOPIC) for human in recorded.message.humans]
    assert humans
    assert {human.body_model for human in humans} == {sequence.body.name}
