"""Benchmarks on small synthetic motions: hand-computed scores, counts of missing frames, tables in three formats."""

from __future__ import annotations

import csv
import io
import json

import numpy as np
import pytest
from helpers.motions import motion_arrays, moving_camera, save_arrays
from rich.console import Console

from metrichmsr_ros.cli.eval import EvalOptions, eval_command
from metrichmsr_ros.evaluation.benchmarks.depth import evaluate_depth
from metrichmsr_ros.evaluation.benchmarks.motion import load_motions
from metrichmsr_ros.evaluation.benchmarks.paper_numbers import PUBLISHED, SOURCE
from metrichmsr_ros.evaluation.benchmarks.protocols import BENCHMARKS, score
from metrichmsr_ros.evaluation.benchmarks.run import MEASURED, evaluate
from metrichmsr_ros.evaluation.benchmarks.table import Scoreboard
from metrichmsr_ros.evaluation.metrics import MetricInputError
from metrichmsr_ros.evaluation.metrics.depth import DepthProtocol
from metrichmsr_ros.replay.options import ExitCode


def ours_of(board: Scoreboard, system: str = "ours") -> dict[str, float]:
    (line,) = [x for x in board.lines if x.origin == MEASURED and x.system == system]
    return line.values


def test_3dpw_by_hand(tmp_path):
    arrays = motion_arrays()
    truth = save_arrays(tmp_path / "truth" / "walk.npz", arrays)
    shifted = arrays | {name: arrays[name] + 0.5 for name in ("h36m", "vertices")} | {"height": np.full(6, 1.9)}
    shifted["h36m"] = shifted["h36m"].copy()
    shifted["h36m"][:, 0] += [0.0, 0.1, 0.0]  # H36M's pelvis joint is 100 mm off, the hips are right
    board = evaluate("3dpw", truth.parent, {"ours": save_arrays(tmp_path / "ours" / "walk.npz", shifted).parent})
    values = ours_of(board)
    assert values["MPJPE"] == pytest.approx(0.0, abs=1e-6)
    assert values["MPJPE (H36M root)"] == pytest.approx(100.0)
    assert values["PVE"] == pytest.approx(0.0, abs=1e-6)
    assert values["H-MAE"] == pytest.approx(100.0)


def test_camera_poses_carry_people_into_the_world(tmp_path):
    frames = 150
    arrays = motion_arrays(frames) | {"world_from_camera": moving_camera(frames)}
    truth = save_arrays(tmp_path / "truth.npz", arrays | {"sequence": np.full(frames, "s")})
    perfect = save_arrays(tmp_path / "perfect.npz", arrays | {"sequence": np.full(frames, "s")})
    still = arrays | {"world_from_camera": np.tile(np.eye(4), (frames, 1, 1)), "sequence": np.full(frames, "s")}
    lazy = save_arrays(tmp_path / "lazy.npz", still)
    del arrays["world_from_camera"]
    lent = save_arrays(tmp_path / "lent.npz", arrays | {"sequence": np.full(frames, "s")})
    board = evaluate("emdb2", truth, {"perfect": perfect, "lent": lent, "lazy": lazy})
    for system in ("perfect", "lent"):  # a system without camera poses gets the true ones
        values = ours_of(board, system)
        assert values["W-MPJPE"] == pytest.approx(0.0, abs=1e-6)
        assert values["RTE"] == pytest.approx(0.0, abs=1e-6)
        assert values["ERVE"] == pytest.approx(0.0, abs=1e-6)
    assert ours_of(board, "lazy")["RTE"] > 1.0
    assert ours_of(board, "perfect")["WA-MPJPE (TRAM tail)"] == pytest.approx(0.0, abs=1e-6)


def test_missing_frames_are_counted_and_left_out(tmp_path):
    arrays = motion_arrays(10)
    arrays["valid"] = np.arange(10) != 3
    truth = save_arrays(tmp_path / "truth" / "a.npz", arrays)
    half = {name: values[5:] for name, values in arrays.items() if name != "valid"}
    path = save_arrays(tmp_path / "ours" / "a.npz", half)
    result = score(BENCHMARKS["emdb1"], load_motions(truth), load_motions(path))
    assert (result.frames, result.missing) == (9, 4)
    assert result.values["MPJPE"] == pytest.approx(0.0, abs=1e-9)
    board = evaluate("emdb1", truth, {"ours": path})
    assert any("4 of 9 frames not predicted" in line.note for line in board.lines)


