"""Clothes as vertex colours: which part of the open body shows skin, hair, shirt, trousers or shoes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from metrichmsr_ros.body.open_body import OpenBody

Rgb = tuple[int, int, int]

_SHIRT = (3, 6, 9, 13, 14)  # spine and collars, by SMPL joint
_UPPER_ARMS = (16, 17)
_TROUSERS = (0, 1, 2, 4, 5)
_SHOES = (7, 8, 10, 11)
_HEAD = 15


@dataclass(frozen=True)
class Outfit:
    """Colours, RGB 0..255."""

    shirt: Rgb
    trousers: Rgb
    skin: Rgb
    hair: Rgb
    shoes: Rgb = (48, 44, 44)


def dress(body: OpenBody, outfit: Outfit) -> NDArray[np.float64]:
    """(V, 3) colours of the vertices of `body`: short sleeves, long trousers, shoes, hair."""
    part = body.weights.argmax(dim=1).numpy()
    rest = body.shaped(torch.zeros(1, 10))[0].numpy()
    colours = np.tile(np.array(outfit.skin, np.float64), (len(part), 1))
    colours[np.isin(part, _SHIRT)] = outfit.shirt
    sleeves = np.isin(part, _UPPER_ARMS)
    elbow_x = np.abs(rest[sleeves, 0]).max()
    colours[sleeves & (np.abs(rest[:, 0]) < 0.85 * elbow_x)] = outfit.shirt
    colours[np.isin(part, _TROUSERS)] = outfit.trousers
    colours[np.isin(part, _SHOES)] = outfit.shoes
    colours[_is_hair(rest, part == _HEAD)] = outfit.hair
    return colours


def _is_hair(rest: NDArray[np.float32], head: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """The crown and the back of the head."""
    low, high = rest[head].min(axis=0), rest[head].max(axis=0)
    up = (rest[:, 1] - low[1]) / (high[1] - low[1])
    front = (rest[:, 2] - low[2]) / (high[2] - low[2])
    mask: NDArray[np.bool_] = head & ((up > 0.86) | ((front < 0.45) & (up > 0.35)))
    return mask
