"""One HTML page about one replayed bag: self-contained, without scripts, without any request."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import asdict, replace
from html import escape
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike, NDArray

from metrichmsr_ros.evaluation.arrays import Float
from metrichmsr_ros.evaluation.charts import Series, ground_map, histogram, line_chart, timeline
from metrichmsr_ros.evaluation.latency import LatencySummary
from metrichmsr_ros.evaluation.provenance import machine, versions
from metrichmsr_ros.evaluation.replayed import Replay
from metrichmsr_ros.evaluation.report_style import STYLE
from metrichmsr_ros.evaluation.trajectories import to_world
from metrichmsr_ros.overlay import person_colour

_GAP_S = 0.35  # a person unseen for longer than this gets a gap in timeline and curves
_TRUTH_COLOUR = "#888888"
_CAMERA_COLOUR = "#2a6fb0"
_POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"


def write_report(done: Replay, out: Path) -> None:
    """Write `report.html` into `out`."""
    (out / "report.html").write_text(report_html(done), encoding="utf-8")


def report_html(done: Replay) -> str:
    """The page as text."""
    sections = [
        _head(done),
        _section("Against the truth", _truth(done)),
        _section("Who was seen when", _timeline(done)),
        _section("From above", _map(done)),
        _section("Errors over time", _errors(done)),
        _section("Time per frame", _latency(done)),
        _section("Frames to look at", _pictures(done)),
        _section("Images not used", _dropped(done)),
        _section("How it was made", _provenance(done)),
    ]
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        '<link rel="icon" href="data:,">'
        f"<title>Replay of {escape(done.bag.name)}</title><style>{STYLE}</style></head><body>"
        f"{''.join(sections)}</body></html>\n"
    )


def _section(title: str, content: str) -> str:
    return f"<section><h2>{escape(title)}</h2>{content}</section>" if content else ""


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """An HTML table; every column but the first is right-aligned when there are more than two."""
    mark = ' class="n"' if len(head) > 2 else ""
    top = "".join(f"<th{mark if i else ''}>{escape(cell)}</th>" for i, cell in enumerate(head))
    body = "".join(
        "<tr>" + "".join(f"<td{mark if i else ''}>{escape(cell)}</td>" for i, cell in enumerate(row)) + "</tr>"
        for row in rows
    )
    return f"<table><thead><tr>{top}</tr></thead><tbody>{body}</tbody></table>"


def _head(done: Replay) -> str:
    result, stages = done.result(), done.stages()
    total = stages.get("total")
    tiles = [
        (str(result["frames"]), f"frames of {result['images']} images"),
        (str(sum(done.dropped.values())), "images not used"),
        (str(result["ids"]), "ids given"),
        (str(result["most_people"]), "people at once, at most"),
    ]
    if total:
        tiles += [(f"{1e3 * total.p50:.0f} ms", "per frame, median"), (f"{1e3 * total.p95:.0f} ms", "95th percentile")]
    if done.report:
        tiles += [
            (f"{100 * done.report.recall:.0f} %", "of visible people found"),
            (f"{done.report.root_median_m:.2f} m", "root error, median"),
        ]
    boxes = "".join(f"<div><b>{escape(value)}</b><span>{escape(label)}</span></div>" for value, label in tiles)
    warning = f'<p class="warn">The bag ended early. {escape(done.damage)}</p>' if done.damage else ""
    return (
        f"<h1>Replay of {escape(done.bag.name)}</h1>"
        f'<p class="sub">{escape(str(done.bag))}: {escape(done.topics[0])}, camera info {escape(done.topics[1])}</p>'
        f'<p class="sub">digest {done.digest}</p>{warning}<div class="tiles">{boxes}</div>'
    )


def _truth(done: Replay) -> str:
    if done.report is None:
        return '<p class="note">The bag has no truth topic and no truth file was given.</p>'
    note = f"{done.report.frames} frames have truth. Errors are over the people found; read them with the recall."
    if done.world:
        note += f" World numbers are over {done.world.people} paths with true camera poses."
    return table(("measure", "value"), done.rows()) + f'<p class="note">{note}</p>'


def _colour(person_id: str) -> str:
    red, green, blue = (0.72 * person_colour(person_id)).astype(int).tolist()
    return f"rgb({red},{green},{blue})"


def _ids(done: Replay) -> list[str]:
    return list(dict.fromkeys(person.id for frame in done.frames for person in frame.people))


def _start_ns(done: Replay) -> int:
    return min(frame.stamp_ns for frame in done.frames)


def _timeline(done: Replay) -> str:
    start = _start_ns(done)
    rows = []
    for name in _ids(done):
        times = np.array([(f.stamp_ns - start) / 1e9 for f in done.frames if any(p.id == name for p in f.people)])
        cuts = _gaps(times)
        begins, ends = times[np.r_[0, cuts + 1]], times[np.r_[cuts, len(times) - 1]]
        spans = list(zip(begins.tolist(), ends.tolist(), strict=True))
        rows.append((Series(name, _colour(name), times, times), spans))
    whole = 0.0, (max(frame.stamp_ns for frame in done.frames) - start) / 1e9
    return timeline("Who was seen when", rows, "seconds since the first frame", whole)


def _gaps(seconds: Float) -> NDArray[np.intp]:
    """Indices after which nothing is seen for longer than :data:`_GAP_S` and than two and a half usual intervals."""
    intervals = np.diff(seconds)
    usual = float(np.median(intervals)) if len(intervals) else 0.0
    return np.flatnonzero(intervals > max(_GAP_S, 2.5 * usual))


def _series(name: str, colour: str, seconds: Sequence[float], x: ArrayLike, y: ArrayLike) -> Series:
    """A line that is broken at the gaps of its times."""
    cuts = _gaps(np.asarray(seconds, float)) + 1
    broken_x, broken_y = (np.insert(np.asarray(values, float), cuts, np.nan) for values in (x, y))
    return Series(name, colour, broken_x, broken_y)


def _map(done: Replay) -> str:
    axes = (0, 1) if done.cameras else (0, 2)  # a ROS world has z up, a camera's frame z forward
    paths = []
    for name in sorted({person.id for frame in done.truth.values() for person in frame.people}):
        seen = [
            (stamp, _placed(done, stamp, person.joints_cam[0]))
            for stamp, frame in sorted(done.truth.items())
            for person in frame.people
            if person.id == name and person.visible and (stamp in done.cameras or not done.cameras)
        ]
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
        return '<p class="note">Nobody was seen.</p>'
    if done.cameras:
        way = [(stamp, pose[:3, 3]) for stamp, pose in sorted(done.cameras.items())]
        paths.append(_path("camera", _CAMERA_COLOUR, way, (0, 1)))
        chart = ground_map("From above", paths, "x in the world, m", "y in the world, m", mark_camera=False)
        note = "Root joints in the fixed frame of the bag's transforms; dots are where each path begins."
    else:
        chart = ground_map("From above", paths, "to the right of the camera, m", "in front of the camera, m")
        note = "Root joints in the camera's frame; the triangle is the camera, dots are where each path begins."
    return f'<div class="map">{chart}</div><p class="note">{note}</p>'


def _placed(done: Replay, stamp_ns: int, point: ArrayLike) -> ArrayLike:
    """A point of the camera's frame in the world, where the bag has transforms."""
    if not done.cameras:
        return point
    return to_world(np.asarray(point, float)[None], done.cameras[stamp_ns])[0]


