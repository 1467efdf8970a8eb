"""Graphs in the cache: made once, whole or not at all, again after a change; failures name file and remedy."""

from __future__ import annotations

import dataclasses
import hashlib
import os

import pytest

from metrichmsr_ros import assets
from metrichmsr_ros.assets import AssetError
from metrichmsr_ros.people.blazepose import conversion, network_files
from metrichmsr_ros.people.blazepose.network_files import GraphError, converted, graph_of, graph_path, make_graphs

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
    kept = {NAME, first.name, second.name, third.name}  # another installation may use them
    assert {p.name for p in cache.iterdir()} == kept
    assert len(kept) == 4
    make_graphs()
    assert {p.name for p in cache.iterdir()} == {NAME, third.name}


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
