"""The bounding camera ray map: for every crop pixel the direction d = K'^-1 [u, v, 1]^T in the camera frame.

Not normalised (z = 1), as in the paper. NumPy arrays give NumPy arrays, tensors give tensors on the same device.
"""

from __future__ import annotations

from typing import Any, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray

ArrayOrTensor = TypeVar("ArrayOrTensor", NDArray[Any], torch.Tensor)


def ray_map(intrinsics: ArrayOrTensor, height: int, width: int) -> ArrayOrTensor:
    """Ray map (..., 3, H, W) float32 of a crop with `intrinsics` K' (..., 3, 3)."""
    inverse = inverted(_float64(intrinsics))
    u = torch.arange(width, dtype=torch.float64, device=inverse.device)
    v = torch.arange(height, dtype=torch.float64, device=inverse.device)
    # K'^-1 [u, v, 1] is a sum of one column, one row and one constant: no (H, W, 3) product is needed.
    along_u = inverse[..., :, 0, None, None] * u
    along_v = inverse[..., :, 1, None, None] * v[:, None]
    return _like(intrinsics, (along_u + along_v + inverse[..., :, 2, None, None]).float())


def rays_at(intrinsics: ArrayOrTensor, pixels: ArrayOrTensor) -> ArrayOrTensor:
    """Rays (..., N, 3) float32 through crop `pixels` (..., N, 2) of a crop with `intrinsics` K' (..., 3, 3)."""
    inverse, (u, v) = inverted(_float64(intrinsics))[..., None, :, :], _float64(pixels)[..., None].unbind(-2)
    rays = u * inverse[..., 0] + v * inverse[..., 1] + inverse[..., 2]
    return _like(intrinsics, rays.float())


def crop_rotation(intrinsics: ArrayOrTensor, out_size: tuple[int, int]) -> ArrayOrTensor:
    """Rotation R_cam_crop (..., 3, 3) from the crop's virtual camera to the camera frame, float32 for torch.

    The virtual camera looks through the middle of the crop (`out_size` = (width, height)); its x axis follows the
    crop's u direction, made orthogonal; y completes the right-handed frame. A direction in crop axes is
    R_cam_crop @ direction in the camera frame.
    """
    inverse = inverted(_float64(intrinsics))
    z = torch.nn.functional.normalize(_middle_ray(inverse, out_size), dim=-1)
    along_u = inverse[..., :, 0]
    x = torch.nn.functional.normalize(along_u - (along_u * z).sum(-1, keepdim=True) * z, dim=-1)
    y = torch.linalg.cross(z, x, dim=-1)
    rotation = torch.stack([x, y, z], dim=-1)
    return _like(intrinsics, rotation if isinstance(intrinsics, np.ndarray) else rotation.float())


def edge_rays(intrinsics: torch.Tensor, out_size: tuple[int, int]) -> torch.Tensor:
    """Rays (..., 4, 3) float32 through the middles of the left, right, upper and lower edge of a crop."""
    inverse = inverted(intrinsics.double())
    middle, half = _middle_ray(inverse, out_size), (out_size[0] / 2, out_size[1] / 2)
    across, down = half[0] * inverse[..., :, 0], half[1] * inverse[..., :, 1]
    return torch.stack([middle - across, middle + across, middle - down, middle + down], dim=-2).float()


def _middle_ray(inverse: torch.Tensor, out_size: tuple[int, int]) -> torch.Tensor:
    """(..., 3): a sum of columns, because a vector of numbers would be a tensor of the host."""
    u, v = (out_size[0] - 1) / 2, (out_size[1] - 1) / 2
    return u * inverse[..., :, 0] + v * inverse[..., :, 1] + inverse[..., :, 2]


def inverted(matrices: torch.Tensor) -> torch.Tensor:
    """Inverses of regular matrices (..., 3, 3), in products and sums alone, which ONNX has."""
    first, second, third = matrices.unbind(-2)
    crosses = [torch.linalg.cross(second, third), torch.linalg.cross(third, first), torch.linalg.cross(first, second)]
    determinant = (first * crosses[0]).sum(-1)
    return torch.stack(crosses, dim=-1) / determinant[..., None, None]


def _float64(values: NDArray[Any] | torch.Tensor) -> torch.Tensor:
    if isinstance(values, np.ndarray):
        return torch.from_numpy(np.array(values, np.float64))  # a copy, because a Camera's arrays are read-only
    return values.double()


def _like(reference: ArrayOrTensor, result: torch.Tensor) -> ArrayOrTensor:
    return result.cpu().numpy() if isinstance(reference, np.ndarray) else result
