"""`metrichmsr eval` for every benchmark, on a small fixture in the dataset's own layout, up to the printed table."""

from __future__ import annotations

import io
import re
import sys
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from helpers.eval_tables import table_of
from helpers.landmark_shards import write_landmark_shard
from helpers.layouts.bodies import BODIES
from helpers.layouts.scenes import write_prox
from helpers.layouts.video_sequences import write_3dpw, write_emdb
from helpers.motions import motion_arrays, moving_camera, save_arrays
from helpers.oracle import REGRESSOR, Oracle
from helpers.repository import ROOT
from rich.console import Console

from metrichmsr_ros.body.load import load_body
from metrichmsr_ros.cli import eval as command
from metrichmsr_ros.cli import main as cli
from metrichmsr_ros.cli.eval import EvalOptions, eval_command
from metrichmsr_ros.evaluation.benchmarks.depth import evaluate_prox
from metrichmsr_ros.evaluation.benchmarks.motion import Motion
from metrichmsr_ros.evaluation.benchmarks.paper_numbers import PUBLISHED
from metrichmsr_ros.evaluation.benchmarks.run import evaluate
from metrichmsr_ros.evaluation.benchmarks.table import MEASURED
from metrichmsr_ros.evaluation.benchmarks.video_datasets import read_videos
from metrichmsr_ros.evaluation.metrics.checks import MetricInputError
from metrichmsr_ros.evaluation.metrics.depth import DepthProtocol
from metrichmsr_ros.evaluation.trajectories import camera_trajectory, write_tum
from metrichmsr_ros.hmr.network.checkpoint import load_model
from metrichmsr_ros.replay.options import ExitCode
from metrichmsr_ros.training.human.landmark_table import load_people
from metrichmsr_ros.training.human.validation import validate


@pytest.mark.parametrize(("benchmark", "write"), [("3dpw", write_3dpw), ("emdb1", write_emdb)])
def test_video_sets_with_our_pipeline(benchmark, write, tmp_path, monkeypatch):
    write(tmp_path)
    regressor = tmp_path / "J_regressor_h36m.npy"
    np.save(regressor, REGRESSOR)
    videos = list(read_videos(benchmark, tmp_path, BODIES, REGRESSOR))
    given = "metrichmsr_ros.evaluation.benchmarks.bodies.smpl_by_gender"
    monkeypatch.setattr(given, lambda folder: BODIES)  # works without smplx; files: test_eval_layouts.py
    monkeypatch.setattr(command, "_pipeline", lambda options: Oracle(videos))
    printed = table_of(benchmark, EvalOptions(data=tmp_path, regressor=regressor, out=tmp_path / "out"))
    assert "(paper) MetricHMSR" in printed
    (row,) = [line for line in printed.splitlines() if "embedded" in line]
    assert "0.000" in row
    assert "50.0" in row  # the oracle's heights are 5 cm off
    assert (tmp_path / f"out/{benchmark}.csv").is_file()


@pytest.mark.parametrize("benchmark", ["emdb2", "rich", "synfocal"])
def test_motions_of_any_system(benchmark, tmp_path):
    truth = motion_arrays(120) | {"world_from_camera": moving_camera(120)}
    data = save_arrays(tmp_path / "truth/walk.npz", truth).parent
    theirs = save_arrays(tmp_path / "theirs/walk.npz", truth | {"joints": truth["joints"] * 1.1}).parent
    printed = table_of(benchmark, EvalOptions(data=data, predictions=(f"WHAM={theirs}",)))
    assert "WHAM" in printed
    assert printed.count("(paper) ") == len(PUBLISHED[benchmark]) + (1 if PUBLISHED[benchmark] else 0)


def test_camera_poses_from_a_file_transform_predictions_to_the_world(tmp_path):
    truth = motion_arrays(60) | {"world_from_camera": moving_camera(60)}
    data = save_arrays(tmp_path / "truth/walk.npz", truth).parent
    poses = {frame: pose for frame, pose in enumerate(truth["world_from_camera"]) if frame != 7}
    (tmp_path / "slam").mkdir()
    path = camera_trajectory({frame * 10**9: pose for frame, pose in poses.items()})
    write_tum(tmp_path / "slam/walk.tum", path)
    write_tum(tmp_path / "still.tum", replace(path, positions=0 * path.positions))
    theirs = save_arrays(
        tmp_path / "theirs/walk.npz", {k: v for k, v in truth.items() if k != "world_from_camera"}
    ).parent
    right = evaluate("emdb2", data, {"a": theirs}, tmp_path / "slam").lines[-1]
    assert right.values["RTE"] == pytest.approx(0.0, abs=1e-4)
    (tmp_path / "still.tum").replace(tmp_path / "slam/walk.tum")
    assert evaluate("emdb2", data, {"a": theirs}, tmp_path / "slam").lines[-1].values["RTE"] > 1.0
    options = EvalOptions(data=data, predictions=(f"a={theirs}",), cameras=tmp_path)
    paper = Console(file=io.StringIO(), width=200)
    assert eval_command("emdb2", options, paper) is ExitCode.USAGE
    assert "walk.tum for sequence walk" in paper.file.getvalue()


