"""Accuracy on held-out people, compared with a simple baseline (`benchmarks.baseline`).

    python -m benchmarks.accuracy --data DIR [--weights FILE] [--markdown FILE]
    python -m benchmarks.accuracy --data DIR --search
    python -m benchmarks.accuracy --images DIR --out DIR

DIR of --data holds val-*.tar: images of rendered bodies whose motions, shapes and backgrounds are not in the training
data. By default the landmarks stored in the shards are evaluated. With --search people are detected as in a photograph,
which takes two seconds for each image, and the detected ones are evaluated. Both systems get the same landmarks of the
same people; ours also gets the further views of test-time augmentation. They are compared on the 12 joints that
BlazePose's landmarks and SMPL share (shoulders, elbows, wrists, hips, knees, ankles), centred on the middle of the
hips. DIR of --images holds photographs: an overlay of each is written, and people's distances and heights are printed.
"""

from __future__ import annotations

import argparse
import platform
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from rich.console import Console
from rich.table import Table

from benchmarks.baseline import ASSUMED_HEIGHT, JOINTS, NAMES, baseline
from benchmarks.held_out import People, SearchResult, search_images, stored_views
from metrichmsr_ros.body.base import BodyModel
from metrichmsr_ros.body.load import load_body
from metrichmsr_ros.body.torch_engine import TorchBody
from metrichmsr_ros.cli.user_errors import one_line_errors
from metrichmsr_ros.geometry.procrustes import align, umeyama
from metrichmsr_ros.hmr.engine import HMREngine
from metrichmsr_ros.hmr.network.engine import as_output
from metrichmsr_ros.hmr.network.model import HMROutput
from metrichmsr_ros.pipeline.engines import load_engine
from metrichmsr_ros.training.human.train import describe
from metrichmsr_ros.training.human.validation import ONE_SIGMA_3D_SQUARED, squared_deviations, validate
from metrichmsr_ros.types import Float64Array

HIPS = [NAMES.index("left_hip"), NAMES.index("right_hip")]
PHOTOGRAPHS = (".jpg", ".jpeg", ".png", ".webp")
Errors = dict[str, Float64Array]
Mask = np.ndarray
METRICS: dict[str, tuple[str, Callable[[Float64Array], float], int]] = {  # key, reduction, digits
    "PA-MPJPE, mm": ("pa", np.nanmean, 1),
    "MPJPE, mm": ("mpjpe", np.nanmean, 1),
    "root error, median, % of distance": ("root_percent", np.nanmedian, 2),
    "root error, mean, % of distance": ("root_percent", np.nanmean, 2),
    "root error at the true height, median, %": ("root_percent_at_true_height", np.nanmedian, 2),
    "root error, median, m": ("root", np.nanmedian, 3),
    "height error, mean, mm": ("height", np.nanmean, 0),
    "height error, median, % of height": ("height_percent", np.nanmedian, 2),
    "2D reprojection, % of bbox height": ("reprojection", np.nanmean, 2),
}


def errors(
    found: Float64Array, height: Float64Array, true: Float64Array, true_height: Float64Array, intrinsics: Float64Array
) -> Errors:
    """Errors (N,) of joints (N, 12, 3) in the camera frame, metres: mm, m and percent as in `METRICS`.

    One image shows a small person who is near and a tall one who is far alike. "At the true height" is what is left of
    the root error when each body is scaled about the camera to its true height.
    """
    hips, true_hips = found[:, HIPS].mean(1), true[:, HIPS].mean(1)
    a, b = found - hips[:, None], true - true_hips[:, None]
    usable = np.isfinite(a).all((1, 2))
    aligned = np.full_like(a, np.nan)
    aligned[usable] = align(a[usable], *umeyama(a[usable], b[usable]))
    root, at_true_height = (
        np.linalg.norm(place - true_hips, axis=-1) for place in (hips, hips * (true_height / height)[:, None])
    )
    distance = np.linalg.norm(true_hips, axis=-1)
    pixels, true_pixels = _project(found, intrinsics), _project(true, intrinsics)
    box = np.maximum(np.ptp(true_pixels[..., 1], axis=1), 1.0)
    return {
        "pa": 1000 * np.linalg.norm(aligned - b, axis=-1).mean(-1),
        "mpjpe": 1000 * np.linalg.norm(a - b, axis=-1).mean(-1),
        "root": root,
        "root_percent": 100 * root / distance,
        "root_percent_at_true_height": 100 * at_true_height / distance,
        "height": 1000 * np.abs(height - true_height),
        "height_percent": 100 * np.abs(height / true_height - 1),
        "reprojection": 100 * np.linalg.norm(pixels - true_pixels, axis=-1).mean(-1) / box,
    }


def _project(points: Float64Array, intrinsics: Float64Array) -> Float64Array:
    homogeneous = points @ np.swapaxes(intrinsics, 1, 2)
    pixels: Float64Array = homogeneous[..., :2] / np.maximum(homogeneous[..., 2:], 0.1)
    return pixels


