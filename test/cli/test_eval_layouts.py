"""`metrichmsr eval` on files in the published layouts: the user's SMPL and SMPL-X files, sequences, cameras, the table.

Except in one test the pipeline is fake: it returns the joints that the fixture's writer put into the world, with drift
and with displaced hands.
"""

from __future__ import annotations

import importlib.util
import io
import json
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from helpers.eval_tables import table_of
from helpers.layouts.bodies import BODIES, write_smpl, write_smplx
from helpers.layouts.files import save_picture, write_pickle
from helpers.layouts.scenes import write_rich_film
from helpers.layouts.video_sequences import write_3dpw, write_emdb
from helpers.layouts.world import World
from helpers.oracle import REGRESSOR, Oracle
from rich.console import Console
from scipy.spatial.transform import Rotation

from metrichmsr_ros.body.open_tables import FILES, load_arrays, to_smpl_dict
from metrichmsr_ros.cli import eval as command
from metrichmsr_ros.cli import main as cli
from metrichmsr_ros.cli.eval import EvalOptions, eval_command
from metrichmsr_ros.data.formats.labels import LabelError
from metrichmsr_ros.data.synthesis.walking_sequence import WalkingSequence
from metrichmsr_ros.evaluation.benchmarks.bodies import read_genders, smpl_by_gender, smplx_by_gender
from metrichmsr_ros.evaluation.benchmarks.video_datasets import read_videos
from metrichmsr_ros.evaluation.metrics.world import jitter, rte, w_mpjpe, wa_mpjpe
from metrichmsr_ros.replay.options import ExitCode

needs_smplx = pytest.mark.skipif(
    not importlib.util.find_spec("smplx"), reason="SMPL's files are read by smplx, which is not installed (extra: smpl)"
)


def drifted(world: World) -> np.ndarray:
    """(N, 24, 3) estimates in the camera frame with drift, jitter and displaced hands."""
    row = np.arange(len(world.pose))
    joints = world.joints_cam + np.stack([0.03 * np.sin(row), 0 * row, 0.04 * row], 1)[:, None]
    joints[:, 22:] += 0.05
    return joints


class FakeTracker:
    """A fake pipeline that returns the joints of the worlds' people at a frame, changed by :func:`drifted`."""

    def __init__(self, worlds: list[World], first_frame: int = 0) -> None:
        self.worlds, self.first = worlds, first_frame
        self.cameras: list[Any] = []

    def reset(self) -> None:
        pass

    def track(self, image: Any, camera: Any, stamp_s: float, *, request: Any) -> Any:
        assert image.shape[:2] == self.worlds[0].size[::-1]
        self.cameras.append(camera)
        row = round(stamp_s * 30) - self.first
        people = [SimpleNamespace(**self.person(world, row)) for world in self.worlds[::-1]]
        return SimpleNamespace(people=people)

    def person(self, world: World, row: int) -> dict[str, Any]:
        root = Rotation.from_matrix(world.extrinsics[row, :3, :3]) * Rotation.from_rotvec(world.pose[row, :3])
        return {
            "joints_cam": drifted(world)[row],
            "vertices_cam": np.zeros((9, 3)),
            "pose": np.concatenate([root.as_rotvec(), world.pose[row, 3:]]),
            "height": 1.7,
        }


def world_of(world: World, frames: np.ndarray, joints_cam: np.ndarray) -> np.ndarray:
    """Camera frame -> world by the published extrinsics, which map world -> camera frame."""
    turn, place = world.extrinsics[frames, :3, :3], world.extrinsics[frames, None, :3, 3]
    return np.einsum("nji,nkj->nki", turn, joints_cam[frames] - place)


def expected(worlds: list[World], frames: np.ndarray, kept: int) -> dict[str, float]:
    """The table's means, from the joints in the fixture's own world frame."""
    rows: dict[str, list[np.ndarray]] = {"W-MPJPE": [], "WA-MPJPE": [], "RTE": [], "Jitter": []}
    for world in worlds:
        ours, theirs = world_of(world, frames, drifted(world))[:, :kept], world.joints_world[frames][:, :kept]
        rows["W-MPJPE"].append(w_mpjpe(ours, theirs))
        rows["WA-MPJPE"].append(wa_mpjpe(ours, theirs))
        rows["RTE"].append(rte(ours[:, 0], theirs[:, 0]))
        rows["Jitter"].append(jitter(ours))
    return {name: float(np.concatenate(values).mean()) for name, values in rows.items()}


