"""The tables of `benchmarks.real`."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from rich.console import Console
from rich.table import Table

from benchmarks.real.measures import Distance, Found, SceneErrors
from metrichmsr_ros.evaluation.metrics.depth import mean_depth_errors

ROWS = (
    ("whole and feet cut", ("whole", "feet cut")),
    ("whole", ("whole",)),
    ("feet cut", ("feet cut",)),
    ("waist up", ("waist up",)),
    ("seated", ("seated",)),
    ("from behind", ("from behind",)),
    ("everybody", ("whole", "feet cut", "waist up", "seated", "from behind")),
    ("pedestrians", ("pedestrians",)),
)
WIDTH = 150
DepthRow = tuple[str, str, SceneErrors, SceneErrors]


def print_people(pictures: Sequence[Found], by_landmarks: Sequence[Found]) -> None:
    """People found, and errors of their distances by framing.

    Args:
        pictures: of the whole network. by_landmarks: of the network without its pixel branch.
    """
    columns = ("framing", "in view", "found", "distances", "signed, median %", "landmarks", "baseline")
    table = Table(*columns, "absolute, median %", "landmarks", "baseline", "inside 1 sigma", title="people")
    for name, framings in ROWS:
        in_view, matched = (
            sum(framing in framings for picture in pictures for framing in getattr(picture, kind))
            for kind in ("in_view", "matched")
        )
        distances, others = (_distances(part, framings) for part in (pictures, by_landmarks))
        if in_view or distances:
            counts = (str(in_view or "-"), str(matched if in_view else "-"), str(len(distances)))
            table.add_row(name, *counts, *(_errors(distances, others) if distances else ()))
    console = Console(width=WIDTH)
    console.print(table)
    false = sum(len(picture.false) for picture in pictures)
    console.print(f"false people: {false}")


def _distances(pictures: Sequence[Found], framings: Sequence[str]) -> list[Distance]:
    return [distance for picture in pictures for distance in picture.distances if distance.framing in framings]


def _errors(distances: Sequence[Distance], by_landmarks: Sequence[Distance]) -> tuple[str, ...]:
    """Medians of the signed and of the absolute errors of the three systems, and the share inside one sigma."""
    return median_cells(distances, (distances, "estimated"), (by_landmarks, "estimated"), (distances, "baseline"))


def median_cells(distances: Sequence[Distance], *systems: tuple[Sequence[Distance], str]) -> tuple[str, ...]:
    """Cells: the median signed error in percent of each system, the median absolute ones, and the share of `distances`
    inside one sigma.

    Args:
        distances: of which the deviations count; at least one.
        systems: distances and the name of their field that is compared with the truth.
    """
    errors = [np.array([100 * (getattr(d, name) / d.true - 1) for d in part]) for part, name in systems]
    inside = [abs(d.estimated - d.true) <= d.deviation for d in distances]
    return (
        *(f"{np.median(part):+.1f}" if len(part) else "-" for part in errors),
        *(f"{np.median(np.abs(part)):.1f}" if len(part) else "-" for part in errors),
        f"{np.mean(inside):.2f}",
    )


def print_depth(pictures: Sequence[DepthRow]) -> None:
    """Errors of the scene's depth by picture: name, calibration, of the source alone, after calibration."""
    table = Table("picture", "calibration", title="scene depth, source alone -> after calibration by people")
    for column in ("AbsRel", "ratio", "delta1", "AbsRel off people", "delta1 off people"):
        table.add_column(column)
    for name, calibration, alone, after in pictures:
        table.add_row(name, calibration, *_changes(alone, after))
    table.add_row("mean", "", *_changes(_mean([row[2] for row in pictures]), _mean([row[3] for row in pictures])))
    Console(width=WIDTH).print(table)


def _mean(pictures: Sequence[SceneErrors]) -> SceneErrors:
    return SceneErrors(
        mean_depth_errors([errors.everywhere for errors in pictures]),
        mean_depth_errors([errors.off_people for errors in pictures]),
    )


def _changes(alone: SceneErrors, after: SceneErrors) -> tuple[str, ...]:
    pairs = [(getattr(alone, part), getattr(after, part)) for part in ("everywhere", "off_people")]
    (a, b), (c, d) = pairs
    return (
        f"{a.abs_rel:.3f} -> {b.abs_rel:.3f}",
        f"{b.abs_rel / a.abs_rel:.2f}",
        f"{a.delta1:.2f} -> {b.delta1:.2f}",
        f"{c.abs_rel:.3f} -> {d.abs_rel:.3f}",
        f"{c.delta1:.2f} -> {d.delta1:.2f}",
    )
