"""Bags of people are read as they define their messages: an earlier version wrote fewer fields."""

from __future__ import annotations

import numpy as np
import pytest
from helpers.bag_messages import FIRST_NS, truth_message
from rosbags.rosbag2 import StoragePlugin, Writer
from rosbags.typesys import Stores, get_types_from_msg, get_typestore

from metrichmsr_ros.ros.bags.message_types import HUMAN, HUMANS, definition_folder, register_recorded_messages
from metrichmsr_ros.ros.bags.reader import Bag

TOPIC = "/perception/humans"


def old_types():
    """Types of a package whose HumanMesh ended with `body_model`."""
    types = get_typestore(Stores.LATEST)
    text = (definition_folder() / "HumanMesh.msg").read_text(encoding="utf-8")
    kept = text[: text.index("string[] gestures")]
    types.register(get_types_from_msg(kept, HUMAN))
    types.register(get_types_from_msg((definition_folder() / "HumanMeshArray.msg").read_text(encoding="utf-8"), HUMANS))
    return types


@pytest.fixture
def old_bag(tmp_path):
    """An mcap bag of three messages of the old type."""
    types, path = old_types(), tmp_path / "old"
    with Writer(path, version=9, storage_plugin=StoragePlugin.MCAP) as writer:
        connection = writer.add_connection(TOPIC, HUMANS, typestore=types)
        for number in range(3):
            new = truth_message(FIRST_NS + number, 2.0 + number)
            fields = {name: getattr(new.humans[0], name) for name, _ in types.fielddefs[HUMAN][1]}
            old = types.types[HUMANS](header=new.header, humans=[types.types[HUMAN](**fields)])
            writer.write(connection, FIRST_NS + number, types.serialize_cdr(old, HUMANS))
    return path


def people(path):
    with Bag(path) as bag:
        return [recorded.message.humans[0] for recorded in bag.messages(TOPIC)]


def test_people_of_an_earlier_version_are_read(old_bag):
    found = people(old_bag)
    assert [(human.id, human.body_model, hasattr(human, "gestures")) for human in found] == 3 * [
        ("alice", "truth", False)
    ]
    np.testing.assert_array_equal(found[2].joints, truth_message(FIRST_NS, 4.0).humans[0].joints)


def test_so_are_those_of_a_bag_without_an_end(old_bag):
    (file,) = old_bag.glob("*.mcap")
    file.write_bytes(file.read_bytes()[:-40])
    assert [human.id for human in people(old_bag)] == 3 * ["alice"]


@pytest.mark.parametrize("text", ["", "no definition at all ]", "module x { struct Y { long z; }; };"])
def test_a_definition_that_cannot_be_read_is_today_s(text):
    types = get_typestore(Stores.LATEST)
    register_recorded_messages(types, {HUMANS: text})
    assert "gestures" in [name for name, _ in types.fielddefs[HUMAN][1]]
    assert "humans" in [name for name, _ in types.fielddefs[HUMANS][1]]
