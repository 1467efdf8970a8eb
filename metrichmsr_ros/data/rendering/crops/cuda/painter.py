"""The painter that draws on a GPU; what is random, and what lens and sensor do, stays on the CPU."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from metrichmsr_ros.data.rendering.compiled.compilation import cuda_of_numba
from metrichmsr_ros.data.rendering.crops.cuda.batch import Batch
from metrichmsr_ros.data.rendering.crops.picture import CropSources, Drawing, Painter, PainterError, Sketch

_BLOCK = 128  # threads
_LANES = 32  # threads that share the pixels of a face
_FACES = _BLOCK // _LANES  # of a block


class CudaPainter(Painter):
    """Draws batches of sketches on the GPU; its drawings are those of `Painter` within rounding."""

    at_once = 16  # as many as a step of the generator has

    def __init__(self, sources: CropSources) -> None:
        """Raises `NotCompiledError` without numba's CUDA, and `PainterError` without a GPU."""
        super().__init__(sources)
        self._cuda = cuda_of_numba()
        if not self._cuda.is_available():
            raise PainterError(
                "crops are to be drawn on cuda, but numba finds no GPU: draw on cpu, or install the driver, and "
                "numba-cuda for its CUDA"
            )
        self._pictures_there = self._cuda.to_device(self._pictures)

    def draw(self, sketches: Sequence[Sketch]) -> list[Drawing]:
        """The drawings of sketches, drawn together."""
        if not sketches:
            return []
        batch = Batch.of(sketches)
        face, paper = self._drawn_batch(batch)
        return [
            Drawing(
                _part(paper, frame["first_paper"], (frame["paper_height"], frame["paper_width"], 3)),
                _part(face, frame["first_pixel"], (frame["height"], frame["width"])),
            )
            for frame in batch.frames
        ]

    def _drawn_batch(self, batch: Batch) -> tuple[np.ndarray, np.ndarray]:
        """Nearest face of each pixel of the z-buffers, and the pictures (P, 3)."""
        from metrichmsr_ros.data.rendering.crops.cuda import kernels

        cuda, count = self._cuda, len(batch.frames)
        frames, paper, texels = (cuda.to_device(array) for array in (batch.frames, batch.paper, batch.texels))
        surface = [cuda.to_device(array) for array in batch.surface]
        points, faces, vertices = surface[:3]

        def filled(targets: np.ndarray, corners: Any) -> Any:
            """The z-buffers of `targets` (N, 3) as numbers of depth and face."""
            pixels = int((targets[:, 1] * targets[:, 2]).sum())
            nearest = cuda.device_array(pixels, np.int64)
            kernels.clear[_grid([pixels])](nearest)
            grid = (-(-int(batch.frames["faces"].max()) // _FACES), count), (_LANES, _FACES)
            kernels.fill[grid](frames, cuda.to_device(targets), corners, faces, nearest)
            return nearest

        seen = cuda.device_array(vertices.shape, np.float32)
        kernels.look_from_lamps[_grid(batch.frames["vertices"])](
            frames, cuda.to_device(batch.shadow_maps), vertices, seen
        )
        nearest = filled(batch.shadow_maps, seen)
        depths = cuda.device_array(nearest.size, np.float32)
        kernels.read_depths[_grid([nearest.size])](nearest, depths)
        depths = depths.reshape(count, batch.map_side, batch.map_side)
        nearest = filled(batch.rasters, points)
        face = cuda.device_array(nearest.size, np.int32)
        layer = cuda.device_array((nearest.size, 3), np.float32)
        by_pixel = _grid(batch.frames["width"] * batch.frames["height"])
        kernels.shade[by_pixel](frames, nearest, depths, *surface, self._pictures_there, face, layer)
        grounds = batch.frames["ground_width"] * batch.frames["ground_height"]
        ground = cuda.device_array((int(grounds.sum()), 5), np.float32)
        kernels.trace[_grid(grounds)](frames, texels, depths, ground)
        by_picture = _grid(batch.frames["paper_width"] * batch.frames["paper_height"])
        kernels.compose[by_picture](frames, face, layer, ground, paper)
        return face.copy_to_host(), paper.copy_to_host()


def _grid(lengths: Sequence[int] | np.ndarray) -> tuple[tuple[int, int], int]:
    """Blocks, with a row of them for each of `lengths`, and the threads of a block."""
    return (-(-int(max(lengths)) // _BLOCK), len(lengths)), _BLOCK


def _part(values: np.ndarray, first: int, shape: tuple[int, ...]) -> np.ndarray:
    """The array of this shape that starts at row `first` of `values`."""
    rows = int(np.prod(shape[:2]))
    return values[first : first + rows].reshape(shape)
