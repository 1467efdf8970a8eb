"""Plain messages and their conversion by the two adapters."""

from __future__ import annotations

import array
import subprocess
import sys

import numpy as np
import pytest
from rosbags.typesys import Stores, get_typestore

from metrichmsr_ros.ros.messages import PlainMessage, flat, optional_messages, to_rclpy, to_rosbags
from metrichmsr_ros.ros.outputs.poses import pose, transform, vector

TYPES = get_typestore(Stores.LATEST)
STAMP = PlainMessage("builtin_interfaces/msg/Time", {"sec": 1, "nanosec": 2})
HEADER = PlainMessage("std_msgs/msg/Header", {"stamp": STAMP, "frame_id": "map"})
POSES = [pose((1, 2, 3), (0, 0, 0, 1)), pose((4, 5, 6), (1, 0, 0, 0))]
PLAIN = PlainMessage("geometry_msgs/msg/PoseArray", {"header": HEADER, "poses": POSES})


@pytest.mark.parametrize("middleware", ["rclpy", "rosbags"])
def test_nested_messages_lists_and_numbers_arrive(middleware):
    if middleware == "rclpy":
        pytest.importorskip("rclpy")
    made = to_rclpy(PLAIN) if middleware == "rclpy" else to_rosbags(PLAIN, TYPES)
    assert (made.header.stamp.sec, made.header.stamp.nanosec, made.header.frame_id) == (1, 2, "map")
    assert [(p.position.x, p.position.y, p.position.z) for p in made.poses] == [(1, 2, 3), (4, 5, 6)]
    assert [p.orientation.w for p in made.poses] == [1, 0]


def test_both_adapters_give_the_same_bytes():
    pytest.importorskip("rclpy")
    from rclpy.serialization import serialize_message

    for plain in (PLAIN, transform(HEADER, "camera", np.float32([0.1, 0.2, 0.3]), np.array([0, 0, 0.6, 0.8]))):
        # Serialised again with one library, because the middleware leaves padding bytes undefined.
        theirs = TYPES.deserialize_cdr(bytes(serialize_message(to_rclpy(plain))), plain.type)
        assert TYPES.serialize_cdr(to_rosbags(plain, TYPES), plain.type) == TYPES.serialize_cdr(theirs, plain.type)


def test_rclpy_fills_what_is_not_given_and_rosbags_refuses():
    pytest.importorskip("rclpy")
    part = PlainMessage("geometry_msgs/msg/Point", {"x": 1.0})
    assert to_rclpy(part).z == 0.0
    with pytest.raises(TypeError, match="'y' and 'z'"):
        to_rosbags(part, TYPES)


def test_sequences_become_arrays_of_the_same_type():
    for dtype, code in ((np.float32, "f"), (np.uint32, "I"), (np.int32, "i"), (np.uint8, "B"), (np.float64, "d")):
        values = flat(np.arange(6, dtype=dtype).reshape(2, 3)[:, ::-1])
        assert (type(values), values.typecode, values.tolist()) == (array.array, code, [2, 1, 0, 5, 4, 3])


def test_vectors_are_three_numbers():
    assert vector(np.float32([0.5, 1, 2])).fields == {"x": 0.5, "y": 1.0, "z": 2.0}
    with pytest.raises(ValueError, match="unpack"):
        vector([1, 2])


def test_packages_that_are_not_installed():
    assert optional_messages("no_such_package") is None
    with pytest.raises(ImportError, match="no_such_package"):
        to_rclpy(PlainMessage("no_such_package/msg/Thing", {}))


def test_the_nodes_messages_need_no_rosbags():
    """It is for bags alone, and takes time to import."""
    code = "import sys, metrichmsr_ros.ros.outputs.people; print([n for n in sys.modules if n.startswith('rosbags')])"
    assert subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout == "[]\n"
