"""Both painters against the package's exact rasteriser and renderer on the same bodies, and against each other.

Machines without a GPU run the kernels of the GPU's painter in numba's simulator, on a few faces and pixels.
"""

from __future__ import annotations

import os
import subprocess
import sys

import cv2
import numpy as np
import pytest
from helpers.crop_people import dressed, view_of
from helpers.repository import ROOT, TESTS
from helpers.small_sketches import MAP_SIDE, drawings_in, small_sketches, small_sources

from metrichmsr_ros.data.rendering.bodies import render
from metrichmsr_ros.data.rendering.compiled import shading
from metrichmsr_ros.data.rendering.compiled.compilation import NotCompiledError, cuda_of_numba
from metrichmsr_ros.data.rendering.compiled.zbuffer import project
from metrichmsr_ros.data.rendering.crops.generator import CropMaker, painter_on
from metrichmsr_ros.data.rendering.crops.picture import Painter, PainterError, Sketch
from metrichmsr_ros.data.rendering.crops.window import Window
from metrichmsr_ros.data.rendering.lighting import random_light
from metrichmsr_ros.geometry.raster import rasterize

_NO_FEET = np.zeros((0, 2))
_SEEDS = (100, 101, 102, 103)
needs_gpu = pytest.mark.skipif(not cuda_of_numba().is_available(), reason="numba finds no GPU")


@pytest.fixture(scope="module", params=["cpu", pytest.param("cuda", marks=needs_gpu)])
def painter(request):
    return painter_on(request.param, small_sources())


@pytest.fixture(scope="module")
def people(painter):
    """A figure for the exact renderer and its sketch on black, for each seed; each painter gets sketches of its own."""
    found = []
    for seed in _SEEDS:
        rng = np.random.default_rng(seed)
        figure, mesh = dressed(rng)
        view, light = view_of(rng), random_light(rng)
        camera = view.camera
        window = Window(camera, -0.5, -0.5, camera.width, camera.height, 1.0, 1.0)
        points = project(mesh.vertices, view.rotation, view.eye, camera.intrinsics)
        black = np.zeros((camera.height, camera.width, 3), np.float32)
        found.append(
            (figure, Sketch(mesh, points, window, view, light, figure.vertices.mean(0), black, None, _NO_FEET))
        )
    return found


@pytest.fixture(scope="module")
def drawings(painter, people):
    return painter.draw([sketch for _, sketch in people])


def _near(mask):
    return cv2.dilate(mask.astype(np.uint8), np.ones((3, 3), np.uint8)) > 0


def test_silhouettes_equal_those_of_the_exact_rasteriser_within_a_pixel(people, drawings):
    for (_, sketch), drawing in zip(people, drawings, strict=True):
        mesh, view = sketch.mesh, sketch.view
        exact = rasterize(view.to_camera(mesh.vertices.astype(np.float64)), mesh.faces, view.camera, cull_back=True)
        covered = drawing.face >= 0
        assert covered.sum() > 500
        assert not (covered & ~_near(exact.covered)).any()
        assert not (exact.covered & ~_near(covered)).any()
        assert (covered != exact.covered).mean() < 1e-3


def test_pictures_equal_those_of_the_exact_renderer_within_noise(people, drawings):
    for (figure, sketch), drawing in zip(people, drawings, strict=True):
        black = np.zeros_like(sketch.paper)
        expected, exact = render([figure], [], black, sketch.view, sketch.light, floor=False)
        found = cv2.GaussianBlur(drawing.picture, (3, 3), 0.55)  # as the exact renderer softens edges
        inside = cv2.erode((exact.covered & (drawing.face >= 0)).astype(np.uint8), np.ones((5, 5), np.uint8)) > 0
        assert inside.sum() > 300
        difference = np.abs(found - expected).max(2)[inside]
        assert np.median(difference) < 0.01
        assert (difference < 0.05).mean() > 0.88  # the rest: edges of shadows, whose maps differ, and strands of hair


def _assert_same(found, expected, share=1e-3):
    """Drawings of one sketch by two painters: rounding may move pixels between faces that meet in them."""
    assert ((found.face >= 0) != (expected.face >= 0)).mean() < share
    assert (found.face != expected.face).mean() < share
    assert found.picture.shape == expected.picture.shape
    assert (np.abs(found.picture - expected.picture).max(2) > 1e-3).mean() < 10 * share


def test_kernels_draw_in_the_simulator_what_the_cpu_draws(tmp_path, monkeypatch):
    monkeypatch.setattr(shading, "MAP_SIDE", MAP_SIDE)
    out = tmp_path / "drawings.npz"
    simulated = {"NUMBA_ENABLE_CUDASIM": "1", "NUMBA_DISABLE_JIT": "1"}
    path = os.pathsep.join(map(str, (TESTS, ROOT)))
    command = [sys.executable, "-m", "helpers.small_sketches", str(out)]
    subprocess.run(command, cwd=ROOT, env=os.environ | simulated | {"PYTHONPATH": path}, check=True)
    for found, expected in zip(drawings_in(out), Painter(small_sources()).draw(small_sketches()), strict=True):
        assert 0.05 < (expected.face >= 0).mean() < 0.5
        _assert_same(found, expected)


@needs_gpu
def test_both_painters_draw_the_same_of_the_same_sketches():
    drawn = [painter_on(device, small_sources()).draw(small_sketches()) for device in ("cuda", "cpu")]
    for found, expected in zip(*drawn, strict=True):
        _assert_same(found, expected)


@needs_gpu
def test_both_back_ends_make_the_same_crops():
    makers = [CropMaker(small_sources(), device=device) for device in ("cpu", "cuda")]
    pairs = [pair for step in range(2) for pair in zip(*(maker.make(0, step) for maker in makers), strict=True)]
    assert len(pairs) > 20
    for expected, found in pairs:
        assert np.array_equal(found.joints, expected.joints)
        assert found.region == expected.region or np.array_equal(found.region.centre, expected.region.centre)
        assert (found.number, found.video, found.framing) == (expected.number, expected.video, expected.framing)
        assert found.share == pytest.approx(expected.share, abs=0.01)
        assert (found.seen != expected.seen).sum() <= 1
        difference = np.abs(found.picture.astype(int) - expected.picture)
        assert difference.mean() < 0.3
        assert (difference > 8).mean() < 0.01


def test_a_device_that_is_not_there_is_named(monkeypatch):
    with pytest.raises(PainterError, match=r"'tpu': choose cpu or cuda"):
        painter_on("tpu", small_sources())
    monkeypatch.setattr(cuda_of_numba(), "is_available", lambda: False)
    with pytest.raises(PainterError, match="numba finds no GPU: draw on cpu"):
        painter_on("cuda", small_sources())
    monkeypatch.setitem(sys.modules, "numba", None)
    with pytest.raises(NotCompiledError, match=r"pip install 'metrichmsr_ros\[crops-gpu\]'"):
        painter_on("cuda", small_sources())
