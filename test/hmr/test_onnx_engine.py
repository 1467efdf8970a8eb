"""The shipped graphs give what torch gives, on rendered crops and on a photograph."""

from __future__ import annotations

import shutil

import numpy as np
import pytest
import torch
from helpers.fetched_networks import skip_without_blazepose
from helpers.small_networks import model_of

from metrichmsr_ros.assets import asset_path, file_sha256
from metrichmsr_ros.export.files import export
from metrichmsr_ros.hmr.network.batch import CropBatch
from metrichmsr_ros.hmr.network.checkpoint import load_model, save_model
from metrichmsr_ros.hmr.network.mirroring import Mirror, estimate_as_seen, pixels_as_seen
from metrichmsr_ros.hmr.onnx_engine import OUTPUTS, PIXEL_OUTPUTS, OnnxEngine

skip_without_blazepose()

from helpers.rendered_views import photographed_views, rendered_views  # noqa: E402  of the real landmark network

SHIPPED = "embedded.safetensors"
SAME = {"rtol": 0, "atol": 1e-4}  # metres, entries of rotation matrices, betas


@pytest.fixture(scope="module")
def model():
    return load_model("embedded")


@pytest.fixture(scope="module")
def engine():
    return OnnxEngine(asset_path(SHIPPED))


@pytest.fixture(scope="module", params=["rendered", "photographed"])
def views(request):
    return rendered_views() if request.param == "rendered" else photographed_views()


def every_other(views):
    return np.arange(len(views)) % 2 == 1


def test_the_test_has_a_hundred_rendered_people():
    assert len(rendered_views()) == 100
    assert len(photographed_views()) == 10


@torch.inference_mode()
def test_pose_shape_and_position_equal_torch(model, engine, views):
    found = engine(views, every_other(views))
    expected = estimate_as_seen(model, CropBatch.of(views), torch.from_numpy(every_other(views)), Mirror())
    for name in OUTPUTS:
        np.testing.assert_allclose(getattr(found, name), getattr(expected, name).numpy(), **SAME)
    assert found.rotmats.dtype == np.float32


@torch.inference_mode()
def test_what_pixels_say_equals_torch(model, engine, views):
    found = engine.from_pixels(views, every_other(views))
    expected = pixels_as_seen(model.pixel_position, CropBatch.of(views), torch.from_numpy(every_other(views)), Mirror())
    for name in PIXEL_OUTPUTS:
        np.testing.assert_allclose(getattr(found, name), getattr(expected, name).numpy(), **SAME)


def test_people_do_not_depend_on_their_neighbours(engine, views):
    together = engine(views, every_other(views))
    for row in (0, 1, len(views) - 1):
        alone = engine(views.select(np.array([row])), every_other(views)[[row]])
        np.testing.assert_allclose(alone.transl[0], together.transl[row], **SAME)
        np.testing.assert_allclose(alone.rotmats[0], together.rotmats[row], **SAME)


@torch.inference_mode()
def test_views_of_the_heavy_network_have_weights_of_their_own(model, engine):
    views = photographed_views()
    heavy = CropBatch.of(views).with_tensors({"heavy": torch.ones(len(views), dtype=torch.bool)})
    expected = estimate_as_seen(model, heavy, torch.zeros(len(views), dtype=torch.bool), Mirror())
    said = type(views)(**(views.arrays() | {"heavy": np.ones(len(views), bool)}), crop_size=views.crop_size)
    found = engine(said, np.zeros(len(views), bool))
    np.testing.assert_allclose(found.transl, expected.transl.numpy(), **SAME)
    assert np.abs(found.transl - engine(views, np.zeros(len(views), bool)).transl).max() > 0.01


def test_threads_change_nothing(engine, views):
    two = OnnxEngine(asset_path(SHIPPED), num_threads=2)
    here, there = (found(views, every_other(views)) for found in (engine, two))
    for name in OUTPUTS:
        np.testing.assert_allclose(getattr(here, name), getattr(there, name), rtol=0, atol=1e-5)


def test_the_engine_knows_its_weights(engine):
    assert engine.config.preset == "embedded"
    assert engine.weights_sha256 == file_sha256(asset_path(SHIPPED))


def test_graphs_are_read_from_a_folder_that_cannot_be_written(tmp_path, views, engine):
    folder = tmp_path / "räad only"
    folder.mkdir()
    for name in (SHIPPED, "embedded.onnx", "embedded_pixels.onnx"):
        shutil.copyfile(asset_path(name), folder / name)
        (folder / name).chmod(0o444)
    folder.chmod(0o555)
    try:
        found = OnnxEngine(folder / SHIPPED)(views, every_other(views))
    finally:
        folder.chmod(0o755)
    np.testing.assert_array_equal(found.transl, engine(views, every_other(views)).transl)


def test_graphs_are_found_through_links(tmp_path, views, engine):
    for name in (SHIPPED, "embedded.onnx", "embedded_pixels.onnx"):
        (tmp_path / name).symlink_to(asset_path(name))
    found = OnnxEngine(tmp_path / SHIPPED)(views, every_other(views))
    np.testing.assert_array_equal(found.transl, engine(views, every_other(views)).transl)


def test_weights_without_the_heavy_network_reject_its_views(tmp_path):
    path = tmp_path / "light.safetensors"
    save_model(path, model_of())
    export(path)
    views, engine = photographed_views(), OnnxEngine(path)
    assert np.isfinite(engine(views, every_other(views)).transl).all()
    heavy = type(views)(**(views.arrays() | {"heavy": np.ones(len(views), bool)}), crop_size=views.crop_size)
    with pytest.raises(ValueError, match="not trained on the heavy landmark network"):
        engine(heavy, every_other(views))
    with pytest.raises(ValueError, match="no pixel branch"):
        engine.from_pixels(views, every_other(views))