def _path(name: str, colour: str, seen: Sequence[tuple[int, ArrayLike]], axes: tuple[int, int]) -> Series:
    points = np.array([root for _, root in seen], float).reshape(-1, 3)
    return _series(name, colour, [stamp / 1e9 for stamp, _ in seen], points[:, axes[0]], points[:, axes[1]])


def _errors(done: Replay) -> str:
    if done.report is None or not done.report.pairs:
        return ""
    start = _start_ns(done) / 1e9
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


def _latency(done: Replay) -> str:
    stages = done.stages()
    rows = [(name, *_milliseconds(summary)) for name, summary in stages.items()]
    numbers = table(("stage", "p50 ms", "p95 ms", "p99 ms", "max ms", "mean ms"), rows)
    seconds = [f.seconds["total"] for f in done.frames if "total" in f.seconds]
    if not seconds:
        return numbers
    total = stages["total"]
    marks = {"p50": 1e3 * total.p50, "p95": 1e3 * total.p95, "p99": 1e3 * total.p99}
    chart = histogram("Time per frame", 1e3 * np.array(seconds), marks, "milliseconds in the pipeline")
    note = (
        "Wall-clock time of this run on this machine; 'total' is the pipeline, 'convert' decodes the image before it."
    )
    return f'{chart}{numbers}<p class="note">{note}</p>'


def _milliseconds(summary: LatencySummary) -> list[str]:
    return [f"{1e3 * v:.2f}" for v in (summary.p50, summary.p95, summary.p99, summary.max, summary.mean)]


def _pictures(done: Replay) -> str:
    figures = []
    for picture in done.pictures:
        data = base64.b64encode(picture.jpeg).decode("ascii")
        caption = escape(f"{(picture.stamp_ns - _start_ns(done)) / 1e9:.2f} s: {picture.caption}")
        image = f'<img alt="{caption}" src="data:image/jpeg;base64,{data}">'
        figures.append(f"<figure>{image}<figcaption>{caption}</figcaption></figure>")
    return f'<div class="frames">{"".join(figures)}</div>' if figures else ""


def _dropped(done: Replay) -> str:
    rows = [(cause, str(count), done.reasons[cause]) for cause, count in done.dropped.items()]
    body = "".join(f"<tr><td>{escape(a)}</td><td>{b}</td><td>{escape(c)}</td></tr>" for a, b, c in rows)
    return f"<table><tr><th>cause</th><th>images</th><th>first told</th></tr>{body}</table>" if rows else ""


def _provenance(done: Replay) -> str:
    rows = [(name, "not given" if value is None else str(value)) for name, value in asdict(done.options).items()]
    rows.append(("weights sha256", done.weights or "none"))
    rows += [(name, str(value)) for name, value in {**versions(), **machine()}.items()]
    rows.append(("whole run", f"{done.wall_s:.1f} s"))
    return table(("what", "value"), rows)
