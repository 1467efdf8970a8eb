"""All targets."""

from __future__ import annotations

from benchmarks.fuzz.target import Target
from benchmarks.fuzz.targets import array_files, recordings, texts
from benchmarks.fuzz.targets.camera_messages import CAMERA
from benchmarks.fuzz.targets.parameters import SETS
from benchmarks.fuzz.targets.people_messages import PEOPLE

TARGETS: tuple[Target, ...] = (CAMERA, PEOPLE, SETS, *array_files.TARGETS, *texts.TARGETS, *recordings.TARGETS)
