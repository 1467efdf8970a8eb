"""Graphs are exported as shipped, of networks of every kind over landmarks, and fit no other weights."""

from __future__ import annotations

import hashlib
import re
import shutil
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from helpers.small_networks import TINY_MOE, TINY_VITPOSE, model_of

from metrichmsr_ros.assets import asset_path
from metrichmsr_ros.config import build
from metrichmsr_ros.depth.calibration.network import Refiner
from metrichmsr_ros.depth.calibration.refiner import RefinerConfig
from metrichmsr_ros.depth.calibration.weights import save_refiner
from metrichmsr_ros.export.files import LARGEST_DIFFERENCE, Exported, ExportError, export, write_graph
from metrichmsr_ros.export.people import random_crops
from metrichmsr_ros.export.sources import network_sources
from metrichmsr_ros.hmr.config import ModelConfig
from metrichmsr_ros.hmr.network.checkpoint import load_torch_engine, save_model
from metrichmsr_ros.hmr.network.model import MetricHMR
from metrichmsr_ros.hmr.onnx_engine import OnnxEngine
from metrichmsr_ros.pipeline.engines import load_engine
from metrichmsr_ros.runtime.graph_file import GraphFileError
from metrichmsr_ros.runtime.weights_file import WeightsFileError, WeightsHeader

HEADS = {
    "paper": {"translation": "direct", "orientation_frame": "camera"},
    "vitpose-b": {"translation": "crop_ray", "orientation_frame": "crop"},
}
SHIPPED = ("embedded.onnx", "embedded_pixels.onnx", "refiner.onnx", "body.onnx")


@pytest.fixture(scope="module")
def exported(tmp_path_factory) -> list[Exported]:
    return export("embedded", tmp_path_factory.mktemp("a folder"))


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_a_preset_has_all_graphs(exported):
    assert tuple(graph.path.name for graph in exported) == SHIPPED


def test_the_graphs_equal_torch(exported):
    names = [set(graph.differences) for graph in exported]
    assert names[0] == {"rotmats", "betas", "transl", "transl_deviation"}
    assert names[1] == {"transl", "log_deviation", "betas"}
    assert names[3] == {"vertices", "joints", "height"}
    assert all(worst <= LARGEST_DIFFERENCE for graph in exported for worst in graph.differences.values())


@pytest.mark.parametrize("name", SHIPPED)
def test_the_shipped_graphs_are_of_the_shipped_weights(exported, name):
    made = next(graph.path for graph in exported if graph.path.name == name)
    assert sha256(made) == sha256(asset_path(name)), "run `metrichmsr export embedded` and commit the graphs"


def test_graphs_have_no_weights_and_no_paths(exported):
    for graph in exported:
        content = graph.path.read_bytes()
        assert len(content) < 150_000
        assert not re.search(rb"\.py|site-packages|/home|/tmp", content)


def weights_of(model: MetricHMR, folder: Path) -> Path:
    path = folder / "small.safetensors"
    save_model(path, model)
    return path


def tiny_refiner(folder: Path) -> Path:
    path = folder / "own.safetensors"
    save_refiner(path, Refiner(RefinerConfig(width=32, height=24, channels=(4, 8, 8), dim=16, layers=1, heads=2)))
    return path


def test_a_pixel_branch_by_human_moe_is_exported(tmp_path):
    branch = {"mixer": "human_moe", "moe": TINY_MOE}
    model = model_of(image_encoder={"kind": "blazepose_pixels", "reads_heavy": True}, pixel_position=branch)
    sources = network_sources(WeightsHeader.read(weights_of(model, tmp_path)))
    found = write_graph(sources["pixels"], tmp_path / "small_pixels.onnx")
    assert max(found.differences.values()) <= LARGEST_DIFFERENCE


def test_a_refiner_is_exported_by_its_path(tmp_path):
    assert [graph.path for graph in export(tiny_refiner(tmp_path))] == [tmp_path / "own.onnx"]


def test_a_graph_that_differs_from_torch_is_an_error(tmp_path, monkeypatch):
    monkeypatch.setattr("metrichmsr_ros.export.files.LARGEST_DIFFERENCE", -1.0)
    with pytest.raises(ExportError, match=r"own\.onnx: its deviations differs from torch by"):
        export(tiny_refiner(tmp_path))


def float64_in(graph: Path) -> list[str]:
    """Where an ONNX graph has float64."""
    graph_def = onnx.shape_inference.infer_shapes(onnx.load(graph, load_external_data=False)).graph
    values = [*graph_def.input, *graph_def.output, *graph_def.value_info]
    found = [value.name for value in values if value.type.tensor_type.elem_type == onnx.TensorProto.DOUBLE]
    return found + [t.name for t in graph_def.initializer if t.data_type == onnx.TensorProto.DOUBLE]


@pytest.mark.parametrize("head", HEADS)
def test_a_network_over_pixels_is_exported_and_runs_in_onnx_runtime(head, tmp_path):
    """The graph equals torch for other numbers of people than the exporter saw, and TensorRT can read its types."""
    pytest.importorskip("transformers")
    torch.manual_seed(0)
    model = MetricHMR(build(ModelConfig, TINY_VITPOSE | {"head": {"hidden": 16} | HEADS[head]})).eval()
    path = weights_of(model, tmp_path)
    (found,) = export(path)
    assert found.path == tmp_path / "small.onnx"
    assert set(found.differences) == {"rotmats", "betas", "transl", "transl_deviation"}
    assert float64_in(found.path) == []
    assert onnx.load(found.path, load_external_data=False).opset_import[0].version == 18
    engine = load_engine(path)
    assert isinstance(engine, OnnxEngine)
    for count in (1, 5):
        views, flags = random_crops(count, (48, 64), seed=1), np.arange(count) % 2 == 1
        ours, theirs = engine(views, flags), load_torch_engine(path)(views, flags)
        np.testing.assert_allclose(ours.transl, theirs.transl, atol=1e-4)
        np.testing.assert_allclose(ours.rotmats, theirs.rotmats, atol=1e-4)


def test_what_is_no_weights_file_is_named(tmp_path):
    path = tmp_path / "text.safetensors"
    path.write_text("not weights")
    with pytest.raises(WeightsFileError, match=r"text\.safetensors"):
        export(path)


@pytest.fixture
def copies(exported, tmp_path) -> Path:
    """The graphs and their weights, to be spoilt; path of the weights."""
    for path in exported[0].path.parent.iterdir():
        shutil.copyfile(path, tmp_path / path.name)
    return tmp_path / "embedded.safetensors"


def test_a_missing_graph_names_the_command(copies):
    (copies.parent / "embedded_pixels.onnx").unlink()
    with pytest.raises(GraphFileError, match=r"no graph embedded_pixels\.onnx.*`metrichmsr export .*embedded\.safeten"):
        OnnxEngine(copies)


def test_a_graph_of_other_weights_names_the_command(copies):
    save_model(copies, model_of(image_encoder={"kind": "blazepose_pixels", "reads_heavy": True}))
    with pytest.raises(GraphFileError, match=r"other weights.*`metrichmsr export "):
        OnnxEngine(copies)


def test_a_damaged_graph_names_the_command(copies):
    graph = copies.parent / "embedded.onnx"
    graph.write_bytes(graph.read_bytes()[:1000])
    with pytest.raises(GraphFileError, match="`metrichmsr export "):
        OnnxEngine(copies)


def test_weights_that_are_cut_off_are_named(copies):
    copies.write_bytes(copies.read_bytes()[:100_000])
    with pytest.raises(WeightsFileError, match="cut off"):
        OnnxEngine(copies)
