"""Delay until people in a video get an id, tracking errors, and run time, against boxes annotated by hand.

    python -m benchmarks.people --video vtest.avi

`vtest.avi` is in Debian's and Ubuntu's package opencv-doc (/usr/share/doc/opencv-doc/examples/data/). A person counts
as found in time if a track matches within a second of the first clear frame. A track is matched to the person with the
nearest box centre, within 0.35 of the box's height.

Where bodies overlap, rounding decides who is who, and every id that is exchanged is exchanged back: `--copies 4` adds
three copies with noise of one grey level and prints means.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from metrichmsr_ros.people.blazepose.networks import BlazePose
from metrichmsr_ros.people.detection.person_detector import PersonDetector
from metrichmsr_ros.people.tracking.track import TrackedPerson
from metrichmsr_ros.people.tracking.tracker import PeopleTracker
from metrichmsr_ros.runtime.workers import Workers

ANNOTATION = Path(__file__).resolve().parent.parent / "test" / "helpers" / "vtest_people.json"
NEAR = 0.35
"""Largest distance of a track's centre from a person's, as a share of the person's height in the image."""


@dataclass(frozen=True)
class Score:
    """Result of tracking an annotated video.

    Attributes:
        in_time: names of the people with an id within a second of their first clear frame.
        late: names of the others.
        coverage: share of all clear person-frames with an id.
        switches: id changes of a person between clear frames; boxes of overlapping bodies are ambiguous.
        false_tracks: ids without a person in most of their frames.
        tracks: number of ids.
    """

    in_time: list[str]
    late: list[str]
    coverage: float
    switches: int
    false_tracks: list[str]
    tracks: int

    @property
    def share_in_time(self) -> float:
        """Share of people with an id in time, 0..1."""
        return len(self.in_time) / max(len(self.in_time) + len(self.late), 1)


def boxes_at(person: dict[str, Any], frame: int) -> tuple[np.ndarray, bool] | None:
    """Interpolated (4,) box of an annotated person in a frame and whether it is clear; None outside their keyframes."""
    keys = np.array(person["boxes"], np.float64)
    if not keys[0, 0] <= frame <= keys[-1, 0]:
        return None
    after = int(np.searchsorted(keys[:, 0], frame))
    clear = bool(keys[after, 5] and keys[max(after - (keys[after, 0] != frame), 0), 5])
    return np.array([np.interp(frame, keys[:, 0], keys[:, k]) for k in range(1, 5)]), clear


def score(annotation: dict[str, Any], frames: list[list[TrackedPerson]]) -> Score:
    """Compare tracked people with an annotation, frame by frame."""
    last_id: dict[str, str] = {}
    in_time: set[str] = set()
    switches = clear_frames = covered = 0
    matched: dict[str, list[bool]] = {}
    for index, people in enumerate(frames[: annotation["last_frame"] + 1]):
        visible = [person for person in people if not person.is_occluded]
        truth = {p["name"]: box for p in annotation["people"] if (box := boxes_at(p, index)) is not None}
        pairs = _match(truth, visible)
        for person in visible:
            matched.setdefault(person.id, []).append(person.id in pairs.values())
        for entry in annotation["people"]:
            name = entry["name"]
            if name in truth and truth[name][1]:
                clear_frames += 1
                covered += name in pairs
            if name not in pairs:
                continue
            if entry["first_clear"] <= index <= entry["first_clear"] + annotation["fps"]:
                in_time.add(name)
            if truth[name][1]:
                switches += last_id.get(name, pairs[name]) != pairs[name]
                last_id[name] = pairs[name]
    names = [p["name"] for p in annotation["people"] if p["first_clear"] + annotation["fps"] < len(frames)]
    return Score(
        in_time=[name for name in names if name in in_time],
        late=[name for name in names if name not in in_time],
        coverage=covered / max(clear_frames, 1),
        switches=switches,
        false_tracks=[name for name, hits in matched.items() if np.mean(hits) < 0.5],
        tracks=len(matched),
    )


