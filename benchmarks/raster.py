"""Run time of the z-buffer: `OMP_NUM_THREADS=1 python -m benchmarks.raster [--repeat 200]`.

Draws the open bodies in their rest pose, and an ellipsoid with 13,120 faces (SMPL has 13,776) and a body's proportions.
They fill the height of a 640x480 image, or are five times as far away; with and without culling.
"""

from __future__ import annotations

import argparse
import platform
import time

import numpy as np
import torch
from numpy.typing import NDArray

from metrichmsr_ros.body.load import load_body
from metrichmsr_ros.geometry.camera import Camera
from metrichmsr_ros.geometry.raster import rasterize

Mesh = tuple[NDArray[np.float64], NDArray[np.int64]]


def open_body(spec: str) -> Mesh:
    """Rest pose, upright and facing the camera, centred at the origin."""
    body = load_body(spec)
    with torch.inference_mode():
        vertices = body(torch.zeros(1, 10), torch.zeros(1, 72), torch.zeros(1, 3)).vertices[0].double().numpy()
    vertices = vertices * (1, -1, -1)
    return vertices - (vertices.min(0) + vertices.max(0)) / 2, body.faces.numpy()


def ellipsoid(rings: int = 80, sectors: int = 82) -> Mesh:
    """Ellipsoid 0.9 m wide, 1.8 m tall, 0.6 m deep; faces in random order, like those of a mesh."""
    polar, turn = np.linspace(0, np.pi, rings + 1)[:, None], np.linspace(0, 2 * np.pi, sectors, endpoint=False)
    sphere = np.stack(
        np.broadcast_arrays(np.sin(polar) * np.cos(turn), np.cos(polar), np.sin(polar) * np.sin(turn)), -1
    )
    i, j = (index.ravel() for index in np.meshgrid(np.arange(rings), np.arange(sectors), indexing="ij"))
    a, b = i * sectors + j, i * sectors + (j + 1) % sectors
    c, d = a + sectors, b + sectors
    faces = np.concatenate([np.stack([a, b, c], 1), np.stack([b, d, c], 1)])
    return sphere.reshape(-1, 3) * (0.45, 0.9, 0.3), np.random.default_rng(0).permutation(faces)


def measure(mesh: Mesh, camera: Camera, cull_back: bool, repeat: int) -> tuple[float, float, int]:
    """Minimum and median milliseconds, and the number of covered pixels."""
    seconds = []
    for _ in range(repeat):
        start = time.perf_counter()
        raster = rasterize(*mesh, camera, cull_back)
        seconds.append(time.perf_counter() - start)
    return 1e3 * min(seconds), 1e3 * float(np.median(seconds)), int(raster.covered.sum())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeat", type=int, default=200)
    repeat = parser.parse_args().repeat
    print(f"{platform.processor() or platform.machine()}, Python {platform.python_version()}, NumPy {np.__version__}")
    print(f"{'mesh':12} {'faces':>6} {'metres':>6} {'pixels':>7} {'culled':>6} {'min ms':>7} {'median ms':>9}")
    camera = Camera.from_fov(640, 480, 1.0)
    for name, mesh in (
        ("open_light", open_body("open_light")),
        ("ellipsoid", ellipsoid()),
        ("open", open_body("open")),
    ):
        height = np.ptp(mesh[0][:, 1])
        for distance in (camera.intrinsics[1, 1] * height / 460 + 0.2) * np.array([1.0, 5.0]):
            placed = mesh[0] + (0, 0, distance), mesh[1]
            for cull_back in (False, True):
                least, median, pixels = measure(placed, camera, cull_back, repeat)
                print(
                    f"{name:12} {len(mesh[1]):6d} {distance:6.1f} {pixels:7d} {'yes' if cull_back else 'no':>6}"
                    f" {least:7.2f} {median:9.2f}"
                )


if __name__ == "__main__":
    main()
