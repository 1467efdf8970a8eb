"""Speed of `metrichmsr annotate` with processes and on a cluster, growth of its memory, and kill -9 at random moments.

    python -m benchmarks.annotate [--quick] [--parts speed memory kills] [--stand-in]

Inputs are rendered videos. The part of the cluster starts two nodes of Ray on this machine, if Ray is installed. After
each kill the same command runs again, and its result is compared with that of an undisturbed run.
"""

from __future__ import annotations

import argparse
import importlib.util
import multiprocessing
import os
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from benchmarks.annotate import kills
from benchmarks.annotate.cluster import ADDRESS, Nodes, two_nodes
from benchmarks.annotate.stand_in import make_stand_in
from benchmarks.annotate.videos import FOV_DEG, rendered, write_video, write_videos
from benchmarks.processes import resident, run_to_end
from metrichmsr_ros.annotation.annotator import load_pipeline
from metrichmsr_ros.annotation.options import AnnotateOptions
from metrichmsr_ros.annotation.outcome import ShardOutcome
from metrichmsr_ros.annotation.run import Annotation, Where

OPTIONS = AnnotateOptions(fov=float(FOV_DEG), num_threads=1)
_SMALL = 160  # px, width of cheap pictures
_MB = 1e6
_TRIES = 3  # for each kill
HAS_RAY = importlib.util.find_spec("ray") is not None
PARTS = ("speed", "memory", "kills")
KINDS = ("driver", "worker", "node")


@dataclass(frozen=True)
class Size:
    """How much is measured.

    Attributes:
        videos: number of videos for the speed. frames: in each.
        long: frames of the video for the memory.
        kills: of all kinds of processes together.
        stand_in: memory and kills with a stand-in for the networks.
        kinds: of processes to kill.
    """

    videos: int = 4
    frames: int = 60
    long: int = 10_000
    kills: int = 20
    stand_in: bool = False
    kinds: tuple[str, ...] = KINDS


def measure_speed(scratch: Path, size: Size) -> None:
    """Frames a second with one and two processes, and with two actors on two nodes."""
    inputs = write_videos(scratch / "speed", size.videos, rendered(min(size.frames, 60)), size.frames)
    total = size.videos * size.frames
    print(f"\n{size.videos} videos of {size.frames} frames, 640x480, one thread a process, {os.cpu_count()} cores\n")
    print("| | frames/s | with start and model |\n|---|---|---|")
    speeds = {}
    for workers in (1, 2):
        seconds, all_seconds = _timed(inputs, scratch / f"speed_{workers}", Where(workers))
        speeds[workers] = total / seconds
        print(f"| {workers} process(es) | {speeds[workers]:.2f} | {total / all_seconds:.2f} |", flush=True)
    print(f"| ratio | {speeds[2] / speeds[1]:.2f} | |")
    if not HAS_RAY:
        print("\nRay is not installed: no cluster was measured")
        return
    with two_nodes():
        _, all_seconds = _timed(inputs, scratch / "speed_ray", Where(2, ADDRESS))
    print(f"| 2 nodes of Ray, an actor each | | {total / all_seconds:.2f} |")


def _timed(inputs: list[str], out: Path, where: Where) -> tuple[float, float]:
    """Seconds from the first frame, which had to wait for the model, and from the start."""
    began = time.perf_counter()
    first: float | None = None
    annotation = Annotation(inputs, out, OPTIONS, where)
    for _ in annotation:
        first = first or time.perf_counter()
    if not annotation.is_clean:
        raise RuntimeError(f"{out}: {annotation.manifest}")
    ended = time.perf_counter()
    return ended - (first or began), ended - began


