"""The header of a weights file says where each tensor lies; whatever is no weights file is named."""

from __future__ import annotations

import json
import re
import struct
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from metrichmsr_ros.runtime.weights_file import WeightsFileError, WeightsHeader


@pytest.fixture
def save_file() -> Callable[..., None]:
    """How the library writes; the runtime does without it."""
    saved: Callable[..., None] = pytest.importorskip("safetensors.numpy").save_file
    return saved


def test_tensors_are_where_the_header_says(tmp_path, save_file):
    rng = np.random.default_rng(0)
    tensors = {"a": rng.normal(size=(2, 3)).astype(np.float32), "b.c": rng.normal(size=5).astype(np.float16)}
    path = tmp_path / "w.safetensors"
    save_file(tensors, path, metadata={"format": "mine"})
    file, content = WeightsHeader.read(path), path.read_bytes()
    assert file.metadata == {"format": "mine"}
    assert set(file.tensors) == set(tensors)
    for name, expected in tensors.items():
        stored = file.tensors[name]
        raw = content[stored.offset : stored.offset + stored.length]
        assert stored.dtype == {"float32": "F32", "float16": "F16"}[expected.dtype.name]
        np.testing.assert_array_equal(np.frombuffer(raw, expected.dtype).reshape(stored.shape), expected)


def test_layouts_differ_by_configuration_and_place_but_not_by_values(tmp_path, save_file):
    def layout(values, metadata):
        path = tmp_path / "w.safetensors"
        save_file({"a": np.asarray(values, np.float32)}, path, metadata=metadata)
        return WeightsHeader.read(path).layout_sha256

    first = layout([1, 2], {"config": "x"})
    assert layout([3, 4], {"config": "x"}) == first
    assert layout([1, 2], {"config": "y"}) != first
    assert layout([1, 2, 3], {"config": "x"}) != first


@given(content=st.binary(max_size=64))
def test_what_is_no_weights_file_is_named(tmp_path_factory, content):
    path = tmp_path_factory.mktemp("w") / "odd.safetensors"
    path.write_bytes(content)
    with pytest.raises(WeightsFileError, match=r"odd\.safetensors"):
        WeightsHeader.read(path)


def test_a_file_that_is_cut_off_is_named(tmp_path, save_file):
    path = tmp_path / "w.safetensors"
    save_file({"a": np.zeros(100, np.float32)}, path)
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(WeightsFileError, match="cut off"):
        WeightsHeader.read(path)


@pytest.mark.parametrize(
    "header", [[], {"a": 3}, {"a": {"dtype": "F32"}}, {"a": {"dtype": "F32", "shape": [1], "data_offsets": [0, "x"]}}]
)
def test_a_header_of_another_kind_is_named(tmp_path, header):
    text, path = json.dumps(header).encode(), tmp_path / "w.safetensors"
    path.write_bytes(struct.pack("<Q", len(text)) + text)
    with pytest.raises(WeightsFileError, match=r"w\.safetensors"):
        WeightsHeader.read(path)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(WeightsFileError, match=r"none\.safetensors does not exist; give the path"):
        WeightsHeader.read(tmp_path / "none.safetensors")


@dataclass(frozen=True)
class Sizes:
    width: int = 1


@pytest.mark.parametrize(
    ("metadata", "told"),
    [
        ({}, "is not a lens: its format is None, not 'lens-1'"),
        ({"format": "lens-2"}, "is not a lens: its format is 'lens-2'"),
        ({"format": "lens-1"}, "its configuration cannot be read: 'config'"),
        ({"format": "lens-1", "config": "{"}, "its configuration cannot be read: Expecting"),
        ({"format": "lens-1", "config": "[]"}, "its configuration cannot be read: Sizes: expected a mapping"),
        ({"format": "lens-1", "config": '{"height": 3}'}, "its configuration cannot be read: height: unknown key"),
    ],
)
def test_a_configuration_that_is_not_one_is_named(tmp_path, metadata, told, save_file):
    path = tmp_path / "w.safetensors"
    save_file({"a": np.zeros(1, np.float32)}, path, metadata=metadata)
    with pytest.raises(WeightsFileError, match=rf"w\.safetensors.*{re.escape(told)}"):
        WeightsHeader.read(path).config(Sizes, "lens-1", "a lens")


def test_a_configuration_is_read(tmp_path, save_file):
    path = tmp_path / "w.safetensors"
    save_file({"a": np.zeros(1, np.float32)}, path, metadata={"format": "lens-1", "config": '{"width": 3}'})
    assert WeightsHeader.read(path).config(Sizes, "lens-1", "a lens") == Sizes(3)
