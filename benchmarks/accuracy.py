"""Accuracy of a network on held-out people, beside what a user would write without it (`benchmarks.baseline`).

    python -m benchmarks.accuracy --data DIR [--weights FILE] [--markdown FILE]
    python -m benchmarks.accuracy --images DIR --out DIR

DIR of --data holds val-*.tar (real BlazePose outputs on rendered bodies whose motions, shapes and backgrounds training
never sees). Both systems are compared on the 12 joints that BlazePose's landmarks and SMPL share (shoulders, elbows,
wrists, hips, knees, ankles), centred on the middle of the hips. DIR of --images holds photographs: an overlay of each
is written to look at, and every person's distance and height is printed.
"""

from __future__ import annotations

import argparse
import platform
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import torch
from rich.console import Console
from rich.table import Table

from benchmarks.baseline import ASSUMED_HEIGHT, JOINTS, NAMES, Array, baseline
from metrichmsr_ros.body.model import BodyModel, load_body
from metrichmsr_ros.geometry.alignment import align, umeyama
from metrichmsr_ros.hmr.checkpoint import load_model
from metrichmsr_ros.hmr.model import MetricHMR
from metrichmsr_ros.training.human import describe
from metrichmsr_ros.training.people_table import load_rows, table_of
from metrichmsr_ros.training.validation import ONE_SIGMA_3D_SQUARED, squared_deviations, validate

HIPS = [NAMES.index("left_hip"), NAMES.index("right_hip")]
PHOTOGRAPHS = (".jpg", ".jpeg", ".png", ".webp")
Errors = dict[str, Array]
Mask = np.ndarray
FIGURES: dict[str, tuple[str, Callable[[Array], float], int]] = {  # key, reduction, digits
    "PA-MPJPE, mm": ("pa", np.nanmean, 1),
    "MPJPE, mm": ("mpjpe", np.nanmean, 1),
    "root error, median, % of distance": ("root_percent", np.nanmedian, 2),
    "root error, mean, % of distance": ("root_percent", np.nanmean, 2),
    "root error, median, m": ("root", np.nanmedian, 3),
    "height error, mean, mm": ("height", np.nanmean, 0),
    "2D reprojection, % of bbox height": ("reprojection", np.nanmean, 2),
}


def errors(found: Array, height: Array, true: Array, true_height: Array, intrinsics: Array) -> Errors:
    """Errors (N,) of joints (N, 12, 3) in the camera frame: mm, m and percent as in `FIGURES`."""
    hips, true_hips = found[:, HIPS].mean(1), true[:, HIPS].mean(1)
    a, b = found - hips[:, None], true - true_hips[:, None]
    usable = np.isfinite(a).all((1, 2))
    aligned = np.full_like(a, np.nan)
    aligned[usable] = align(a[usable], *umeyama(a[usable], b[usable]))
    root = np.linalg.norm(hips - true_hips, axis=-1)
    pixels, true_pixels = _project(found, intrinsics), _project(true, intrinsics)
    box = np.maximum(np.ptp(true_pixels[..., 1], axis=1), 1.0)
    return {
        "pa": 1000 * np.linalg.norm(aligned - b, axis=-1).mean(-1),
        "mpjpe": 1000 * np.linalg.norm(a - b, axis=-1).mean(-1),
        "root": root,
        "root_percent": 100 * root / np.linalg.norm(true_hips, axis=-1),
        "height": 1000 * np.abs(height - true_height),
        "reprojection": 100 * np.linalg.norm(pixels - true_pixels, axis=-1).mean(-1) / box,
    }


def _project(points: Array, intrinsics: Array) -> Array:
    seen = points @ np.swapaxes(intrinsics, 1, 2)
    pixels: Array = seen[..., :2] / np.maximum(seen[..., 2:], 0.1)
    return pixels


@torch.inference_mode()
def network_errors(people: Rows, model: MetricHMR, body: BodyModel) -> Errors:
    """Errors of a network, and `inside`: 1 where the root lies in the ellipsoid meant for 68.3 %."""
    output = model(people.table.inputs)
    joints = body.joints(output.betas, output.rotmats, output.transl)
    squared = squared_deviations(output, joints[:, 0] - people.table.truth.joints_cam[:, 0])
    found = errors(joints[:, JOINTS].double().numpy(), body.height(output.betas).numpy(), *people.truth)
    return found | {"inside": (squared < ONE_SIGMA_3D_SQUARED).double().numpy()}


class Rows:
    """Held-out people: the table that networks read, truth, and what the bands are cut by."""

    def __init__(self, pattern: str, body: BodyModel) -> None:
        """`pattern`: glob of shards."""
        rows, keys = load_rows([pattern])
        self.table = table_of(rows, keys)
        self.intrinsics = rows["intrinsics"]
        self.joints = rows["joints_cam"][:, JOINTS]
        self.visible = rows["visible_fraction"]
        self.height = body.height(self.table.truth.betas).double().numpy()
        self.distance = np.linalg.norm(rows["transl"], axis=1)
        long_side = rows["image_size"].max(1)
        self.fov = np.degrees(2 * np.arctan(long_side / 2 / rows["intrinsics"][:, 0, 0]))
        self.pixels = 1.7 * rows["intrinsics"][:, 1, 1] / np.maximum(rows["transl"][:, 2], 0.1)

    @property
    def truth(self) -> tuple[Array, Array, Array]:
        """Joints, heights and K, as `errors` takes them."""
        return self.joints, self.height, self.intrinsics

    def bands(self) -> Iterator[tuple[str, Mask]]:
        """Named parts of the people. Fields of view are compared at equal size in pixels (1.70 m are 150-350 px)."""
        equal = (self.pixels > 150) & (self.pixels < 350) & (self.visible > 0.8)
        yield "everybody", np.ones(len(self.height), bool)
        yield "80 % or more of the near side in view", self.visible >= 0.8
        yield "50-80 % in view", (self.visible >= 0.5) & (self.visible < 0.8)
        yield "less than half in view", self.visible < 0.5
        for near, far in ((0, 2), (2, 4), (4, 8), (8, 16)):
            yield f"{near}-{far} m away", (self.distance >= near) & (self.distance < far)
        for low, high in ((25, 50), (50, 70), (70, 90), (90, 120)):
            yield f"field of view {low}-{high} deg, equal pixels", equal & (self.fov >= low) & (self.fov < high)
        for short, tall in ((0.8, 1.4), (1.4, 1.6), (1.6, 1.75), (1.75, 2.3)):
            yield f"{short:.2f}-{tall:.2f} m tall", (self.height >= short) & (self.height < tall)