def line_of(out: Path, benchmark: str, system: str = "embedded") -> dict[str, Any]:
    lines = json.loads((out / f"{benchmark}.json").read_text())["lines"]
    (line,) = [line for line in lines if line["system"] == system]
    return dict(line)


def test_rich_in_its_layout(tmp_path, monkeypatch):
    _, worlds = write_rich_film(tmp_path)
    tracker = FakeTracker(worlds, first_frame=20)
    monkeypatch.setattr(command, "_pipeline", lambda options: tracker)
    options = EvalOptions(data=tmp_path, smplx=write_smplx(tmp_path / "smplx"), out=tmp_path / "out")
    printed = table_of("rich", options)
    line = line_of(tmp_path / "out", "rich")
    for name, value in expected(worlds, np.arange(8), kept=22).items():
        assert line["values"][name] == pytest.approx(value, rel=2e-3), name
        assert name in printed
    assert "the 22 joints SMPL-X shares with SMPL, no PVE" in line["note"]
    assert "16 frames" in line["note"]  # two people in eight
    assert "(paper) MetricHMSR" in printed
    assert all(camera.is_distorted for camera in tracker.cameras)


def test_rich_evaluates_other_systems_without_images(tmp_path):
    view, worlds = write_rich_film(tmp_path)
    for picture in tmp_path.rglob("*.jpeg"):
        picture.unlink()
    (tmp_path / "theirs").mkdir()
    rows = {
        "frame": np.tile(np.arange(20, 28), 2),
        "person": np.repeat(["0", "1"], 8),
        "joints": np.concatenate([world.joints_cam for world in worlds]),
    }
    np.savez(tmp_path / f"theirs/{view}.npz", **rows)
    smplx = write_smplx(tmp_path / "smplx")
    given = (f"TRAM={tmp_path / 'theirs'}",)
    table_of("rich", EvalOptions(data=tmp_path, smplx=smplx, predictions=given, out=tmp_path / "out"))
    values = line_of(tmp_path / "out", "rich", "TRAM")["values"]
    assert max(values[name] for name in ("W-MPJPE", "WA-MPJPE", "RTE")) < 0.01


def test_errors_of_rich_name_what_is_missing(tmp_path):
    write_rich_film(tmp_path)
    smplx = write_smplx(tmp_path / "smplx")

    def usage_error(**options: Any) -> str:
        output = io.StringIO()
        code = eval_command("rich", EvalOptions(data=tmp_path, **options), Console(file=output, width=200))
        assert code is ExitCode.USAGE
        return output.getvalue()

    assert "--smplx is missing" in usage_error()
    (smplx / "SMPLX_FEMALE.npz").rename(tmp_path / "moved")
    assert "lacks SMPLX_MALE or SMPLX_FEMALE" in usage_error(smplx=smplx)
    (tmp_path / "moved").rename(smplx / "SMPLX_FEMALE.npz")
    (tmp_path / "gender.json").write_text('{"3": "male"}')
    assert "subject 018: no gender" in usage_error(smplx=smplx)
    assert "no.json is missing" in usage_error(smplx=smplx, genders=tmp_path / "no.json")
    (tmp_path / "images/test").rename(tmp_path / "images/train")
    assert "no views images/test" in usage_error(smplx=smplx)


@needs_smplx
def test_emdb2_in_its_layout(tmp_path, monkeypatch):
    _, world, good = write_emdb(tmp_path, "emdb2", frames=8)
    monkeypatch.setattr(command, "_pipeline", lambda options: FakeTracker([world]))
    printed = table_of("emdb2", EvalOptions(data=tmp_path, smpl=write_smpl(tmp_path / "smpl"), out=tmp_path / "out"))
    line = line_of(tmp_path / "out", "emdb2")
    for name, value in expected([world], good, kept=24).items():
        assert line["values"][name] == pytest.approx(value, rel=2e-3), name
        assert name in printed
    assert {"ERVE", "Accel"} <= line["values"].keys()
    assert line["note"] == f"{len(good)} frames"
    assert "(paper) TRAM" in printed