@torch.inference_mode()
def network_errors(people: People, output: HMROutput, body: BodyModel) -> Errors:
    """Errors of a network's output, and `inside`: 1 where the root lies in the predicted 68.3 % ellipsoid, else 0."""
    joints = body.joints(output.betas, output.rotmats, output.transl)
    squared = squared_deviations(output, joints[:, 0] - people.table.truth.joints_cam[:, 0])
    found = errors(joints[:, JOINTS].double().numpy(), body.height(output.betas).double().numpy(), *people.truth)
    return found | {"inside": (squared < ONE_SIGMA_3D_SQUARED).double().numpy()}


def main_table(ours: Errors, theirs: Errors, title: str) -> Table:
    """All metrics of both systems, and the reduction of the error by ours."""
    table = Table("12 joints", "BlazePose + 1.70 m + solvePnP", "MetricHMR", "lower by", title=title)
    for name, (key, reduce, digits) in METRICS.items():
        a, b = reduce(theirs[key]), reduce(ours[key])
        table.add_row(name, f"{a:.{digits}f}", f"{b:.{digits}f}", f"{100 * (1 - b / a):.0f} %")
    return table


def band_table(people: People, ours: Errors, theirs: Errors) -> Table:
    """PA-MPJPE and root error of both systems, and 1-sigma coverage, for each group of `People.bands`."""
    columns = ("band", "n", "PA-MPJPE, mm", "baseline", "MPJPE, mm", "root, median %", "baseline", "root, m")
    table = Table(*columns, "height, mm", "inside 1 sigma", title="by band")
    for name, mask in people.bands():
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


def score(people: People, body: BodyModel, engine: HMREngine, title: str, out: Path | None, console: Console) -> None:
    """Evaluate the baseline and `engine` on `people`, print the tables, and write them to `out` as Markdown."""
    placed = baseline(people.table.inputs.inputs(), TorchBody(body))
    theirs = errors(placed, np.full(len(people), ASSUMED_HEIGHT), *people.truth)
    output = as_output(people.estimate(engine))
    ours = network_errors(people, output, body)
    title = f"{title}, {platform.machine()}"
    tables = [main_table(ours, theirs, title), band_table(people, ours, theirs)]
    for table in tables:
        console.print(table)
    summary = "24 joints: " + describe(validate(lambda _: output, people.table, body, batch_size=len(people)))
    console.print(summary, highlight=False)
    if out is not None:
        out.write_text("\n\n".join([title, *map(markdown, tables), summary]) + "\n")


def search_summary(result: SearchResult) -> str:
    """Counts of the search in one line."""
    return (
        f"{len(result.people)} of {result.true_people} people found in {result.images} images "
        f"({result.clear_found} of {result.clear} in clear view), {result.false} false"
    )


def write_overlays(images: Path, out: Path, weights: str, console: Console) -> None:
    """Write an overlay of the estimated bodies for every photograph in `images`; print distances and heights."""
    from metrichmsr_ros.cli.predict import predict_photo
    from metrichmsr_ros.pipeline.pipeline import Pipeline

    pipeline = Pipeline.from_preset(weights, "cpu", "open")
    table = Table("photograph", "people", "distance, m", "height, m", title="focal length: the long side")
    for path in sorted(p for p in images.iterdir() if p.suffix.lower() in PHOTOGRAPHS):
        scene, files = predict_photo(pipeline, path, out, None, None)
        distances = ", ".join(f"{np.linalg.norm(p.transl_cam):.2f}" for p in scene.people)
        heights = ", ".join(f"{p.height:.2f}" for p in scene.people)
        table.add_row(files.overlay.name, str(len(scene.people)), distances, heights)
    console.print(table)


@one_line_errors("benchmarks.accuracy")
def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, help="folder with val-*.tar")
    parser.add_argument(
        "--search", action="store_true", help="detect people in the images of --data, as the pipeline does"
    )
    parser.add_argument(
        "--skip", type=int, default=4, help="number of first shards left out: training selected its step on them"
    )
    parser.add_argument("--workers", type=int, default=2, help="processes that run BlazePose on the images")
    parser.add_argument("--cache", type=Path, help="folder that stores landmarks, to evaluate other weights faster")
    parser.add_argument("--images", type=Path, help="folder of photographs")
    parser.add_argument("--out", type=Path, default=Path("out/accuracy"), help="folder for the overlays of --images")
    parser.add_argument("--weights", default="embedded", help="preset with weights, or a .safetensors file")
    parser.add_argument("--markdown", type=Path, help="also write the tables of --data to this file")
    arguments = parser.parse_args()
    if arguments.data is None and arguments.images is None:
        parser.error("give --data DIR with val-*.tar, or --images DIR with photographs")
    console = Console(width=160)
    if arguments.data is not None:
        shards = sorted(arguments.data.glob("val-*.tar"))[arguments.skip :]
        if not shards:
            parser.error(f"--data {arguments.data} --skip {arguments.skip}: no val-*.tar left; name another folder")
        body, engine = load_body("open_light"), load_engine(arguments.weights)
        if arguments.search:
            result = search_images(shards, body, arguments.workers, arguments.cache)
            people, title = result.people, search_summary(result)
        else:
            people = stored_views(shards, body, arguments.workers, arguments.cache)
            title = f"{len(people)} held-out landmark sets in {len(shards)} shards"
        title = f"{title}, MetricHMR {arguments.weights}"
        score(people, body, engine, title, arguments.markdown, console)
    if arguments.images is not None:
        write_overlays(arguments.images, arguments.out, arguments.weights, console)


if __name__ == "__main__":
    main()
