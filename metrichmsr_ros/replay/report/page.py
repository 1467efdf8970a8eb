"""One HTML page about one replayed bag: self-contained, without scripts, without any request."""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence
from dataclasses import asdict
from html import escape
from pathlib import Path

import numpy as np

from metrichmsr_ros.evaluation.metrics.latency import LatencySummary
from metrichmsr_ros.replay.provenance import code_hash, machine, versions
from metrichmsr_ros.replay.report.charts import histogram
from metrichmsr_ros.replay.report.people_charts import error_curves, map_from_above, people_timeline, start_ns
from metrichmsr_ros.replay.report.style import STYLE
from metrichmsr_ros.replay.result import whole_file
from metrichmsr_ros.replay.summary import Replay

_POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"


def write_report(done: Replay, out: Path) -> None:
    """Write `report.html` into `out`."""
    with whole_file(out / "report.html") as part:
        part.write_text(report_html(done), encoding="utf-8")


def report_html(done: Replay) -> str:
    """The page as text."""
    sections = [
        _head(done),
        _section("Against the truth", _truth(done)),
        _section("Who was seen when", people_timeline(done)),
        _section("From above", map_from_above(done)),
        _section("Errors over time", error_curves(done)),
        _section("Time per frame", _latency(done)),
        _section("Frames to look at", _pictures(done)),
        _section("Images not used", _counted(done, done.dropped)),
        _section("Images without the floor or depth asked for", _counted(done, done.missing)),
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
    warning = f'<p class="warn">It ended early. {escape(done.stop_words)}</p>' if done.stopped else ""
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
        note += f" People whose path through the world was measured, with true camera poses: {done.world.people}."
    return table(("measure", "value"), done.rows()) + f'<p class="note">{note}</p>'


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
        caption = escape(f"{(picture.stamp_ns - start_ns(done)) / 1e9:.2f} s: {picture.caption}")
        image = f'<img alt="{caption}" src="data:image/jpeg;base64,{data}">'
        figures.append(f"<figure>{image}<figcaption>{caption}</figcaption></figure>")
    return f'<div class="frames">{"".join(figures)}</div>' if figures else ""


def _counted(done: Replay, counts: dict[str, int]) -> str:
    rows = [(cause, str(count), done.reasons[cause]) for cause, count in counts.items()]
    body = "".join(f"<tr><td>{escape(a)}</td><td>{b}</td><td>{escape(c)}</td></tr>" for a, b, c in rows)
    return f"<table><tr><th>cause</th><th>images</th><th>first told</th></tr>{body}</table>" if rows else ""


def _provenance(done: Replay) -> str:
    rows = [(name, "not given" if value is None else str(value)) for name, value in asdict(done.options).items()]
    rows += [("weights sha256", done.weights or "none"), ("code sha256", code_hash())]
    rows += [(name, str(value)) for name, value in {**versions(), **machine()}.items()]
    rows.append(("whole run", f"{done.wall_s:.1f} s"))
    model = escape(json.dumps(done.model, indent=2))
    network = f"<details><summary>Configuration of the network</summary><pre>{model}</pre></details>"
    return table(("what", "value"), rows) + (network if done.model else "")
