"""A camera, and crops of its images anywhere, of any size and turn, for property tests."""

from __future__ import annotations

import numpy as np
from hypothesis import strategies as st

from metrichmsr_ros.geometry.camera import Camera
from metrichmsr_ros.geometry.crop import crop_matrix

CAMERA = Camera(640, 480, np.array([[610.0, 0, 315.2], [0, 605.0, 248.9], [0, 0, 1]]))
crops = st.builds(
    crop_matrix,
    centre=st.tuples(st.floats(-100, 740), st.floats(-100, 580)),
    size=st.floats(20, 1200),
    out_size=st.sampled_from([64, 224, 256, (192, 256)]),
    rotation=st.floats(-np.pi, np.pi),
)