def _match(truth: dict[str, tuple[np.ndarray, bool]], people: list[TrackedPerson]) -> dict[str, str]:
    """Name -> id: one-to-one pairs, the nearest first."""
    gaps = []
    for name, (box, _) in truth.items():
        centre, height = (box[:2] + box[2:]) / 2, box[3] - box[1]
        for person in people:
            gap = np.linalg.norm((person.bbox[:2] + person.bbox[2:]) / 2 - centre) / height
            gaps.append((float(gap), name, person.id))
    pairs: dict[str, str] = {}
    for gap, name, identity in sorted(gaps):
        if gap < NEAR and name not in pairs and identity not in pairs.values():
            pairs[name] = identity
    return pairs


def read_video(path: Path, count: int = sys.maxsize) -> Iterator[np.ndarray]:
    """The frames, or the first `count` of them, HWC uint8 RGB."""
    video = cv2.VideoCapture(str(path))
    if not video.isOpened():
        raise SystemExit(
            f"{path}: OpenCV cannot read this video; vtest.avi is in Debian's and Ubuntu's package opencv-doc"
        )
    for _ in range(count):
        success, frame = video.read()
        if not success:
            return
        yield cv2.cvtColor(frame, cv2.COLOR_BGR2RGB)


def noisy(frames: Iterator[np.ndarray], seed: int) -> Iterator[np.ndarray]:
    """The frames with noise of at most one grey level; unchanged with seed 0."""
    rng = np.random.default_rng(seed)
    for frame in frames:
        noise = rng.integers(-1, 2, frame.shape) if seed else 0
        yield np.clip(frame.astype(np.int16) + noise, 0, 255).astype(np.uint8)


def print_score(result: Score, milliseconds: np.ndarray, people: float) -> None:
    """What was measured on one copy of the video."""
    print(f"id within 1 s    {result.share_in_time:.0%} ({len(result.in_time)} people; late: {result.late or 'none'})")
    print(f"coverage         {result.coverage:.1%} of clear person-frames have an id")
    print(f"id switches      {result.switches}")
    print(f"false tracks     {len(result.false_tracks)} of {result.tracks} {result.false_tracks or ''}")
    print(
        f"ms per frame     p50 {np.percentile(milliseconds, 50):.1f}, p95 {np.percentile(milliseconds, 95):.1f},"
        f" min {milliseconds.min():.1f}, {people:.1f} people on average",
        flush=True,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--video", type=Path, required=True, help="vtest.avi")
    parser.add_argument("--threads", type=int, default=2, help="network calls at the same time")
    parser.add_argument("--frames", type=int, default=0, help="number of frames; 0: all annotated ones")
    parser.add_argument("--copies", type=int, default=1, help="also copies of the video with a little noise")
    parser.add_argument("--detector", type=Path, help="pose_detection.tflite, if not in the cache")
    parser.add_argument("--landmarks", type=Path, help="pose_landmark_full.tflite, if not in the cache")
    options = parser.parse_args()
    annotation = json.loads(ANNOTATION.read_text())
    blazepose = BlazePose(detector_path=options.detector, landmark_path=options.landmarks)
    detector, workers = PersonDetector(), Workers(options.threads)
    print(
        f"machine          {platform.processor() or platform.machine()}, {os.cpu_count()} CPUs, {options.threads} thr."
    )
    results: list[Score] = []
    for seed in range(options.copies):
        tracker = PeopleTracker(blazepose, detector, workers=workers)
        frames, seconds = [], []
        video = read_video(options.video, options.frames or annotation["last_frame"] + 1)
        for index, image in enumerate(noisy(video, seed)):
            start = time.perf_counter()
            frames.append(tracker.update(image, index / annotation["fps"]))
            seconds.append(time.perf_counter() - start)
        size = f"{image.shape[1]}x{image.shape[0]}{', noisy' if seed else ''}"
        print(f"video            {options.video.name}, {len(frames)} frames at {annotation['fps']} Hz, {size}")
        results.append(score(annotation, frames))
        print_score(results[-1], np.array(seconds) * 1e3, float(np.mean([len(people) for people in frames])))
    if options.copies > 1:
        switches, coverage = (np.mean([getattr(r, name) for r in results]) for name in ("switches", "coverage"))
        print(f"mean of copies   {switches:.1f} id switches, coverage {coverage:.1%}")


if __name__ == "__main__":
    main()