def test_differences_over_time_are_not_taken_across_frames_without_an_answer(tmp_path):
    frames = 60
    steady = np.arange(frames)[:, None, None] * np.array([0.1, 0.0, 0.0])  # 3 m/s, without jitter
    arrays = motion_arrays(frames) | {"world_from_camera": np.tile(np.eye(4), (frames, 1, 1))}
    arrays |= {"joints": arrays["joints"][:1] + steady, "orient": arrays["orient"][:1].repeat(frames, 0)}
    truth = save_arrays(tmp_path / "truth" / "a.npz", arrays)
    kept = np.r_[0:20, 40:60]
    ours = save_arrays(tmp_path / "ours" / "a.npz", {name: values[kept] for name, values in arrays.items()})
    alternate = save_arrays(tmp_path / "half" / "a.npz", {name: values[::2] for name, values in arrays.items()})
    board = evaluate("emdb2", truth, {"ours": ours, "half": alternate})
    values = ours_of(board)
    for name in ("W-MPJPE", "RTE", "ERVE", "Jitter", "Accel"):
        assert values[name] == pytest.approx(0.0, abs=1e-6), name
    assert ours_of(board, "half")["W-MPJPE"] == pytest.approx(0.0, abs=1e-6)
    assert "Jitter" not in ours_of(board, "half")  # no four answers follow each other


def test_a_person_who_is_hardly_predicted_does_not_end_the_benchmark(tmp_path):
    arrays = motion_arrays(20) | {"world_from_camera": moving_camera(20)}
    for name in ("a", "b"):
        save_arrays(tmp_path / "truth" / f"{name}.npz", arrays)
        rows = slice(0, 20 if name == "a" else 3)
        save_arrays(tmp_path / "ours" / f"{name}.npz", {key: values[rows] for key, values in arrays.items()})
    save_arrays(tmp_path / "few" / "a.npz", {key: values[:3] for key, values in arrays.items()})
    board = evaluate("emdb2", tmp_path / "truth", {"ours": tmp_path / "ours"})
    assert ours_of(board)["W-MPJPE"] == pytest.approx(0.0, abs=1e-6)
    assert [line.note for line in board.lines if line.origin == MEASURED] == ["20 of 40 frames not predicted"]
    with pytest.raises(MetricInputError, match="predict at least 4 frames of a person"):
        evaluate("emdb2", tmp_path / "truth", {"few": tmp_path / "few"})


def test_several_people_and_sequences_in_one_file(tmp_path):
    parts = [
        motion_arrays(4, seed) | {"sequence": np.full(4, sequence), "person": np.full(4, person)}
        for seed, (sequence, person) in enumerate([("a", "x"), ("a", "y"), ("b", "x")])
    ]
    arrays = {name: np.concatenate([part[name] for part in parts])[::-1] for name in parts[0]}  # unsorted
    motions = list(load_motions(save_arrays(tmp_path / "all.npz", arrays)))
    assert [(m.sequence, m.person) for m in motions] == [("a", "x"), ("a", "y"), ("b", "x")]
    for motion, part in zip(motions, parts, strict=True):
        np.testing.assert_array_equal(motion.frames, np.arange(4))
        np.testing.assert_array_equal(motion["joints"], part["joints"])


def test_synfocal_has_a_line_for_each_focal_length(tmp_path):
    arrays = motion_arrays(8)
    truth = save_arrays(tmp_path / "truth.npz", arrays)
    far = arrays | {"joints": np.where(arrays["focal"][:, None, None] == 1000, 1.1, 1.0) * arrays["joints"]}
    board = evaluate(
        "synfocal", truth, {"ours": save_arrays(tmp_path / "ours.npz", far | {"sequence": np.full(8, "truth")})}
    )
    assert ours_of(board, "ours, f = 500 px")["RDE"] == pytest.approx(0.0, abs=1e-12)
    assert ours_of(board, "ours, f = 1000 px")["RDE"] == pytest.approx(0.1)
    assert ours_of(board)["RDE"] == pytest.approx(0.05)


def test_depth_maps(tmp_path):
    for name, factor in (("a", 1.0), ("b", 1.5)):
        truth = np.full((4, 4), 2.0)
        truth[0] = 0.0
        save_arrays(tmp_path / "truth" / f"{name}.npz", {"depth": truth, "mask": np.arange(16).reshape(4, 4) != 15})
        if name == "b":
            save_arrays(tmp_path / "half" / f"{name}.npz", {"depth": truth * factor + (truth == 0)})
        save_arrays(tmp_path / "ours" / f"{name}.npz", {"depth": truth * factor + (truth == 0)})
    systems = {"ours": tmp_path / "ours", "half": tmp_path / "half"}
    board = evaluate_depth(tmp_path / "truth", systems, DepthProtocol(max_depth=10.0))
    assert ours_of(board)["AbsRel"] == pytest.approx(0.25)
    assert ours_of(board)["delta1"] == pytest.approx(0.5)
    assert ours_of(board, "half")["MAE"] == pytest.approx(1.0)
    assert "1 of 2 images" in board.markdown()
    assert "up to 10 m" in board.title
    with pytest.raises(MetricInputError, match=r"e.g. a.npz"):
        evaluate_depth(tmp_path / "truth", {"none": tmp_path})


