"""The default preset's graphs against torch: network, pixel branch, body and refiner, on rendered and real people.

    python -m benchmarks.graphs [--data DIR]

The pipeline looks for people in crops that the generator of training data draws, until it has found 100, and in real
pictures: those of DIR, as for `benchmarks.real`, else the package's photograph, scaled and turned to ten. Every call of
a graph is repeated in torch with the same inputs. A crop is one view of a person: straight or mirrored, by either
landmark network. The difference of a crop is that of its worst number; the refiner's is of an image, the body's of a
person. Ends with status 1 if a difference exceeds 0.0001, a quantity was not compared, or there were fewer people.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable
from itertools import islice
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table

from benchmarks.graphs.compared import QUANTITIES, Differences, compared_pipeline
from benchmarks.graphs.pictures import PHOTOGRAPH, Picture, real_pictures, rendered_pictures
from metrichmsr_ros.cli.user_errors import one_line_errors
from metrichmsr_ros.export.files import LARGEST_DIFFERENCE

RENDERED, REAL = 100, 10
"""Fewest people of each kind."""
_MOST_PICTURES = 10
"""For each rendered person who is wanted."""


@one_line_errors("benchmarks.graphs")
def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--data", type=Path, help="folder of kinect_bags and realsense")
    data = parser.parse_args().data
    real = compare(real_pictures(data))
    rendered = compare(islice(rendered_pictures(), _MOST_PICTURES * RENDERED), RENDERED)
    place = f"pictures in {data}" if data else f"{PHOTOGRAPH}, scaled and turned"
    print_table(f"rendered: {_counted(rendered)}; real: {_counted(real)}, from {place}", rendered, real)
    wrong = problems(rendered, RENDERED, "rendered") + problems(real, REAL, "real")
    sys.exit("\n".join(wrong) or None)


def compare(pictures: Iterable[Picture], people: int | None = None) -> Differences:
    """The differences on everybody in the pictures; `people`: stop when so many were found."""
    notes = Differences()
    pipeline = compared_pipeline(notes)
    for image, camera in pictures:
        pipeline.estimate(image, camera)
        if people is not None and len(notes.of("height")) >= people:
            break
    return notes


def problems(notes: Differences, people: int, kind: str) -> list[str]:
    """What is wrong, one line each: too few people, a quantity that was not compared or that differs too much."""
    found = len(notes.of("height"))
    wrong = [f"{kind}: only {found} people were found, {people} are needed"] if found < people else []
    for name, words in QUANTITIES.items():
        gaps = notes.of(name)
        if not len(gaps):
            wrong.append(f"{kind}: {words}: was not compared")
        elif gaps.max() > LARGEST_DIFFERENCE:
            wrong.append(f"{kind}: {words}: differs by {gaps.max():.1e}, more than {LARGEST_DIFFERENCE:.0e}")
    return wrong


def print_table(title: str, *kinds: Differences) -> None:
    """Largest and median differences by quantity, of rendered and real people."""
    columns = [f"{kind}: {column}" for kind in ("rendered", "real") for column in ("compared", "largest", "median")]
    table = Table("graph - torch", *columns, "bound", title=title)
    for name, words in QUANTITIES.items():
        cells = [cell for notes in kinds for cell in _cells(notes, name)]
        table.add_row(words, *cells, f"{LARGEST_DIFFERENCE:.0e}")
    Console(width=150).print(table)


def _cells(notes: Differences, name: str) -> tuple[str, str, str]:
    gaps = notes.of(name)
    return (str(len(gaps)), f"{gaps.max():.1e}", f"{np.median(gaps):.1e}") if len(gaps) else ("0", "-", "-")


def _counted(notes: Differences) -> str:
    return f"{len(notes.of('height'))} people in {len(notes.of('transl'))} crops"


if __name__ == "__main__":
    main()
