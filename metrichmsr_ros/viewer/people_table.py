"""The people of a frame as a table in Markdown."""

from __future__ import annotations

import math

import numpy as np

from metrichmsr_ros.viewer.frames import ViewFrame, ViewPerson

_HEAD = "| person | distance | height | confidence | seen |\n| --- | --- | --- | --- | --- |\n"


def people_table(frame: ViewFrame) -> str:
    """Id, distance from the camera, height, confidence and visibility of everybody, nearest first."""
    if frame.problem:
        return f"This frame has no estimates: {_plain(frame.problem)}"
    if not frame.people:
        return "Nobody is found in this frame."
    return _HEAD + "\n".join(_row(person) for person in sorted(frame.people, key=distance))


def distance(person: ViewPerson) -> float:
    """Metres from the camera to the root joint."""
    return float(np.linalg.norm(person.joints[0]))


def _row(person: ViewPerson) -> str:
    confidence = "" if math.isnan(person.confidence) else f"{person.confidence:.0%}"
    seen = "predicted" if person.is_occluded else "yes"
    return f"| {_plain(person.id)} | {_metres(distance(person))} | {_metres(person.height)} | {confidence} | {seen} |"


def _metres(value: float) -> str:
    return f"{value:.2f} m" if math.isfinite(value) else ""


def _plain(text: str) -> str:
    """Text without Markdown: ids and messages may hold any character."""
    return "".join(f"\\{c}" if c in "\\`*_{}[]()<>#+!|~$" else c for c in text.replace("\n", " "))
