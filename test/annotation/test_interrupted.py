"""Killed at any frame, the same command ends with the result of an undisturbed run."""

from __future__ import annotations

import signal
import subprocess
import sys

import pytest
from helpers.annotated_inputs import WALK, contents, distances, make_pipeline, write_photographs, write_video
from helpers.fake_pipeline import DEADLINE_S
from helpers.repository import environment

from metrichmsr_ros.annotation.options import AnnotateOptions
from metrichmsr_ros.annotation.run import Annotation, Where

pytest.importorskip("pyarrow")
DRIVER = """
import sys
from pathlib import Path
from helpers.annotated_inputs import make_pipeline
from metrichmsr_ros.annotation.options import AnnotateOptions
from metrichmsr_ros.annotation.outcome import ShardOutcome
from metrichmsr_ros.annotation.run import Annotation, Where

if __name__ == "__main__":
    out, *inputs = sys.argv[1:]
    for task, said in Annotation(inputs, Path(out), AnnotateOptions(fov=60.0), Where(workers=1), make=make_pipeline):
        print(f"{task.part} {said}", flush=True)
"""


@pytest.mark.parametrize("frames", [1, 20, 45])
def test_a_killed_driver_leaves_whole_shards_and_the_next_run_completes_them(tmp_path, frames):
    inputs = [write_video(tmp_path / "walk.avi", WALK * 5), write_photographs(tmp_path / "photos", WALK * 3)]
    program, out = tmp_path / "driver.py", tmp_path / "out"
    program.write_text(DRIVER)
    command = [sys.executable, str(program), str(out), *map(str, inputs)]
    with subprocess.Popen(command, env=environment(), stdout=subprocess.PIPE, text=True) as driver:
        for _ in range(frames):
            assert driver.stdout.readline()
        driver.send_signal(signal.SIGKILL)
        driver.communicate(timeout=DEADLINE_S)  # until its worker has ended too
    for path in out.rglob("part-*.parquet"):
        assert path.stat().st_size > 0
    options = AnnotateOptions(fov=60.0)
    for where in (out, tmp_path / "undisturbed"):
        for _ in Annotation([str(path) for path in inputs], where, options, Where(workers=0), make=make_pipeline):
            pass
    assert contents(out) == contents(tmp_path / "undisturbed")
    assert len(distances(out, "photos")) == 18
