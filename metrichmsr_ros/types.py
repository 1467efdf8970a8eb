"""Array types that many modules share."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

AnyArray = NDArray[Any]
Float32Array = NDArray[np.float32]
Float64Array = NDArray[np.float64]
FloatingArray = NDArray[np.floating]  # float32 or float64
IndexArray = NDArray[np.integer[Any]]
ImageArray = NDArray[np.uint8]  # (H, W, 3) RGB
Triple = tuple[float, float, float]