def main_table(ours: Errors, theirs: Errors, title: str) -> Table:
    """Every figure of both systems, and how much lower ours is."""
    table = Table("12 joints", "BlazePose + 1.70 m + solvePnP", "MetricHMR", "lower by", title=title)
    for name, (key, reduced, digits) in FIGURES.items():
        a, b = reduced(theirs[key]), reduced(ours[key])
        table.add_row(name, f"{a:.{digits}f}", f"{b:.{digits}f}", f"{100 * (1 - b / a):.0f} %")
    return table


def band_table(rows: Rows, ours: Errors, theirs: Errors) -> Table:
    """PA-MPJPE and root error of both systems, and 1-sigma coverage, for every band of people."""
    columns = ("band", "sets", "PA-MPJPE, mm", "baseline", "MPJPE, mm", "root, median %", "baseline", "root, m")
    table = Table(*columns, "height, mm", "inside 1 sigma", title="by band")
    for name, mask in rows.bands():
        if mask.sum() < 20:
            continue
        cells = [f"{np.nanmean(e['pa'][mask]):.1f}" for e in (ours, theirs)]
        cells += [f"{np.nanmean(ours['mpjpe'][mask]):.1f}"]
        cells += [f"{np.nanmedian(e['root_percent'][mask]):.2f}" for e in (ours, theirs)]
        cells += [f"{np.median(ours['root'][mask]):.3f}", f"{ours['height'][mask].mean():.0f}"]
        table.add_row(name, str(int(mask.sum())), *cells, f"{ours['inside'][mask].mean():.2f}")
    return table


def markdown(table: Table) -> str:
    """A rich table as Markdown."""
    columns = [str(column.header) for column in table.columns]
    rows = zip(*(column.cells for column in table.columns), strict=True)
    lines = [columns, ["---"] * len(columns), *([str(cell) for cell in row] for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def score(data: Path, weights: str, out: Path | None, console: Console) -> None:
    """Print the tables of one folder of held-out shards, and write them to `out` as Markdown."""
    body = load_body("open_light")
    rows = Rows(str(data / "val-*.tar"), body)
    theirs_joints = baseline(rows.table, body)
    theirs = errors(theirs_joints, np.full(len(rows.height), ASSUMED_HEIGHT), *rows.truth)
    model = load_model(weights)
    ours = network_errors(rows, model, body)
    title = f"{len(rows.table)} held-out landmark sets, MetricHMR {weights}, {platform.machine()}"
    tables = [main_table(ours, theirs, title), band_table(rows, ours, theirs)]
    for table in tables:
        console.print(table)
    summary = "24 joints: " + describe(validate(model, rows.table, body))
    console.print(summary, highlight=False)
    if out is not None:
        out.write_text("\n\n".join([title, *map(markdown, tables), summary]) + "\n")


def look(images: Path, out: Path, weights: str, console: Console) -> None:
    """Overlays of every photograph in `images`, with the bodies that the whole pipeline finds."""
    from metrichmsr_ros.pipeline import Pipeline
    from metrichmsr_ros.predict import predict_photo

    pipeline = Pipeline.from_preset(weights, "cpu", "open")
    table = Table("photograph", "people", "distance, m", "height, m", title="focal length: the long side")
    for path in sorted(p for p in images.iterdir() if p.suffix.lower() in PHOTOGRAPHS):
        scene, files = predict_photo(pipeline, path, out, None, None)
        distances = ", ".join(f"{np.linalg.norm(p.transl_cam):.2f}" for p in scene.people)
        heights = ", ".join(f"{p.height:.2f}" for p in scene.people)
        table.add_row(files.overlay.name, str(len(scene.people)), distances, heights)
    console.print(table)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, help="folder with val-*.tar")
    parser.add_argument("--images", type=Path, help="folder of photographs")
    parser.add_argument("--out", type=Path, default=Path("out/accuracy"), help="for overlays of --images")
    parser.add_argument("--weights", default="embedded", help="preset with weights, or a .safetensors file")
    parser.add_argument("--markdown", type=Path, help="also write the tables of --data to this file")
    arguments = parser.parse_args()
    if arguments.data is None and arguments.images is None:
        parser.error("give --data DIR with val-*.tar, or --images DIR with photographs")
    console = Console(width=160)
    if arguments.data is not None:
        score(arguments.data, arguments.weights, arguments.markdown, console)
    if arguments.images is not None:
        look(arguments.images, arguments.out, arguments.weights, console)


if __name__ == "__main__":
    main()
