"""CropBatch: the network inputs of a batch of people as tensors."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch

from metrichmsr_ros.hmr.inputs import NUM_LANDMARKS, CropInputs
from metrichmsr_ros.hmr.network.cutting import cut_on


@dataclass(frozen=True)
class CropBatch:
    """B people, each with its crop: the fields of `CropInputs` as tensors."""

    landmarks: torch.Tensor
    visibility: torch.Tensor
    presence: torch.Tensor
    world: torch.Tensor
    crop_intrinsics: torch.Tensor
    intrinsics: torch.Tensor
    image_size: torch.Tensor
    bbox: torch.Tensor
    crop_size: tuple[int, int]
    image: torch.Tensor | None = None
    heavy: torch.Tensor | None = None
    trunk_maps: torch.Tensor | None = None
    decoder_maps: torch.Tensor | None = None

    @classmethod
    def of(cls, inputs: CropInputs, device: torch.device | str = "cpu") -> CropBatch:
        """The same people as tensors on `device`, which cuts crops that are uncut."""
        tensors: dict[str, Any] = {name: torch.from_numpy(v).to(device) for name, v in inputs.arrays().items()}
        if inputs.uncut is not None:
            tensors["image"] = cut_on(device, inputs.uncut, inputs.crop_size)
        return cls(**tensors, crop_size=inputs.crop_size)

    @classmethod
    def reading(cls, tensors: Mapping[str, torch.Tensor], crop_size: tuple[int, int]) -> CropBatch:
        """A batch of what a network reads (`onnx_engine.inputs_of`), with any numbers for the rest."""
        fields: dict[str, Any] = {name: value for name, value in tensors.items() if name != "is_mirrored"}
        if "landmarks" not in fields:
            points = tensors["image_size"][:, :1, None].expand(-1, NUM_LANDMARKS, 3)
            fields |= {"landmarks": points, "world": points, "visibility": points[..., 0], "presence": points[..., 0]}
        fields["bbox"] = fields["landmarks"][:, :2, :2].flatten(1)  # which no network reads
        return cls(**fields, crop_size=crop_size)

    def inputs(self) -> CropInputs:
        """The same people as arrays."""
        arrays: dict[str, Any] = {name: value.cpu().numpy() for name, value in self.tensors().items()}
        return CropInputs(**arrays, crop_size=self.crop_size)

    def __len__(self) -> int:
        """Number of people."""
        return len(self.crop_intrinsics)

    def tensors(self) -> dict[str, torch.Tensor]:
        """The tensor fields by name, without those that are None."""
        fields = {f.name: getattr(self, f.name) for f in dataclasses.fields(self)}
        return {name: value for name, value in fields.items() if isinstance(value, torch.Tensor)}

    def with_tensors(self, tensors: Mapping[str, torch.Tensor]) -> CropBatch:
        """The same batch with some tensor fields replaced."""
        changes: dict[str, Any] = dict(tensors)
        return dataclasses.replace(self, **changes)

    def to(self, device: torch.device | str) -> CropBatch:
        """The same batch on `device`."""
        return self.with_tensors({k: v.to(device) for k, v in self.tensors().items()})

    def where(self, which: torch.Tensor, otherwise: CropBatch) -> CropBatch:
        """These people where `which` (B,) bool is true, those of `otherwise` elsewhere."""
        both = {k: (self.tensors()[k], v) for k, v in otherwise.tensors().items()}
        changed = {k: choose(which, yes, no) for k, (yes, no) in both.items() if yes is not no}
        return otherwise.with_tensors(changed)

    def joined(self, others: CropBatch) -> CropBatch:
        """These people followed by those of `others`; tensors that one of the two lacks are left out."""
        added = others.tensors()
        joint = {k: torch.cat([v, added[k]]) if k in added else None for k, v in self.tensors().items()}
        return dataclasses.replace(self, **joint)  # type: ignore[arg-type]

    def select(self, index: torch.Tensor) -> CropBatch:
        """The people at `index` (int or bool tensor), in that order."""
        return self.with_tensors({k: v[index] for k, v in self.tensors().items()})


def choose(which: torch.Tensor, yes: torch.Tensor, no: torch.Tensor) -> torch.Tensor:
    """(B, ...): the rows of `yes` where `which` (B,) bool is true, else those of `no`."""
    return torch.where(which.view(-1, *[1] * (no.ndim - 1)), yes, no)