def test_depth_maps_without_a_true_pixel_are_left_out_and_counted(tmp_path):
    far = np.full((4, 4), 2.0)
    truth = {
        "a": {"depth": far},
        "b": {"depth": far, "mask": np.zeros((4, 4), bool)},
        "c": {"depth": np.full((4, 4), 50.0)},
        "d": {"depth": far},
    }
    for name, arrays in truth.items():
        save_arrays(tmp_path / "truth" / f"{name}.npz", arrays)
        save_arrays(tmp_path / "ours" / f"{name}.npz", {"depth": 1.5 * far if name != "d" else np.nan * far})
        save_arrays(tmp_path / "nothing" / f"{name}.npz", {"depth": np.nan * far})
    board = evaluate_depth(tmp_path / "truth", {"ours": tmp_path / "ours"}, DepthProtocol(max_depth=10.0))
    assert ours_of(board)["AbsRel"] == pytest.approx(0.5)
    assert "1 of 2 images, 100 % of their true pixels predicted; 2 without a true pixel left out" in board.markdown()
    with pytest.raises(MetricInputError, match="with a pixel that can be compared"):
        evaluate_depth(tmp_path / "truth", {"nothing": tmp_path / "nothing"})


def test_tables_mark_the_papers_rows(tmp_path):
    truth = save_arrays(tmp_path / "t.npz", motion_arrays())
    board = evaluate("3dpw", truth, {"ours": truth})
    board.write(tmp_path / "tables", "3dpw")
    markdown = (tmp_path / "tables/3dpw.md").read_text()
    rows = list(csv.reader(io.StringIO((tmp_path / "tables/3dpw.csv").read_text())))
    content = json.loads((tmp_path / "tables/3dpw.json").read_text())
    assert len(rows) == len(content["lines"]) + 1 == len(PUBLISHED["3dpw"]) + 2
    for line in markdown.splitlines():
        if "CameraHMR" in line:
            assert "35.1" in line
            assert SOURCE in line
        if line.startswith("| ours"):
            assert MEASURED in line
    assert content["units"]["PVE"] == "mm"
    assert all(set(row.values) <= set(BENCHMARKS[name].columns) for name in BENCHMARKS for row in PUBLISHED[name])


def test_predictions_that_do_not_fit_are_named(tmp_path):
    arrays = motion_arrays()
    truth = save_arrays(tmp_path / "truth.npz", arrays)
    cases = [
        ({"frame": arrays["frame"]}, "lacks 'joints'"),
        (arrays | {"h36m": arrays["joints"]}, r"'h36m' has shape \(6, 24, 3\), expected \(6, 17, 3\)"),
        (arrays | {"frame": np.zeros(6, int)}, "has frame 0 twice"),
    ]
    for wrong, words in cases:
        with pytest.raises(MetricInputError, match=words):
            evaluate("3dpw", truth, {"ours": save_arrays(tmp_path / "wrong.npz", wrong)})
    with pytest.raises(MetricInputError, match="none of 6 true frames is predicted; use the truth's names"):
        evaluate("3dpw", truth, {"ours": save_arrays(tmp_path / "other.npz", arrays)})
    plain = {name: arrays[name] for name in ("frame", "joints")} | {"sequence": np.full(6, "truth")}
    with pytest.raises(MetricInputError, match="the required field 'h36m' is missing"):
        evaluate("3dpw", truth, {"ours": save_arrays(tmp_path / "plain.npz", plain)})
    for name in ("coco", "prox"):  # prox has depth maps, of `evaluate_depth`
        with pytest.raises(MetricInputError, match=f"unknown benchmark '{name}'; choose from ([a-z0-9]+, )+synfocal$"):
            evaluate(name, truth, {})
    (tmp_path / "text.npz").write_text("no archive")
    with pytest.raises(MetricInputError, match="not an npz file"):
        evaluate("3dpw", tmp_path / "text.npz", {"ours": truth})


def test_the_command_scores_predictions_and_writes_tables(tmp_path):
    truth = save_arrays(tmp_path / "truth.npz", motion_arrays())
    paper = Console(file=io.StringIO(), width=200)
    options = EvalOptions(data=truth, predictions=(f"mine={truth}",), out=tmp_path / "tables")
    assert eval_command("emdb1", options, paper) is ExitCode.OK
    assert "mine" in paper.file.getvalue()
    assert "| mine |" in (tmp_path / "tables/emdb1.md").read_text()
    folder = tmp_path / "data"
    folder.mkdir()
    for benchmark, wrong, words in (
        ("coco", options, "unknown benchmark 'coco'"),
        ("emdb1", EvalOptions(data=truth), "needs --predictions NAME=PATH"),
        ("emdb1", EvalOptions(data=truth, predictions=("mine",)), "write NAME=PATH"),
        ("emdb1", EvalOptions(), "--data is missing"),
        ("emdb1", EvalOptions(data=tmp_path / "nowhere"), "nowhere: does not exist"),
        ("emdb1", EvalOptions(data=folder), "--smpl is missing"),
        ("rich", EvalOptions(data=folder), "--smplx is missing"),
        ("synfocal", EvalOptions(data=folder), "needs motions in this package's npz layout"),
    ):
        paper = Console(file=io.StringIO(), width=200)
        assert eval_command(benchmark, wrong, paper) is ExitCode.USAGE
        assert words in paper.file.getvalue()
