"""Graphs in the cache: made once, whole or not at all, again after a change; failures name file and remedy."""

from __future__ import annotations

import dataclasses
import hashlib
import os

import numpy as np
import pytest
from onnx import TensorProto, helper, numpy_helper

from metrichmsr_ros import assets
from metrichmsr_ros.assets import AssetError
from metrichmsr_ros.people.blazepose import conversion, network_files
from metrichmsr_ros.people.blazepose.network_files import (
    GraphError,
    converted,
    graph_of,
    graph_path,
    make_graphs,
    sha256_of,
)
from metrichmsr_ros.people.blazepose.networks import _load_cached
from metrichmsr_ros.runtime.providers import CPU

NAME = "pose_landmark_full.tflite"


@pytest.fixture
def cache(tmp_path, monkeypatch):
    """An own cache, and a converter that only marks what it was given."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(conversion, "convert", lambda content: b"graph of " + content)
    (tmp_path / "metrichmsr").mkdir()
    return tmp_path / "metrichmsr"


@pytest.fixture
def fetched(cache, monkeypatch):
    """Put a network into the cache as `metrichmsr setup` does."""

    def put(content: bytes, name: str = NAME) -> None:
        model = dataclasses.replace(assets.MODELS[name], sha256=hashlib.sha256(content).hexdigest())
        monkeypatch.setitem(assets.MODELS, name, model)
        (cache / name).write_bytes(content)

    return put


def with_digests(*graphs):
    """Names of graphs, and of the files with their sha256."""
    return {name for graph in graphs for name in (graph.name, f"{graph.name}.sha256")}


def test_a_graph_is_made_once(cache, fetched, monkeypatch):
    fetched(b"one")
    path = converted(NAME)
    assert path.read_bytes() == b"graph of one"
    assert path.name.startswith("pose_landmark_full-" + hashlib.sha256(b"one").hexdigest()[:12])
    monkeypatch.setattr(conversion, "convert", lambda content: pytest.fail("converted again"))
    assert converted(NAME) == path


def test_a_graph_is_made_again_for_another_source_and_another_converter(cache, fetched, monkeypatch):
    fetched(b"one")
    first = converted(NAME)
    fetched(b"two")
    second = converted(NAME)
    assert second.read_bytes() == b"graph of two"
    monkeypatch.setattr(network_files, "CONVERTER_VERSION", 99)
    third = converted(NAME)
    kept = {NAME, *with_digests(first, second, third)}  # another installation may use them
    assert {p.name for p in cache.iterdir()} == kept
    assert len(kept) == 7
    make_graphs()
    assert {p.name for p in cache.iterdir()} == {NAME, *with_digests(third)}


def test_setup_makes_the_graphs_of_all_that_is_fetched_and_replaces_damaged_ones(cache, fetched):
    fetched(b"one")
    fetched(b"detector", "pose_detection.tflite")
    graph_path(NAME).write_bytes(b"damaged")
    assert [path.read_bytes() for path in make_graphs()] == [b"graph of detector", b"graph of one"]


def test_a_network_that_is_not_fetched_is_named_with_the_command(cache):
    with pytest.raises(AssetError, match=r"pose_landmark_full\.tflite.*metrichmsr setup"):
        converted(NAME)
    assert make_graphs() == []


def test_a_damaged_source_is_not_converted(cache, fetched):
    fetched(b"one")
    (cache / NAME).write_bytes(b"on")
    with pytest.raises(GraphError, match=r"damaged .*metrichmsr setup"):
        converted(NAME)
    assert [p.name for p in cache.iterdir()] == [NAME]


def test_a_conversion_that_fails_leaves_nothing(cache, fetched, monkeypatch):
    fetched(b"one")

    def full_disk(source: object, target: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", full_disk)
    with pytest.raises(GraphError, match=r"cannot be written \(No space left on device\).*metrichmsr setup"):
        converted(NAME)
    assert [p.name for p in cache.iterdir()] == [NAME]


def test_files_that_a_user_names(tmp_path, cache):
    (tmp_path / "own.tflite").write_bytes(b"own")
    (tmp_path / "own.onnx").write_bytes(b"onnx")
    assert graph_of(tmp_path / "own.tflite") == b"graph of own"
    assert graph_of(tmp_path / "own.onnx") == tmp_path / "own.onnx"
    with pytest.raises(FileNotFoundError, match=r"none\.tflite.*metrichmsr setup"):
        graph_of(tmp_path / "none.tflite")


def test_the_sha256_of_a_graph_is_kept_beside_it(cache, fetched):
    fetched(b"one")
    graph = converted(NAME)
    assert sha256_of(graph) == hashlib.sha256(b"graph of one").hexdigest()
    graph.with_name(f"{graph.name}.sha256").write_bytes(b"\xff")
    assert sha256_of(graph) == ""
    graph.with_name(f"{graph.name}.sha256").unlink()
    assert sha256_of(graph) == ""


@pytest.mark.parametrize("damage", ["one bit", "cut off", "no digest"])
def test_a_damaged_graph_is_made_again_when_it_is_loaded(cache, fetched, monkeypatch, damage):
    """A bit of a weight is no error to ONNX Runtime, which would answer with it."""
    nodes = [helper.make_node("Add", ["x", "weights"], ["y"])]
    rows = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [64]) for name in ("x", "y")]
    weights = numpy_helper.from_array(np.arange(64, dtype=np.float32), "weights")
    whole = helper.make_model(
        helper.make_graph(nodes, "small", rows[:1], rows[1:], [weights]),
        opset_imports=[helper.make_opsetid("", 17)],
        ir_version=8,
    ).SerializeToString()
    monkeypatch.setattr(conversion, "convert", lambda content: whole)
    fetched(b"one")
    graph = converted(NAME)
    if damage == "no digest":
        graph.with_name(f"{graph.name}.sha256").unlink()
    else:
        place = whole.index(np.float32(40).tobytes())
        changed = whole[:place] + np.float32(41).tobytes() + whole[place + 4 :]
        graph.write_bytes(changed if damage == "one bit" else whole[: len(whole) // 2])
    (found,) = _load_cached(NAME, 1, CPU).run({"x": np.zeros(64, np.float32)}, ("y",))
    np.testing.assert_array_equal(found, np.arange(64))
    assert graph.read_bytes() == whole
    assert sha256_of(graph) == hashlib.sha256(whole).hexdigest()
