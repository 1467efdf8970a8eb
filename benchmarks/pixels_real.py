"""Distances of real people by the pixel branch alone, for several weights, e.g. the rows of the ablation.

    metrichmsr ablate config/train/ablation_pixels.yaml --network pixels
    python -m benchmarks.pixels_real --data DIR --weights out/train/ablation_*/*.safetensors

DIR is that of `benchmarks.real`. All weights see the same people through the same looks: the first one of the preset
`embedded`, whose pose gives how far the torso's joints are beyond the root. Files whose names differ in the last
number, the seed, are one row: mean over seeds +- half the range.
"""

from __future__ import annotations

import argparse
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table

from benchmarks.baseline import JOINTS
from benchmarks.real.measures import TORSO, match, true_distance
from benchmarks.real.pictures import Picture, read_pictures
from benchmarks.real.tables import ROWS
from metrichmsr_ros.cli.user_errors import one_line_errors
from metrichmsr_ros.hmr.engine import HMREngine
from metrichmsr_ros.hmr.inputs import CropInputs, inputs_from_landmarks
from metrichmsr_ros.pipeline.engines import load_engine
from metrichmsr_ros.pipeline.pipeline import Pipeline
from metrichmsr_ros.pipeline.scene import OutputRequest, PersonEstimate
from metrichmsr_ros.training.ablation_page import cell

_SHOWN = ("whole and feet cut", "seated", "from behind", "everybody")
GROUPS = {name: framings for name, framings in ROWS if name in _SHOWN}


@dataclass(frozen=True, eq=False)
class Look:
    """One real person.

    Attributes:
        framing: as annotated.
        inputs: one view, with maps.
        true: distance of the torso's joints along z, m.
        ahead: how far they are beyond the root along z, m, in the estimated pose.
    """

    framing: str
    inputs: CropInputs
    true: float
    ahead: float


def looks_at(picture: Picture, pipeline: Pipeline) -> list[Look]:
    """Everybody in a picture who was found, and whose torso the depth camera measured."""
    scene = pipeline.estimate(picture.image, picture.camera, request=OutputRequest(vertices=False, depth=False))
    pairs = match(scene.people, picture.people)
    looks = (_look(scene.people[row], picture.people[column].framing, picture) for row, column in pairs)
    return [look for look in looks if look is not None and look.framing != "hidden"]


def _look(person: PersonEstimate, framing: str, picture: Picture) -> Look | None:
    true = true_distance(person, picture)
    if true is None:
        return None
    ahead = float(person.joints_cam[JOINTS][TORSO, 2].mean() - person.transl_cam[2])
    return Look(framing, inputs_from_landmarks([person.landmarks], picture.camera), true, ahead)


def figures(engine: HMREngine, looks: Sequence[Look]) -> dict[str, float]:
    """Median absolute errors of the distance in per cent by `GROUPS`, and the share of everybody inside one sigma."""
    views = looks[0].inputs
    for look in looks[1:]:
        views = views.joined(look.inputs)
    seen = engine.from_pixels(views, np.zeros(len(looks), np.bool_))
    true, ahead = (np.array([getattr(look, name) for look in looks]) for name in ("true", "ahead"))
    error = np.abs((seen.transl[:, 2] + ahead) / true - 1)
    framing = np.array([look.framing for look in looks])
    medians = {name: 100 * float(np.median(error[np.isin(framing, framings)])) for name, framings in GROUPS.items()}
    return medians | {"inside 1 sigma": float((error <= np.exp(seen.log_deviation[:, 2])).mean())}


@one_line_errors("benchmarks.pixels_real")
def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder of kinect_bags and realsense")
    parser.add_argument("--weights", type=Path, nargs="+", required=True, help=".safetensors files with a pixel branch")
    arguments = parser.parse_args()
    pipeline = Pipeline.from_preset()
    looks = [look for picture in read_pictures(arguments.data) for look in looks_at(picture, pipeline)]
    rows = defaultdict[str, list[dict[str, float]]](list)
    for path in arguments.weights:
        rows[path.stem.rstrip("0123456789").strip("_")].append(figures(load_engine(str(path)), looks))
    counts = [sum(look.framing in framings for look in looks) for framings in GROUPS.values()]
    heads = (f"{name} ({count}), %" for name, count in zip(GROUPS, counts, strict=True))
    table = Table(
        "weights", *heads, "inside 1 sigma", title="distance by the pixel branch alone, median absolute error"
    )
    for name, runs in rows.items():
        table.add_row(name, *(cell([run[key] for run in runs], 2) for key in (*GROUPS, "inside 1 sigma")))
    Console(width=150).print(table)


if __name__ == "__main__":
    main()