def measure_memory(scratch: Path, size: Size) -> None:
    """Memory of a worker process over a long video of small pictures; people are in a tenth of them."""
    seen = rendered(20, _SMALL)
    pictures = [*seen, *[np.full_like(seen[0], 90)] * (9 * len(seen))]
    video = write_video(scratch / "long.mp4", pictures, size.long)
    used: list[tuple[int, int]] = []
    make = make_stand_in if size.stand_in else load_pipeline
    for _, said in Annotation([str(video)], scratch / "memory", OPTIONS, Where(1), make=make):
        if not isinstance(said, ShardOutcome) and said[0] % 50 == 0:
            used += [(said[0], resident(child.pid)) for child in multiprocessing.active_children() if child.pid]
    early = np.median([memory for frame, memory in used if 0.1 <= frame / size.long < 0.2])
    late = np.median([memory for frame, memory in used if frame / size.long >= 0.9])
    grown = f"{early / _MB:.1f} to {late / _MB:.1f} MB, {100 * (late / early - 1):+.1f} %"
    print(f"\nmemory of a worker over {size.long} frames of {_SMALL} px, from the second tenth to the last: {grown}")


def measure_kills(scratch: Path, size: Size) -> None:
    """Kill drivers, workers and nodes."""
    inputs = write_videos(scratch / "kills", 3, rendered(12, _SMALL), 12)
    counts = dict(zip(size.kinds, map(len, np.array_split(range(size.kills), len(size.kinds))), strict=True))
    for what in (kind for kind in size.kinds if kind != "node"):
        _kill(what, inputs, scratch, counts[what], None, size.stand_in)
    if "node" not in size.kinds:
        return
    if not HAS_RAY:
        print("Ray is not installed: no node was killed")
        return
    with two_nodes() as nodes:
        _kill("node", inputs, scratch, counts["node"], nodes, size.stand_in)


def _kill(what: str, inputs: list[str], scratch: Path, count: int, nodes: Nodes | None, stand_in: bool) -> None:
    more = ["--workers", "2", *(["--ray", ADDRESS] if nodes else [])]
    line_of = partial(kills.annotate_line, stand_in, inputs, more)
    reference = scratch / f"undisturbed_{what}"
    lasts_s = run_to_end(line_of(reference))
    rng, clean, hit, number = np.random.default_rng(0), 0, 0, 0
    while hit < count and number < _TRIES * count:  # now and then the command has ended before
        line, number = line_of(scratch / f"{what}_{number}"), number + 1
        said = kills.disturbed(line, rng.uniform(0, lasts_s), _killer(what, nodes))
        if nodes is not None and "nothing" not in said:
            nodes.start_second()
        run_to_end(line)
        found = kills.faults(scratch / f"{what}_{number - 1}", reference)
        clean, hit = clean + found.are_none, hit + ("nothing" not in said)
        if not found.are_none:
            print(f"after the kill of {said}: {found}", flush=True)
    print(f"{what} killed {hit} times: {clean} of {number} results are those of the undisturbed run", flush=True)


def _killer(what: str, nodes: Nodes | None) -> kills.Kill:
    if nodes is None:
        return {"driver": kills.kill_driver, "worker": kills.kill_worker}[what]

    def kill_node(driver: int) -> str:
        nodes.kill_second()
        return "node"

    return kill_node


@contextmanager
def _scratch(given: Path | None) -> Iterator[Path]:
    if given is not None:
        given.mkdir(parents=True, exist_ok=True)
        yield given
        return
    with tempfile.TemporaryDirectory() as folder:
        yield Path(folder)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="less of everything")
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=PARTS)
    parser.add_argument("--kills", type=int, help="of all kinds of processes; default 20, with --quick 3")
    parser.add_argument("--kinds", nargs="+", choices=KINDS, default=KINDS, help="of processes to kill")
    parser.add_argument("--frames", type=int, help="of the long video; default 10000, with --quick 600")
    parser.add_argument("--stand-in", action="store_true", help="measure memory and kills without the networks")
    parser.add_argument("--scratch", type=Path, help="empty folder for inputs and results; default: a temporary one")
    args = parser.parse_args()
    usual = Size(videos=2, frames=12, long=600, kills=3) if args.quick else Size()
    long, count = args.frames or usual.long, args.kills or usual.kills
    size = Size(usual.videos, usual.frames, long, count, args.stand_in, tuple(args.kinds))
    measure = {"speed": measure_speed, "memory": measure_memory, "kills": measure_kills}
    with _scratch(args.scratch) as scratch:
        for part in args.parts:
            measure[part](scratch, size)


if __name__ == "__main__":
    main()
