"""The virtual camera of a crop, in which one number describes the perspective.

A crop of a calibrated image is a pinhole camera whose optical axis goes through the middle of the crop. In its axes,
with rays divided by the crop's half angle, the appearance of a person does not depend on the focal length or on the
position in the image, except through `half_angle`: rotating the camera about its centre or zooming changes nothing.
Predictions in these axes are rotated to the camera frame exactly, so the network need not learn the perspective.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch

from metrichmsr_ros.hmr.network.ray_map import crop_rotation, edge_rays, rays_at


@dataclass(frozen=True)
class CropCamera:
    """rotation: (B,3,3) R_cam_crop, crop axes to camera axes; half_angle: (B,) tangent of half the crop's extent."""

    rotation: torch.Tensor
    half_angle: torch.Tensor
    crop_intrinsics: torch.Tensor

    @classmethod
    def of(cls, crop_intrinsics: torch.Tensor, crop_size: tuple[int, int]) -> CropCamera:
        """The virtual camera of K' (B,3,3) for crops of `crop_size` (width, height)."""
        rotation = crop_rotation(crop_intrinsics, crop_size)
        edges = _project(edge_rays(crop_intrinsics, crop_size), rotation)
        extent = (edges[:, 1] - edges[:, 0]).norm(dim=-1) + (edges[:, 3] - edges[:, 2]).norm(dim=-1)
        return cls(rotation, extent / 4, crop_intrinsics)

    def rays(self, pixels: torch.Tensor) -> torch.Tensor:
        """Crop pixels (B,N,2) -> (B,N,2) tangents in the virtual camera over `half_angle`; the crop spans -1..1."""
        return _project(rays_at(self.crop_intrinsics, pixels), self.rotation) / self.half_angle[:, None, None]

    def to_camera(self, points: torch.Tensor) -> torch.Tensor:
        """Points (B,3) from the virtual camera's axes to the camera frame (same origin)."""
        return (self.rotation @ points[..., None])[..., 0]


def _project(rays: torch.Tensor, rotation: torch.Tensor) -> torch.Tensor:
    rotated = rays @ rotation  # R^T d for rows d
    return rotated[..., :2] / rotated[..., 2:].clamp_min(0.1)  # clamped beyond 84 degrees from the crop's axis