def test_predictions_of_the_documented_converter_can_be_scored(tmp_path):
    manual = ROOT / "docs/how_to/evaluate.md"
    (code,) = re.findall(r"```python\n(.*?)```", manual.read_text(), re.DOTALL)
    there: dict[str, Any] = {}
    exec(code, there)
    random = np.random.default_rng(0)
    given = {"pose": random.normal(0, 0.3, (8, 72)), "betas": random.normal(0, 1, (8, 10)), "trans": np.ones((8, 3))}
    for folder, sideways in (("truth", 0.0), ("theirs", 0.2)):
        (tmp_path / folder).mkdir()
        moved = given | {"trans": given["trans"] + sideways}
        there["convert"](moved, np.arange(8), "open_light", tmp_path / folder / "P1_14_outdoor_climb.npz")
    (line,) = [
        line for line in evaluate("emdb1", tmp_path / "truth", {"a": tmp_path / "theirs"}).lines if line.system == "a"
    ]
    assert set(line.values) == {"PA-MPJPE", "MPJPE", "PVE", "H-MAE", "Accel"}
    assert max(line.values.values()) < 1e-2  # local metrics do not depend on the position


class FakeDepthPipeline:
    """A fake pipeline that returns a given depth image for any camera."""

    def __init__(self, depth: np.ndarray) -> None:
        self.depth = depth

    def reset(self) -> None:
        pass

    def track(self, image: Any, camera: Any, stamp_s: float, *, request: Any) -> Any:
        assert image.shape == (1080, 1920, 3)
        assert request.depth
        return SimpleNamespace(depth=SimpleNamespace(metres=self.depth), camera=camera)


def seen_by_the_colour_camera(world: Any, sensor: dict[str, np.ndarray]) -> np.ndarray:
    """The sensor's depth in the colour image, by the textbook formulas."""
    rows, columns = np.nonzero(sensor["depth"])
    z = np.rint(sensor["depth"][rows, columns] * 8000) / 8000
    pose, lens = sensor["infrared_pose"], sensor["infrared"]
    points = np.stack([(columns - lens[0, 2]) / lens[0, 0] * z, (rows - lens[1, 2]) / lens[1, 1] * z, z])
    u, v, w = world.intrinsics @ np.linalg.solve(pose[:3, :3], points - pose[:3, 3:])
    seen = np.full((1080, 1920), np.nan)
    for x, y, depth in zip(np.rint(u / w).astype(int), np.rint(v / w).astype(int), w, strict=True):
        if 0 <= x < 1920 and 0 <= y < 1080:
            seen[y, x] = np.fmin(seen[y, x], depth)
    return seen


def test_prox_in_its_layout(tmp_path, monkeypatch):
    _, world, sensor = write_prox(tmp_path)
    truth = seen_by_the_colour_camera(world, sensor)
    half = np.where(np.arange(1920) < 960, 1.1 * truth, np.nan)
    board = evaluate_prox(tmp_path, {"exact": FakeDepthPipeline(truth), "half, too far": FakeDepthPipeline(half)})
    values = {line.system: line.values for line in board.lines if line.origin == MEASURED}
    assert values["exact"]["AbsRel"] == pytest.approx(0.0, abs=1e-4)
    assert values["half, too far"]["AbsRel"] == pytest.approx(0.1, abs=1e-4)
    share = np.isfinite(half).sum() / np.isfinite(truth).sum()
    assert f"{100 * share:.0f} % of their true pixels" in board.lines[-1].note
    near = DepthProtocol(max_depth=0.01)
    with pytest.raises(MetricInputError, match=r"in none of the 1 images of .*, where 0 have true depth in the range"):
        evaluate_prox(tmp_path, {"exact": FakeDepthPipeline(truth)}, near)
    monkeypatch.setattr(command, "_depth_pipelines", lambda options: {"ours": FakeDepthPipeline(truth)})
    printed = table_of("prox", EvalOptions(data=tmp_path))
    assert "(paper) UniDepth" in printed
    assert "1 of 1 images" in printed
    paper = Console(file=io.StringIO(), width=200)
    assert eval_command("prox", EvalOptions(data=tmp_path, predictions=("a=b",)), paper) is ExitCode.USAGE
    assert eval_command("prox", EvalOptions(data=tmp_path / "calibration"), paper) is ExitCode.USAGE
    assert "no recordings/" in paper.file.getvalue()


def test_the_open_set_through_the_command_line_gives_the_numbers_of_validate(tmp_path, monkeypatch, capsys):
    write_landmark_shard(tmp_path / "val-0.tar", [2, 1])
    write_landmark_shard(tmp_path / "train-0.tar", [5])  # a training shard, not to be evaluated
    monkeypatch.setattr(sys, "argv", ["metrichmsr", "eval", "open", "--data", str(tmp_path), "--out", str(tmp_path)])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert ended.value.code == 0
    model = load_model("embedded")
    means = validate(model, load_people([str(tmp_path / "val-0.tar")]), load_body(model.config.body))
    row = next(line for line in capsys.readouterr().out.splitlines() if "embedded" in line)
    assert f"{means['pa_mpjpe']:.1f}" in row
    assert f"{1000 * means['height']:.1f}" in row
    assert "3 people" in row


def test_the_rendered_focal_sweep_needs_no_data(monkeypatch):
    asked: dict[str, Any] = {}

    def sweep(pipeline: Any, images: int, progress: Any) -> Any:
        asked.update(pipeline=pipeline, images=images)
        arrays = motion_arrays(4)
        motion = Motion("synfocal", "anna", arrays["frame"], {k: arrays[k] for k in ("joints", "height", "focal")})
        return [motion], [motion]

    monkeypatch.setattr("metrichmsr_ros.evaluation.benchmarks.synfocal.focal_sweep", sweep)
    monkeypatch.setattr(command, "_pipeline", lambda options: "a pipeline")
    printed = table_of("synfocal", EvalOptions(images=3))
    assert asked == {"pipeline": "a pipeline", "images": 3}
    assert "not the paper's images" in " ".join(printed.split())
    assert "embedded, f = 500 px" in printed
