"""MediaPipe's own tracker of one person (legacy Pose, complexity 1, video) behind `frame_pipe`.

Run by `python -m benchmarks.speed --peer-python PATH` with a Python that has the wheel `mediapipe`, and NumPy, alone.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from benchmarks.speed.frame_pipe import Track, serve


def load() -> Track:
    import mediapipe

    pose = mediapipe.solutions.pose.Pose(model_complexity=1)

    def track(image: np.ndarray, stamp_s: float) -> dict[str, Any]:
        found = pose.process(image)
        return {"people": int(found.pose_landmarks is not None)}

    return track


if __name__ == "__main__":
    serve(load)
