"""The mirror image of a rendered crop: another person, in another pose, before the mirrored camera."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from metrichmsr_ros.body.joints import MIRROR_JOINTS, mirror_points
from metrichmsr_ros.data.rendering.crops.generator import RenderedCrop
from metrichmsr_ros.geometry.camera import Camera
from metrichmsr_ros.people.blazepose.landmarks import Roi
from metrichmsr_ros.types import Float64Array

_FLIP = np.diag([-1.0, 1.0, 1.0])
_ORDER = list(MIRROR_JOINTS)


def mirrored_crop(rendered: RenderedCrop) -> RenderedCrop:
    """Picture, camera, region and truth mirrored left to right; mirroring twice gives the same crop again."""
    camera, region = rendered.camera, rendered.region
    k = camera.intrinsics.copy()
    k[0, 2] = camera.width - 1 - k[0, 2]
    picture = np.ascontiguousarray(rendered.picture[:, ::-1])
    to_picture = _flip(picture.shape[1]) @ rendered.to_picture @ _flip(camera.width)
    centre = np.array([camera.width - 1 - region.centre[0], region.centre[1]])
    return replace(
        rendered,
        picture=picture,
        to_picture=to_picture,
        region=Roi(centre, region.size, -region.rotation),
        camera=Camera(camera.width, camera.height, k, "none", np.zeros(0), camera.source),
        rotations=_FLIP @ rendered.rotations[_ORDER] @ _FLIP,
        joints=mirror_points(rendered.joints),
        up=_FLIP @ rendered.up,
        seen=rendered.seen[_ORDER],
    )


def _flip(width: int) -> Float64Array:
    """(3, 3) px of an image `width` px wide to px of its mirror image."""
    return np.array([[-1.0, 0, width - 1], [0, 1, 0], [0, 0, 1]])