def write_rendered_emdb2(root: Path, frames: int) -> None:
    """A rendered walk in front of a moving camera, as a sequence of EMDB-2 whose female body is the open body."""
    walk = WalkingSequence(360, 30.0, (640, 480), np.radians(65.0))
    sequence = root / "P9" / "80_rendered_walk"
    shown = [walk[number] for number in range(frames)]
    anna = [next(person for person in frame.people if person.id == "anna") for frame in shown]
    poses = np.stack([frame.T_world_cam for frame in shown])
    roots = Rotation.from_matrix(poses[:, :3, :3]) * Rotation.from_rotvec([person.pose[:3] for person in anna])
    places = np.stack([p[:3, :3] @ person.transl_cam + p[:3, 3] for p, person in zip(poses, anna, strict=True)])
    for number, frame in enumerate(shown):
        save_picture(sequence / "images" / f"{number:05d}.jpg", frame.image[..., ::-1])
    camera = shown[0].camera
    pixels = np.stack([camera.project(person.joints_cam) for person in anna])
    content = {
        "gender": "female",
        "name": "P9_80_rendered_walk",
        "emdb1": False,
        "emdb2": True,
        "n_frames": frames,
        "good_frames_mask": np.ones(frames, bool),
        "camera": {
            "intrinsics": camera.intrinsics,
            "extrinsics": np.linalg.inv(poses),
            "width": camera.width,
            "height": camera.height,
        },
        "smpl": {
            "poses_root": roots.as_rotvec(),
            "poses_body": np.stack([person.pose[3:] for person in anna]),
            "trans": places,
            "betas": anna[0].betas,
        },
        "kp2d": pixels,
        "bboxes": {"bboxes": np.concatenate([pixels.min(1), pixels.max(1)], 1), "invalid_idxs": np.zeros(0, np.int64)},
    }
    write_pickle(sequence / "P9_80_rendered_walk_data.pkl", content)


@needs_smplx
def test_emdb2_with_the_embedded_pipeline(tmp_path, monkeypatch, capsys):
    """The whole command line: images, SMPL's file layout, network, tracker, cameras, table."""
    write_rendered_emdb2(tmp_path / "EMDB", frames=14)
    (tmp_path / "smpl").mkdir()
    for gender in ("MALE", "FEMALE"):
        np.savez(tmp_path / f"smpl/SMPL_{gender}.npz", **to_smpl_dict(load_arrays(FILES["open_light"])))
    words = ["eval", "emdb2", "--data", f"{tmp_path}/EMDB", "--smpl", f"{tmp_path}/smpl", "--out", str(tmp_path)]
    monkeypatch.setattr(sys, "argv", ["metrichmsr", *words, "--num-threads", "1"])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert ended.value.code == 0, capsys.readouterr().out
    line = line_of(tmp_path, "emdb2")
    assert "14 frames" in line["note"]  # the tracker may report a person with a delay; the note counts the frames
    assert line["values"]["WA-MPJPE"] < 200.0  # millimetres: the position is plausible
    assert f"{line['values']['W-MPJPE']:.1f}" in capsys.readouterr().out


@needs_smplx
@pytest.mark.parametrize(("benchmark", "write"), [("3dpw", write_3dpw), ("emdb1", write_emdb)])
def test_local_pose_with_smpl_from_its_files(benchmark, write, tmp_path, monkeypatch):
    write(tmp_path)
    np.save(tmp_path / "J_regressor_h36m.npy", REGRESSOR)
    videos = list(read_videos(benchmark, tmp_path, BODIES, REGRESSOR))  # the same bodies without the model files
    monkeypatch.setattr(command, "_pipeline", lambda options: Oracle(videos))
    smpl, regressor = write_smpl(tmp_path / "smpl"), tmp_path / "J_regressor_h36m.npy"
    table_of(benchmark, EvalOptions(data=tmp_path, smpl=smpl, regressor=regressor, out=tmp_path / "out"))
    values = line_of(tmp_path / "out", benchmark)["values"]
    assert max(values[name] for name in ("PA-MPJPE", "MPJPE", "PVE")) < 0.01
    assert values["H-MAE"] == pytest.approx(50.0, abs=0.01)


def test_files_of_another_kind_are_named(tmp_path, monkeypatch):
    folder = tmp_path / "smpl"
    folder.mkdir()
    for gender in ("MALE", "FEMALE"):
        np.savez(folder / f"SMPL_{gender}.npz", v_template=np.zeros((4, 3)))
        np.savez(folder / f"SMPLX_{gender}.npz", v_template=np.zeros((4, 3)))
    for read in (smpl_by_gender, smplx_by_gender):
        with pytest.raises(LabelError, match="missing: shapedirs"):
            read(folder)
    (tmp_path / "gender.json").write_text('{"3": "m"}')
    with pytest.raises(LabelError, match="must hold an object"):
        read_genders(tmp_path / "gender.json")
    monkeypatch.setitem(sys.modules, "smplx", None)
    with pytest.raises(LabelError, match=r"pip install 'metrichmsr_ros\[smpl\]'"):
        smpl_by_gender(write_smpl(tmp_path / "good"))
