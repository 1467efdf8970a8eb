"""A network compiled, and ready at fixed batch sizes: one call of the host for all kernels on CUDA."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor

from metrichmsr_ros.acceleration.fixed_sizes import Columns, FixedSizes, recorder_of
from metrichmsr_ros.hmr.inputs import CropInputs
from metrichmsr_ros.hmr.network.batch import CropBatch
from metrichmsr_ros.hmr.network.crop_camera import CropCamera
from metrichmsr_ros.hmr.network.cutting import cut_on
from metrichmsr_ros.hmr.network.execution.packing import packed_estimate, packed_pixels
from metrichmsr_ros.hmr.network.mirroring import Mirror, estimate_as_seen, pixels_as_seen
from metrichmsr_ros.hmr.network.model import MetricHMR
from metrichmsr_ros.hmr.onnx_engine import PIXEL_INPUTS, inputs_of
from metrichmsr_ros.types import AnyArray


class CompiledNetwork:
    """The forwards of a network on one device, from views on the host to packed rows on the host.

    Args:
        model: the network, in evaluation mode, on `device`.
        device: torch device.
        backend: of torch's compiler.
    """

    def __init__(self, model: MetricHMR, device: torch.device, backend: str = "inductor") -> None:
        self._model, self._mirror = model, Mirror().to(device)
        compiled: Any = partial(torch.compile, fullgraph=True, dynamic=True, backend=backend)
        self._image, self._rays, self._decoded = compiled(model.image_encoder), compiled(model.rays), compiled(_decoded)
        self._mirrored, self._pixels = compiled(_mirrored), compiled(_pixels)
        has_two = device.type == "cuda" and not model.config.image_encoder.reads_landmarks
        self._side = torch.cuda.Stream(device) if has_two and model.ray_encoder is not None else None
        self._recorder = recorder_of(device)
        self._fixed: dict[tuple[str, tuple[int, int]], FixedSizes] = {}

    def plain(self, views: CropInputs) -> Tensor:
        """Packed estimates of N views, shown as they are."""
        return self._sizes("plain", self._estimate, views)(self._tensors(views))

    def mirrored(self, views: CropInputs, is_mirrored: AnyArray) -> Tensor:
        """Packed estimates of N views, some of them shown mirrored."""
        rows = self._tensors(views, is_mirrored)
        return self._sizes("mirrored", self._estimate_mirrored, views)(rows)

    def pixels(self, views: CropInputs, is_mirrored: AnyArray) -> Tensor:
        """Packed answers of the pixel branch for N views with maps."""
        rows = self._tensors(views, is_mirrored, PIXEL_INPUTS)
        return self._sizes("pixels", self._estimate_pixels, views)(rows)

    def warm_up(self, views: CropInputs) -> None:
        """Record the usual sizes for views like these, which are shown as they are, and for the pixel branch."""
        self._sizes("plain", self._estimate, views).warm_up(self._tensors(views))
        if self._model.pixel_position is not None:
            rows = self._tensors(views, np.zeros(len(views), np.bool_), PIXEL_INPUTS)
            self._sizes("pixels", self._estimate_pixels, views).warm_up(rows)

    @property
    def about(self) -> Mapping[str, str]:
        """Recordings made, and batches that they answered, by size."""
        recorded, replayed = Counter[int](), Counter[int]()
        for sizes in tuple(self._fixed.values()):  # another thread may add one
            recorded += sizes.recorded
            replayed += sizes.replayed
        return {"graph captures by size": _listed(recorded), "graph hits by size": _listed(replayed)}

    def _tensors(
        self, views: CropInputs, is_mirrored: AnyArray | None = None, names: tuple[str, ...] | None = None
    ) -> dict[str, Tensor]:
        """What the network, or the inputs `names`, read of the views: on the host, but for crops that the device cuts.

        Views that do not say so are by the lighter landmark network.
        """
        arrays: dict[str, AnyArray] = {"heavy": np.zeros(len(views), np.bool_)} | views.arrays()
        if is_mirrored is not None:
            arrays["is_mirrored"] = is_mirrored
        read = names or inputs_of(self._model.config)
        tensors = {name: torch.from_numpy(arrays[name]) for name in read if name in arrays}
        if views.uncut is not None:
            tensors["image"] = cut_on(self._recorder.device, views.uncut, views.crop_size)
        return tensors

    def _sizes(self, kind: str, forward: Callable[[tuple[int, int], Columns], Tensor], views: CropInputs) -> FixedSizes:
        key = kind, views.crop_size
        if key not in self._fixed:
            self._fixed[key] = FixedSizes(partial(forward, views.crop_size), self._recorder)
        return self._fixed[key]

    def _estimate(self, crop_size: tuple[int, int], tensors: Columns) -> Tensor:
        batch = CropBatch.reading(tensors, crop_size)
        if self._side is None:
            view, rays = self._rays(batch)
            packed: Tensor = self._decoded(self._model, self._image(batch), rays, view)
            return packed
        return self._on_two_streams(batch, self._side)

    def _on_two_streams(self, batch: CropBatch, side: torch.cuda.Stream) -> Tensor:
        """The two encoders do not need each other, and a few people do not fill a GPU."""
        here = torch.cuda.current_stream(side.device)
        side.wait_stream(here)
        with torch.cuda.stream(side):
            view, rays = self._rays(batch)
        image = self._image(batch)
        here.wait_stream(side)
        packed: Tensor = self._decoded(self._model, image, rays, view)
        return packed

    def _estimate_mirrored(self, crop_size: tuple[int, int], tensors: Columns) -> Tensor:
        batch = CropBatch.reading(tensors, crop_size)
        packed: Tensor = self._mirrored(self._model, self._mirror, batch, tensors["is_mirrored"])
        return packed

    def _estimate_pixels(self, crop_size: tuple[int, int], tensors: Columns) -> Tensor:
        batch = CropBatch.reading(tensors, crop_size)
        packed: Tensor = self._pixels(self._model, self._mirror, batch, tensors["is_mirrored"])
        return packed


def _decoded(model: MetricHMR, image: Tensor, rays: Tensor | None, view: CropCamera) -> Tensor:
    return packed_estimate(model.decoded(image, rays, view))


def _mirrored(model: MetricHMR, mirror: Mirror, batch: CropBatch, is_mirrored: Tensor) -> Tensor:
    return packed_estimate(estimate_as_seen(model, batch, is_mirrored, mirror))


def _pixels(model: MetricHMR, mirror: Mirror, batch: CropBatch, is_mirrored: Tensor) -> Tensor:
    assert model.pixel_position is not None
    return packed_pixels(pixels_as_seen(model.pixel_position, batch, is_mirrored, mirror))


def _listed(counts: Mapping[int, int]) -> str:
    return ", ".join(f"{size}: {count}" for size, count in sorted(counts.items())) or "none"
