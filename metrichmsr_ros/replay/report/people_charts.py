"""Charts of a report: visible people over time, their paths from above, and errors over time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from metrichmsr_ros.evaluation.trajectories import to_world
from metrichmsr_ros.replay.report.charts import Series, ground_map, line_chart, timeline
from metrichmsr_ros.replay.result import ReplayResult
from metrichmsr_ros.types import Float64Array
from metrichmsr_ros.visual.overlay import person_colour

_GAP_S = 0.35  # a person unseen for longer than this gets a gap in timeline and curves
_TRUTH_COLOUR = "#888888"
_CAMERA_COLOUR = "#2a6fb0"


def _colour(person_id: str) -> str:
    red, green, blue = (0.72 * person_colour(person_id)).astype(int).tolist()
    return f"rgb({red},{green},{blue})"


def _ids(done: ReplayResult) -> list[str]:
    return list(dict.fromkeys(person.id for frame in done.frames for person in frame.people))


def start_ns(done: ReplayResult) -> int:
    """Stamp of the first frame, which the charts count from."""
    return min(frame.stamp_ns for frame in done.frames)


def people_timeline(done: ReplayResult) -> str:
    """Bars of the time spans in which each id was detected."""
    start = start_ns(done)
    rows = []
    for name in _ids(done):
        times = np.array([(f.stamp_ns - start) / 1e9 for f in done.frames if any(p.id == name for p in f.people)])
        cuts = _gaps(times)
        begins, ends = times[np.r_[0, cuts + 1]], times[np.r_[cuts, len(times) - 1]]
        spans = list(zip(begins.tolist(), ends.tolist(), strict=True))
        rows.append((Series(name, _colour(name), times, times), spans))
    whole = 0.0, (max(frame.stamp_ns for frame in done.frames) - start) / 1e9
    return timeline("People over time", rows, "seconds since the first frame", whole)


def _gaps(seconds: Float64Array) -> NDArray[np.intp]:
    """Indices of the last samples before gaps longer than :data:`_GAP_S` and 2.5 median intervals."""
    intervals = np.diff(seconds)
    usual = float(np.median(intervals)) if len(intervals) else 0.0
    return np.flatnonzero(intervals > max(_GAP_S, 2.5 * usual))


def _series(name: str, colour: str, seconds: Sequence[float], x: ArrayLike, y: ArrayLike) -> Series:
    """A line with breaks at the gaps of its times."""
    cuts = _gaps(np.asarray(seconds, float)) + 1
    broken_x, broken_y = (np.insert(np.asarray(values, float), cuts, np.nan) for values in (x, y))
    return Series(name, colour, broken_x, broken_y)


def map_from_above(done: ReplayResult) -> str:
    """Paths of people, truth and camera from above; in the world if camera poses exist, else relative to the camera."""
    axes = (0, 1) if done.cameras else (0, 2)  # a ROS world has z up, a camera's frame z forward
    paths = []
    for name in sorted({person.id for frame in done.truth.values() for person in frame.people}):
        seen = [
            (stamp, _placed(done, stamp, person.joints_cam[0]))
            for stamp, frame in sorted(done.truth.items())
            for person in frame.people
            if person.id == name and person.visible and (stamp in done.cameras or not done.cameras)
        ]
        if seen:
            paths.append(_path(f"{name} (truth)", _TRUTH_COLOUR, seen, axes))
    for name in _ids(done):
        seen = [
            (f.stamp_ns, _placed(done, f.stamp_ns, p.root))
            for f in done.frames
            for p in f.people
            if p.id == name and (f.stamp_ns in done.cameras or not done.cameras)
        ]
        paths.append(_path(name, _colour(name), seen, axes))
    if not paths:
        return '<p class="note">No people.</p>'
    if done.cameras:
        positions = [(stamp, pose[:3, 3]) for stamp, pose in sorted(done.cameras.items())]
        paths.append(_path("camera", _CAMERA_COLOUR, positions, (0, 1)))
        chart = ground_map("From above", paths, "x in the world, m", "y in the world, m", mark_camera=False)
        note = "Root joints in the world frame; a dot marks the start of each path."
    else:
        chart = ground_map("From above", paths, "to the right of the camera, m", "in front of the camera, m")
        note = "Root joints in the camera's frame; the triangle is the camera, a dot marks the start of each path."
    return f'<div class="map">{chart}</div><p class="note">{note}</p>'


def _placed(done: ReplayResult, stamp_ns: int, point: ArrayLike) -> ArrayLike:
    """Transform a point from the camera's frame to the world, if camera poses exist."""
    if not done.cameras:
        return point
    return to_world(np.asarray(point, float)[None], done.cameras[stamp_ns])[0]


def _path(name: str, colour: str, seen: Sequence[tuple[int, ArrayLike]], axes: tuple[int, int]) -> Series:
    points = np.array([root for _, root in seen], float).reshape(-1, 3)
    return _series(name, colour, [stamp / 1e9 for stamp, _ in seen], points[:, axes[0]], points[:, axes[1]])


def error_curves(done: ReplayResult) -> str:
    """Root and pose errors over time, one colour per true person; empty without ground truth."""
    if done.report is None or not done.report.pairs:
        return ""
    start = start_ns(done) / 1e9
    roots, poses = [], []
    for name in dict.fromkeys(pair.true_id for pair in done.report.pairs):
        pairs = [pair for pair in done.report.pairs if pair.true_id == name]
        times = [pair.stamp_s - start for pair in pairs]
        roots.append(_series(name, _colour(name), times, times, [p.root_error_m for p in pairs]))
        poses.append(_series(f"{name} MPJPE", _colour(name), times, times, [p.mpjpe_mm for p in pairs]))
        aligned = _series(f"{name} PA-MPJPE", _colour(name), times, times, [p.pa_mpjpe_mm for p in pairs])
        poses.append(replace(aligned, dashed=True))
    below = "seconds since the first frame"
    return (
        f"<h3>Root position</h3>{line_chart('Root position error', roots, below, 'm')}"
        f"<h3>Pose</h3>{line_chart('MPJPE and PA-MPJPE', poses, below, 'mm')}"
    )
