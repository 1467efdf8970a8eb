"""Scatter of BlazePose's landmarks when its region of interest is perturbed, on a video or on rendered images.

    python -m benchmarks.scatter --video FILE --every 10
    python -m benchmarks.scatter --data DIR          # DIR holds val-*.tar of the data engine

Prints the median over people of the scatter in px of the 256 px crop (12 joints; six ROIs, shifted by 2.5 % of their
side, scaled by 5 % and rotated by 0.06 rad, standard deviations), for people who are completely in the image.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path

import numpy as np

from benchmarks.baseline import LANDMARKS
from benchmarks.people import read_video
from metrichmsr_ros.cli.user_errors import one_line_errors
from metrichmsr_ros.data.formats.tar_samples import tar_samples
from metrichmsr_ros.io.images import decode_image
from metrichmsr_ros.people.blazepose.landmarks import CROP_SIZE
from metrichmsr_ros.people.blazepose.networks import BlazePose, LandmarkSet, Roi

VIEWS = 6


def shard_images(folder: Path) -> Iterator[np.ndarray]:
    """The JPEGs of the first validation shard, HWC uint8 RGB."""
    shards = sorted(folder.glob("val-*.tar"))
    if not shards:
        raise SystemExit(f"{folder}: no val-*.tar; run `metrichmsr synthesize`")
    for sample in tar_samples(shards[0]):
        if "jpg" in sample.files:
            yield decode_image(sample.read("jpg"), upright=False)


def scatter(image: np.ndarray, found: LandmarkSet, blazepose: BlazePose, rng: np.random.Generator) -> float | None:
    """RMS distance from the mean of six views, px of the crop, mean over joints; None if one view finds nobody."""
    base, views = found.next_roi(), []
    for _ in range(VIEWS):
        centre = base.centre + rng.normal(0, 0.025, 2) * base.size
        roi = Roi(centre, base.size * float(np.exp(rng.normal(0, 0.05))), base.rotation + float(rng.normal(0, 0.06)))
        view = blazepose.landmarks(image, roi)
        if view is None:
            return None
        views.append(view.pixels[LANDMARKS] / base.size * CROP_SIZE)
    points = np.stack(views)
    spread = np.sqrt(((points - points.mean(0)) ** 2).sum(-1).sum(0) / (VIEWS - 1))
    return float(spread.mean())


def measure(images: Iterable[np.ndarray]) -> list[float]:
    """Scatter, px, of all people that the detector finds completely inside an image."""
    blazepose, rng = BlazePose(num_threads=1), np.random.default_rng(0)
    values = []
    for image in images:
        for detection in blazepose.detect(image):
            found = blazepose.landmarks(image, detection.roi())
            if found is None or not _is_inside(found, image):
                continue
            value = scatter(image, found, blazepose, rng)
            if value is not None:
                values.append(value)
    return values


def _is_inside(found: LandmarkSet, image: np.ndarray) -> bool:
    pixels = found.pixels[:33]
    return bool((pixels >= 0).all() and (pixels < np.array(image.shape[1::-1])).all())


@one_line_errors("benchmarks.scatter")
def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--video", type=Path)
    parser.add_argument("--every", type=int, default=10, help="take every n-th frame of the video")
    parser.add_argument("--data", type=Path, help="folder with val-*.tar")
    arguments = parser.parse_args()
    if (arguments.video is None) == (arguments.data is None):
        parser.error("give --video FILE or --data DIR")
    source = arguments.video or arguments.data
    images = islice(read_video(source), 0, None, arguments.every) if arguments.video else shard_images(source)
    values = measure(images)
    if not values:
        raise SystemExit(f"{source}: no person was found completely inside an image; use other images")
    print(f"{source.name}: {len(values)} people, scatter {np.median(values):.2f} px of {CROP_SIZE} (median)")


if __name__ == "__main__":
    main()
