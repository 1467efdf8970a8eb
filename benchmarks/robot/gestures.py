"""Gestures of rendered people: precision and recall of raised hands, waving and pointing, and where people point.

    python -m benchmarks.robot gestures

Two random people at a time stand or walk 1.5 to 8 m before the camera, seen from the front, the side or the back. Three
in five of their acts are gestures; the others are hands at the head, telephones, crossed arms, hands on hips, carrying,
reaching, talking with the hands. People point so that they see the fingertip on the target. An arm of a person at one
moment is one case; it does not count around the begin and the end of a gesture (`gesture_scores.py`), nor while it
makes a gesture that the image does not show. The network over arms was trained on other people, who are drawn in the
same way, and on pictures of another renderer. Limits of waves were chosen on the scenes 0 to 439.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from functools import cache
from multiprocessing import get_context

import numpy as np
from rich.console import Console
from rich.progress import track
from rich.table import Table

from benchmarks.robot.gesture_scenes import Moment, moments
from benchmarks.robot.gesture_scores import (
    BEGINS_S,
    ENDS_S,
    LINES,
    NAMES,
    delays,
    direction_errors,
    precision_recall,
    verdicts,
)
from metrichmsr_ros.data.synthesis.acts.scenes import VIEWS
from metrichmsr_ros.pipeline.pipeline import Pipeline

SCENES = tuple(range(500, 560))
_DISTANCES = ((1.5, 2.5), (2.5, 4.0), (4.0, 6.0), (6.0, 9.0))
PARTS: dict[str, Callable[[Moment], bool]] = {
    **{f"seen from the {view}": lambda moment, view=view: moment.view == view for view in VIEWS},  # type: ignore[misc]
    "walking": lambda moment: moment.is_walking,
    **{
        f"{near} to {far} m": lambda moment, near=near, far=far: near <= moment.distance < far  # type: ignore[misc]
        for near, far in _DISTANCES
    },
}
"""Kinds of moments by name."""


def tables() -> list[Table]:
    """Gestures, recall by view and distance, and directions."""
    with ProcessPoolExecutor(os.cpu_count(), mp_context=get_context("spawn")) as pool:
        scenes = pool.map(_seen, SCENES)
        parts = list(track(scenes, "gestures", total=len(SCENES), console=Console(stderr=True)))
    seen = [moment for part in parts for moment in part]
    return [gesture_table(seen), part_table(seen), direction_table(seen)]


def _seen(scene: int) -> list[Moment]:
    """The moments of a scene, in a process of its own."""
    return [_light(moment) for moment in moments(_pipeline(), scene)]


@cache
def _pipeline() -> Pipeline:
    return Pipeline.from_preset("embedded", test_time_augmentation="none", num_threads=1)


def gesture_table(seen: Sequence[Moment]) -> Table:
    """Precision, recall, F1 and delay of each gesture."""
    title = f"gestures of {len({(m.scene, m.walker) for m in seen})} people, {len(seen)} moments of a person"
    numbers = "precision", "recall", "F1", "true cases"
    columns = "gesture", *numbers, "begins after, median s", "left out after begin, end"
    table = Table(*columns, title=title)
    for kind, name in NAMES.items():
        found = verdicts(seen, kind)
        scores = [f"{value:.3f}" for value in precision_recall(found)]
        late = f"{np.median(delays(seen, kind) or [np.nan]):.2f}"
        left_out = f"{BEGINS_S[kind]} s, {ENDS_S[kind]} s"
        table.add_row(name, *scores, str(sum(one.is_true for one in found)), late, left_out)
    return table


def part_table(seen: Sequence[Moment]) -> Table:
    """F1 and true cases of each gesture by view and distance."""
    table = Table("people", *NAMES.values(), title="F1 by view and distance (true cases)")
    found = {kind: verdicts(seen, kind) for kind in NAMES}
    for name, belongs in PARTS.items():
        row = []
        for kind in NAMES:
            part = [verdict for verdict in found[kind] if belongs(verdict.moment)]
            row.append(f"{precision_recall(part)[2]:.2f} ({sum(verdict.is_true for verdict in part)})")
        table.add_row(name, *row)
    return table


def direction_table(seen: Sequence[Moment]) -> Table:
    """Errors of the published direction and of lines through joints."""
    errors = direction_errors(seen)
    count = len(errors["published"])
    table = Table("line", "median", "90 %", title=f"error of the pointing direction, degrees, {count} moments")
    for line in ("published", *LINES):
        middle, most = np.percentile(errors[line] or [np.nan], [50, 90])
        table.add_row(line, f"{middle:.0f}", f"{most:.0f}")
    return table


def _light(moment: Moment) -> Moment:
    """Without the landmarks' feature maps, which would fill the memory."""
    if moment.found is None:
        return moment
    landmarks = replace(moment.found.landmarks, maps=None)
    return replace(moment, found=replace(moment.found, landmarks=landmarks))
