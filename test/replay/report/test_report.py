"""The report is complete, self-contained and names missing data; the charts have the right geometry."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ElementTree
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from helpers.pixel_pipeline import PixelPipeline
from helpers.recorded_bags import Recipe, write_bag

from metrichmsr_ros.evaluation.metrics import MetricInputError
from metrichmsr_ros.replay.compare import compare
from metrichmsr_ros.replay.options import ReplayOptions
from metrichmsr_ros.replay.provenance import code_hash
from metrichmsr_ros.replay.replay import replay_bag
from metrichmsr_ros.replay.report.charts import Series, ground_map, histogram, line_chart, ticks, timeline
from metrichmsr_ros.replay.report.page import report_html
from metrichmsr_ros.replay.result import ReplayResult
from metrichmsr_ros.replay.worst_frames import Picture, WorstFrames


@pytest.fixture(scope="module")
def done(tmp_path_factory) -> tuple[ReplayResult, Path]:
    folder = tmp_path_factory.mktemp("report")
    bag = write_bag(folder / "walk <1>", Recipe(truth=True))
    return replay_bag(bag, folder / "out", ReplayOptions(), PixelPipeline(bias=0.2)), folder / "out"


class Page(HTMLParser):
    """Collects the resources and scripts that a browser would load, and checks that tags are closed."""

    def __init__(self) -> None:
        super().__init__()
        self.sources: list[str] = []
        self.tags: list[str] = []
        self.open: list[str] = []
        self.alternatives: list[str] = []
        self.text = ""

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.alternatives += [v for k, v in attrs if k == "alt"]
        self.sources += [v for k, v in attrs if k in ("src", "href", "srcset", "data", "action") and v]
        if tag not in ("meta", "link", "img", "br"):
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_startendtag(self, tag, attrs):
        self.tags.append(tag)

    def handle_data(self, data):
        self.text += data


def test_the_page_is_self_contained_and_well_formed(done):
    text = (done[1] / "report.html").read_text()
    page = Page()
    page.feed(text)
    assert page.open == []
    assert "script" not in page.tags
    assert all(source.startswith("data:") for source in page.sources)
    assert "url(" not in text
    assert "@import" not in text
    assert "default-src 'none'" in text
    for svg in re.findall(r"<svg.*?</svg>", text):
        ElementTree.fromstring(svg)


def test_the_page_shows_the_numbers(done):
    replay, folder = done
    text = (folder / "report.html").read_text()
    assert "walk &lt;1&gt;" in text
    assert replay.digest in text
    assert "0.200 m" in text  # root error
    assert "6 / 6 (100.0 %)" in text
    assert "alice (truth)" in text
    for heading in (
        "Evaluation against ground truth",
        "People over time",
        "From above",
        "Errors over time",
        "Time per frame",
    ):
        assert f"<h2>{heading}</h2>" in text
    assert text.count('src="data:image/jpeg;base64,') == len(replay.pictures) == 1  # all six are within one second
    assert "num_threads" in text
    assert code_hash() in text
    assert "torch" in text


def test_a_page_without_truth_or_people_says_so(done):
    replay = done[0]
    lost = {"dropped": {"bad image": 2}, "reasons": {"bad image": "a < b"}}
    bare = replace(replay, model={"head": {"hidden": 512}}, truth={}, report=None, pictures=[], **lost)
    text = report_html(bare)
    assert "no truth topic" in text
    assert "&#34;hidden&#34;: 512" in text
    assert "<h2>Errors over time</h2>" not in text
    assert "a &lt; b" in text
    empty = report_html(replace(bare, frames=[replace(f, people=()) for f in replay.frames]))
    assert "no people" in empty


def test_texts_of_a_bag_are_escaped(done):
    rude = '"><script src="x">'
    picture = Picture(done[0].frames[0].stamp_ns, 1.0, rude, b"jpeg")
    lost = {"missing": {rude: 1}, "reasons": {rude: rude}}
    named = replace(done[0], topics=(rude, rude), pictures=[picture], weights=rude, **lost)
    page = Page()
    page.feed(report_html(named))
    assert page.open == []
    assert "script" not in page.tags
    assert page.text.count(rude) == 6  # both topics, caption, cause, reason and weights
    assert page.alternatives == [f"0.00 s: {rude}"]


def test_comparing_runs(done, tmp_path):
    replay, folder = done
    same = compare(folder, folder)
    assert same.is_identical
    assert all(row.change == "=" for row in same.rows)
    replay_bag(replay.bag, tmp_path / "b", ReplayOptions(), PixelPipeline(bias=0.3))
    other = compare(folder, tmp_path / "b")
    assert other.differs_from_s == 0.0
    assert "differ from 0.00 s" in other.verdict()
    changed = {row.name: row for row in other.rows}
    assert float(changed["root_mean_m"].change) == pytest.approx(0.1, abs=1e-4)
    assert "| digest |" in other.markdown()
    with pytest.raises(MetricInputError, match="finished replay"):
        compare(folder, tmp_path)


def test_ticks_are_round_and_inside():
    assert ticks(0, 10) == [0, 2, 4, 6, 8, 10]
    assert ticks(0.13, 0.71) == pytest.approx([0.2, 0.4, 0.6])
    assert ticks(-3, 3) == pytest.approx([-2, 0, 2])
    assert ticks(1, 1) == [1]
    assert ticks(float("nan"), 1) == []


def test_lines_are_broken_where_values_are_missing():
    svg = line_chart("t", [Series("a", "red", np.arange(6), [1, 2, np.nan, 3, np.nan, np.nan])], "x", "y")
    (path,) = re.findall(r'class="line" stroke="red" d="([^"]*)"', svg)
    assert path.count("M") == 1
    assert path.count("L") == 1
    assert svg.count("<circle") == 1
    assert "nothing to show" in line_chart("t", [], "x", "y")


def test_the_map_has_equal_scales():
    svg = ground_map("m", [Series("a", "red", [0.0, 1.0, 1.0], [2.0, 2.0, 3.0])], "x", "z")
    (path,) = re.findall(r'class="line" stroke="red" d="M([^"]*)"', svg)
    points = np.array([[float(v) for v in p.split()] for p in path.split("L")])
    assert abs(points[1] - points[0])[0] == pytest.approx(abs(points[2] - points[1])[1], rel=0.01)
    assert points[2, 1] < points[1, 1]  # ahead of the camera is up


def test_the_histogram_counts_every_value():
    svg = histogram("h", [1.0, 1.0, 5.0], {"p50": 1.0}, "ms", bins=5)
    heights = [float(h) for h in re.findall(r'class="bar"[^>]*height="([\d.]+)"', svg)]
    assert len(heights) == 2
    assert heights[0] == pytest.approx(2 * heights[1], rel=0.01)
    assert "p50 1.0" in svg
    assert "nothing to show" in histogram("h", [np.nan], {}, "ms")


def test_the_timeline_has_a_bar_per_visible_span():
    svg = timeline("t", [(Series("p1", "red", [], []), [(0.0, 1.0), (2.0, 4.0)])], "s", (0.0, 8.0))
    widths = [float(w) for w in re.findall(r'width="([\d.]+)" height="12"', svg)]
    assert widths[1] == pytest.approx(2 * widths[0], rel=0.01)
    assert widths[1] < 0.3 * 860  # a quarter of the whole time


def test_worst_frames_are_few_and_apart():
    drawn = []

    def draw() -> np.ndarray:
        drawn.append(1)
        return np.zeros((48, 64, 3), np.uint8)

    worst = WorstFrames(2)
    for stamp, score in ((0.0, 1.0), (0.4, 2.0), (0.8, 1.5), (3.0, 0.5), (6.0, 0.7), (9.0, 0.1), (9.1, float("nan"))):
        worst.offer(int(stamp * 1e9), score, "", draw)
    assert [(p.stamp_ns / 1e9, p.score) for p in worst.pictures] == [(0.4, 2.0), (6.0, 0.7)]
    assert len(drawn) == 4
