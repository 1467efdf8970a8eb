"""The HTML report of one replayed bag: one file, without scripts or network requests.

`page.html.j2` is the template and `style.css` the style sheet; this module computes the contents.
"""

from __future__ import annotations

import base64
import json
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from metrichmsr_ros.evaluation.metrics.latency import LatencySummary
from metrichmsr_ros.io.whole_files import write_whole
from metrichmsr_ros.replay.provenance import code_hash, machine, versions
from metrichmsr_ros.replay.report.charts import histogram
from metrichmsr_ros.replay.report.people_charts import error_curves, map_from_above, people_timeline, start_ns
from metrichmsr_ros.replay.result import ReplayResult

_HERE = Path(__file__).parent


@dataclass(frozen=True)
class _Figure:
    """An image of the page: its JPEG as base64 text, and its caption."""

    base64: str
    caption: str


def write_report(done: ReplayResult, out: Path) -> None:
    """Write `report.html` into `out`."""
    write_whole(out / "report.html", report_html(done))


def report_html(done: ReplayResult) -> str:
    """The page as text."""
    pages = Environment(
        loader=FileSystemLoader(_HERE),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    return pages.get_template("page.html.j2").render(
        replay=done,
        style=(_HERE / "style.css").read_text(encoding="utf-8"),
        tiles=_tiles(done),
        timeline=people_timeline(done),
        map=map_from_above(done),
        errors=error_curves(done),
        time_chart=_time_chart(done),
        stages=[(name, *_milliseconds(summary)) for name, summary in done.stages().items()],
        pictures=_figures(done),
        lost=[
            ("Images not used", _counted(done, done.dropped)),
            ("Images without the requested floor, depth or pose", _counted(done, done.missing)),
            ("Images used with a problem", _counted(done, done.doubtful)),
        ],
        provenance=_provenance(done),
        model=json.dumps(done.model, indent=2),
    )


def _tiles(done: ReplayResult) -> list[tuple[str, str]]:
    """Value and label of each number at the top."""
    result, total = done.result(), done.stages().get("total")
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
    return tiles


def _time_chart(done: ReplayResult) -> str:
    """Histogram of the pipeline's time per frame; empty without durations."""
    seconds = [f.seconds["total"] for f in done.frames if "total" in f.seconds]
    if not seconds:
        return ""
    total = done.stages()["total"]
    marks = {"p50": 1e3 * total.p50, "p95": 1e3 * total.p95, "p99": 1e3 * total.p99}
    return histogram("Time per frame", 1e3 * np.array(seconds), marks, "milliseconds in the pipeline")


def _milliseconds(summary: LatencySummary) -> list[str]:
    return [f"{1e3 * v:.2f}" for v in (summary.p50, summary.p95, summary.p99, summary.max, summary.mean)]


def _figures(done: ReplayResult) -> list[_Figure]:
    return [
        _Figure(
            base64.b64encode(picture.jpeg).decode("ascii"),
            f"{(picture.stamp_ns - start_ns(done)) / 1e9:.2f} s: {picture.caption}",
        )
        for picture in done.pictures
    ]


def _counted(done: ReplayResult, counts: dict[str, int]) -> list[tuple[str, str, str]]:
    """Cause, number of images and the first message of each cause."""
    return [(cause, str(count), done.reasons[cause]) for cause, count in counts.items()]


def _provenance(done: ReplayResult) -> list[tuple[str, str]]:
    rows = [(name, "not given" if value is None else str(value)) for name, value in asdict(done.options).items()]
    rows += [("weights sha256", done.weights or "none"), ("code sha256", code_hash())]
    rows += [(name, str(value)) for name, value in {**versions(), **machine()}.items()]
    return [*rows, ("whole run", f"{done.wall_s:.1f} s")]
