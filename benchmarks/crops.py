"""Rendered crops a second, with and without BlazePose's look, and a contact sheet.

    python -m benchmarks.crops --backgrounds FOLDER --out out/crops.png
    python -m benchmarks.crops --backgrounds FOLDER --device cuda --processes 16

One process with one thread; times are CPU times, so that other programs on the machine hardly change them. With
`--processes`, so many processes only render, `--steps` steps each, and the rate is that of the clock.
"""

from __future__ import annotations

import argparse
import multiprocessing
import time
from collections import Counter
from multiprocessing.queues import SimpleQueue
from multiprocessing.synchronize import Barrier
from pathlib import Path

import cv2
import numpy as np
import torch

from metrichmsr_ros.cli.user_errors import one_line_errors
from metrichmsr_ros.data.rendering.crops.framing import Framing
from metrichmsr_ros.data.rendering.crops.generator import CropMaker, RenderedCrop
from metrichmsr_ros.data.rendering.crops.picture import CropSources
from metrichmsr_ros.data.synthesis.crops.look import CropLook, looks_at
from metrichmsr_ros.io.images import write_image
from metrichmsr_ros.people.blazepose.crops import cut_out
from metrichmsr_ros.people.blazepose.networks import BlazePose

_ROW = 8
_SHOWN = 64


@one_line_errors("benchmarks.crops")
def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--backgrounds", type=Path, help="folder with photos/ and textures/")
    parser.add_argument("--steps", type=int, default=12, help="steps of 16 people")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=Path("out/crops.png"), help="contact sheet")
    parser.add_argument("--device", default="cpu", choices=("cpu", "cuda"), help="where crops are drawn")
    parser.add_argument("--processes", type=int, default=0, help="only render, in so many processes")
    arguments = parser.parse_args()
    if arguments.processes:
        in_processes(arguments)
        return
    maker = _maker(arguments)
    blazepose = BlazePose(num_threads=1, with_maps=True)
    list(maker.make(arguments.seed + 1, 0))  # compiles
    start, clock = time.process_time(), time.perf_counter()
    drawn = [crop for step in range(arguments.steps) for crop in maker.make(arguments.seed, step)]
    rendering, clock = time.process_time() - start, time.perf_counter() - clock
    print(f"drawn on {arguments.device}: {1e3 * clock / len(drawn):.1f} ms a crop by the clock")
    rng = np.random.default_rng(arguments.seed)
    start = time.process_time()
    looks = [looks_at(crop, blazepose, rng) for crop in drawn]
    looking = time.process_time() - start
    report(drawn, looks, rendering, looking)
    shown = [look[0] for look in looks if look][:_SHOWN]
    if shown:
        arguments.out.parent.mkdir(parents=True, exist_ok=True)
        write_image(arguments.out, sheet(shown))
        print(f"wrote {arguments.out}")


def _maker(arguments: argparse.Namespace) -> CropMaker:
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    return CropMaker(CropSources.load(arguments.backgrounds, held_out=False), device=arguments.device)


def in_processes(arguments: argparse.Namespace) -> None:
    """Print how many crops a second all processes make together."""
    context = multiprocessing.get_context("spawn")
    ready = context.Barrier(arguments.processes)
    spans = context.SimpleQueue()
    workers = [
        context.Process(target=_render, args=(arguments, number, ready, spans)) for number in range(arguments.processes)
    ]
    for worker in workers:
        worker.start()
    counts, starts, ends = zip(*(spans.get() for _ in workers), strict=True)
    for worker in workers:
        worker.join()
    rate = sum(counts) / (max(ends) - min(starts))
    print(f"drawn on {arguments.device}: {rate:.0f} crops a second by {arguments.processes} processes")


def _render(
    arguments: argparse.Namespace, number: int, ready: Barrier, spans: SimpleQueue[tuple[int, float, float]]
) -> None:
    """Render this process's steps once all processes have compiled; put the crops, the start and the end."""
    maker = _maker(arguments)
    list(maker.make(arguments.seed + 1, 0))
    steps = range(number * arguments.steps, (number + 1) * arguments.steps)
    ready.wait()
    start = time.monotonic()
    count = sum(1 for step in steps for _ in maker.make(arguments.seed, step))
    spans.put((count, start, time.monotonic()))


def report(drawn: list[RenderedCrop], looks: list[list[CropLook]], rendering: float, looking: float) -> None:
    """Print the rates, and what was drawn and found of each framing."""
    kept = sum(map(len, looks))
    print(f"rendering {1e3 * rendering / len(drawn):.1f} ms a crop: {len(drawn) / rendering:.1f} a second and core")
    print(f"with BlazePose: {kept / (rendering + looking):.1f} usable looks a second and core")
    found = sum(1 for look in looks if look)
    print(f"{len(drawn)} people drawn, {found} found, {kept} looks\n")
    print("| framing | drawn | found | distance, median (m) | visible share, median |\n|---|---|---|---|---|")
    seen = Counter(crop.framing for crop, look in zip(drawn, looks, strict=True) if look)
    for framing in Framing:
        group = [crop for crop in drawn if crop.framing == framing]
        if group:
            far = np.median([crop.joints[0, 2] for crop in group])
            share = np.median([crop.share for crop in group])
            name = framing.name.lower().replace("_", " ")
            print(f"| {name} | {len(group)} | {seen[framing]} | {far:.1f} | {share:.2f} |")


def sheet(shown: list[CropLook]) -> np.ndarray:
    """Crops as BlazePose sees them, with framing, distance and pose, in rows; HWC uint8."""
    tiles = []
    for look in shown:
        crop = look.rendered
        roi = look.landmarks.roi
        tile = cut_out(crop.picture, roi, roi.matrix())
        words = f"{crop.framing.name.lower()} {crop.joints[0, 2]:.1f} m {crop.kind}"
        cv2.putText(tile, words, (3, 14), cv2.FONT_HERSHEY_SIMPLEX, 0.42, (255, 255, 0), 1, cv2.LINE_AA)
        tiles.append(tile)
    tiles += [np.zeros_like(tiles[0])] * (-len(tiles) % _ROW)
    rows = [np.hstack(tiles[start : start + _ROW]) for start in range(0, len(tiles), _ROW)]
    return np.vstack(rows)


if __name__ == "__main__":
    main()
