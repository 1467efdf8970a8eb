"""The same people at many focal lengths: measures how metric scale depends on the lens.

Modelled on the paper's SynFocal, whose images are not public: the rendered people of the demo sequence, at the same
positions in the same poses, at horizontal fields of view of 30 to 110 degrees. Images are independent; no tracking.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from metrichmsr_ros.data.synthesis.walking_sequence import SequencePerson, WalkingSequence
from metrichmsr_ros.evaluation.benchmarks.motion import Motion
from metrichmsr_ros.evaluation.metrics.checks import MetricInputError
from metrichmsr_ros.evaluation.metrics.matching import TruePerson, appearance_distance
from metrichmsr_ros.evaluation.metrics.tracking import match_people
from metrichmsr_ros.pipeline.scene import OutputRequest, PersonEstimate

FIELDS_OF_VIEW_DEG = (30.0, 40.0, 50.0, 60.0, 70.0, 80.0, 95.0, 110.0)
MIN_VISIBLE = 0.9  # share of the body; people who are cut off by the image border are left out
SEQUENCE = "synfocal"
_LENGTH, _FPS = 120, 10.0
_PER_FIELD = 1000  # frame number = field number x 1000 + frame of the sequence


def focal_sweep(
    pipeline: Any,
    images_per_field: int = 8,
    fields_deg: Sequence[float] = FIELDS_OF_VIEW_DEG,
    size: tuple[int, int] = (640, 480),
    progress: Callable[[int, int], None] | None = None,
) -> tuple[list[Motion], list[Motion]]:
    """Render the images, run the pipeline on each, and return true and estimated motions.

    Args:
        pipeline: a `Pipeline`.
        images_per_field: images for each field of view, spread over the sequence.
        fields_deg: horizontal fields of view, degrees.
        size: width and height of the images, px.
        progress: called with images done and their total.

    Raises:
        MetricInputError: fewer than one image.
    """
    if images_per_field < 1:
        raise MetricInputError(f"images per field of view: {images_per_field}; give at least 1")
    truth: dict[str, list[tuple[int, float, SequencePerson]]] = {}
    estimates: dict[str, list[tuple[int, float, PersonEstimate]]] = {}
    numbers = np.linspace(0, _LENGTH - 1, images_per_field).round().astype(int)
    for field_number, field_deg in enumerate(fields_deg):
        sequence = WalkingSequence(_LENGTH, _FPS, size, float(np.radians(field_deg)))
        focal = float(sequence.camera.intrinsics[0, 0])
        for done, number in enumerate(numbers, 1):
            frame = sequence[int(number)]
            key = field_number * _PER_FIELD + int(number)
            people = [person for person in frame.people if person.visible_fraction >= MIN_VISIBLE]
            for person in people:
                truth.setdefault(person.id, []).append((key, focal, person))
            request = OutputRequest(vertices=False, depth=False)
            estimated = pipeline.estimate(frame.image, frame.camera, request=request).people
            cost = appearance_distance([TruePerson(p.id, p.joints_cam) for p in people], estimated)
            for row, column in match_people(cost, np.inf):
                estimates.setdefault(people[row].id, []).append((key, focal, estimated[column]))
            if progress:
                progress(field_number * len(numbers) + done, len(numbers) * len(fields_deg))
    return _motions(truth), _motions(estimates)


def _motions(rows: dict[str, list[tuple[int, float, Any]]]) -> list[Motion]:
    return [
        Motion(
            SEQUENCE,
            name,
            np.array([key for key, _, _ in seen], np.int64),
            {
                "joints": np.stack([person.joints_cam for _, _, person in seen]),
                "height": np.array([person.height for _, _, person in seen]),
                "focal": np.array([focal for _, focal, _ in seen]),
            },
        )
        for name, seen in sorted(rows.items())
    ]
