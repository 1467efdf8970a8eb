"""BVH, GLB, AMASS, TUM and LeRobot, read back by code that shares nothing with the writers."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from benchmarks.conversion.motion_files import Glb, angle_between, read_bvh
from benchmarks.conversion.moving_people import (
    START_NS,
    MovingPerson,
    forward,
    moving_camera,
    moving_person,
    write_replay,
)
from metrichmsr_ros.body.joints import JOINT_NAMES
from metrichmsr_ros.body.load import load_body_engine
from metrichmsr_ros.body.open_tables import OpenTables
from metrichmsr_ros.conversion.convert import convert
from metrichmsr_ros.conversion.options import ConvertOptions
from metrichmsr_ros.evaluation.trajectories import read_tum
from metrichmsr_ros.types import AnyArray

COUNT, FPS = 40, 25.0
TABLES = OpenTables.load("open_light")
CAMERAS = moving_camera(COUNT)
RADIANS, METRES = 1e-4, 1e-4
Y_UP_OF = {"camera": np.diag([1.0, -1, -1]), "world": Rotation.from_euler("x", -90, degrees=True).as_matrix()}
Z_UP_OF = {"camera": Rotation.from_euler("x", -90, degrees=True).as_matrix(), "world": np.eye(3)}


@pytest.fixture(scope="module")
def walker() -> MovingPerson:
    return moving_person("p1", range(3, 30), 1)


@pytest.fixture(scope="module")
def replay(tmp_path_factory: pytest.TempPathFactory, walker: MovingPerson) -> Path:
    return write_replay(tmp_path_factory.mktemp("replay") / "out", [walker], COUNT, CAMERAS, fps=FPS)


def truth(person: MovingPerson, row: int, frame: str, axes: AnyArray) -> tuple[AnyArray, AnyArray]:
    """Matrices (24, 4, 4) of the joints and vertices in the axes of the format."""
    matrices, vertices = forward(TABLES, person.betas[row], person.pose[row], person.transl[row])
    place = CAMERAS[person.frame[row]] if frame == "world" else np.eye(4)
    place = np.block([[axes, np.zeros((3, 1))], [np.zeros((1, 3)), np.ones((1, 1))]]) @ place
    return place @ matrices, vertices @ place[:3, :3].T + place[:3, 3]


def assert_joints_equal(found: AnyArray, expected: AnyArray) -> None:
    assert angle_between(expected[:, :3, :3], found[:, :3, :3]).max() < RADIANS
    assert np.abs(expected[:, :3, 3] - found[:, :3, 3]).max() < METRES


@pytest.mark.parametrize("frame", ["camera", "world"])
def test_a_bvh_gives_every_joint_back(replay: Path, walker: MovingPerson, tmp_path: Path, frame: str) -> None:
    convert(replay, "bvh", tmp_path, ConvertOptions(frame=frame))
    bvh = read_bvh(tmp_path / "walk.mcap/p1.bvh")
    assert sorted(bvh.names) == sorted(JOINT_NAMES)
    assert bvh.frame_time == pytest.approx(1 / FPS, abs=1e-9)
    order = [bvh.names.index(name) for name in JOINT_NAMES]
    for row in range(len(walker.frame)):
        assert_joints_equal(bvh.matrices[row, order], truth(walker, row, frame, Y_UP_OF[frame])[0])


@pytest.mark.parametrize("frame", ["camera", "world"])
def test_a_glb_poses_the_body_models_vertices(replay: Path, walker: MovingPerson, tmp_path: Path, frame: str) -> None:
    convert(replay, "glb", tmp_path, ConvertOptions(frame=frame))
    glb = Glb(tmp_path / "walk.mcap.glb")
    joints = glb.json["skins"][0]["joints"]
    assert [glb.json["nodes"][joint]["name"].split("/")[1] for joint in joints] == list(JOINT_NAMES)
    engine = load_body_engine("open_light")
    rotations = Rotation.from_rotvec(walker.pose.reshape(-1, 3)).as_matrix().reshape(-1, 24, 3, 3).astype(np.float32)
    of_model = engine.posed(walker.betas, rotations, walker.transl).vertices
    for row in range(0, len(walker.frame), 5):
        time = walker.frame[row] / FPS
        matrices, vertices = truth(walker, row, frame, Y_UP_OF[frame])
        assert_joints_equal(glb.node_matrices(time)[joints], matrices)
        assert np.abs(glb.skinned("p1", time) - vertices).max() < METRES
        if frame == "camera":
            assert np.abs(glb.skinned("p1", time) - of_model[row] @ Y_UP_OF["camera"].T).max() < METRES


def test_a_program_with_four_joints_a_vertex_is_off_by_less_than_three_centimetres(
    replay: Path, walker: MovingPerson, tmp_path: Path
) -> None:
    convert(replay, "glb", tmp_path)
    glb = Glb(tmp_path / "walk.mcap.glb")
    off = [
        np.linalg.norm(glb.skinned("p1", time, sets=1) - glb.skinned("p1", time), axis=1)
        for time in walker.frame[::5] / FPS
    ]
    assert np.max(off) < 0.03
    assert np.mean(off) < 0.0005


def test_a_glb_is_valid_gltf(replay: Path, tmp_path: Path) -> None:
    """What the specification asks of skins, accessors and samplers."""
    convert(replay, "glb", tmp_path, ConvertOptions(body="open"))
    glb = Glb(tmp_path / "walk.mcap.glb")
    primitive = glb.json["meshes"][0]["primitives"][0]
    arrays = {name: glb.array(index) for name, index in primitive["attributes"].items()}
    assert len({len(values) for values in arrays.values()}) == 1
    total = arrays["WEIGHTS_0"].sum(1, dtype=np.float64) + arrays["WEIGHTS_1"].sum(1, dtype=np.float64)
    assert np.abs(total - 1).max() < 1e-6
    for number in (0, 1):
        assert (arrays[f"JOINTS_{number}"][arrays[f"WEIGHTS_{number}"] == 0] == 0).all()
    assert np.abs(np.linalg.norm(arrays["NORMAL"], axis=1) - 1).max() < 1e-5
    assert glb.array(primitive["indices"]).max() == len(arrays["POSITION"]) - 1
    for accessor in glb.json["accessors"]:
        view = glb.json["bufferViews"][accessor["bufferView"]]
        assert view["byteOffset"] % 4 == 0
    for sampler in glb.json["animations"][0]["samplers"]:
        times = glb.json["accessors"][sampler["input"]]
        assert (np.diff(glb.array(sampler["input"])) > 0).all()
        assert times["min"][0] >= 0
        assert times["count"] == glb.json["accessors"][sampler["output"]]["count"]


def test_a_person_is_shown_in_a_glb_only_while_it_is_there(tmp_path: Path) -> None:
    away = moving_person("p1", [4, 5, 6, 20, 21], 5)
    convert(write_replay(tmp_path / "in", [away], 30, fps=FPS), "glb", tmp_path / "out")
    glb = Glb(tmp_path / "out/walk.mcap.glb")
    root = glb.json["skins"][0]["joints"][0]
    shown = [np.linalg.norm(glb.node_matrices(frame / FPS)[root, :3, 0]) for frame in range(30)]
    assert [frame for frame in range(30) if shown[frame] > 0.5] == [4, 5, 6, 20, 21]
    assert set(np.round(shown, 5)) == {0.0, 1.0}


def test_missing_frames_hold_the_pose_before_them(tmp_path: Path) -> None:
    away = moving_person("p1", [4, 5, 9, 10], 5)
    written = convert(write_replay(tmp_path / "in", [away], 30, fps=FPS), "bvh", tmp_path / "out")
    bvh = read_bvh(tmp_path / "out/walk.mcap/p1.bvh")
    assert len(bvh.matrices) == 7
    assert written[0].held == 3
    order = [bvh.names.index(name) for name in JOINT_NAMES]
    for slot, row in enumerate([0, 1, 1, 1, 1, 2, 3]):
        assert_joints_equal(bvh.matrices[slot, order], truth(away, row, "camera", Y_UP_OF["camera"])[0])


def test_an_uneven_clock_loses_no_row(tmp_path: Path) -> None:
    """Stamps that jitter by 40 % of the period still give each row a slot of its own."""
    from metrichmsr_ros.conversion.clock import grid_of

    rng = np.random.default_rng(0)
    seconds = np.arange(200) / FPS + rng.uniform(-0.4, 0.4, 200) / FPS
    grid = grid_of(seconds, FPS)
    assert sorted(grid.row[~grid.is_held]) == list(range(200))
    assert grid.largest_shift_s < 2 / FPS


@pytest.mark.parametrize("frame", ["camera", "world"])
def test_an_amass_file_gives_joints_and_vertices_back(
    replay: Path, walker: MovingPerson, tmp_path: Path, frame: str
) -> None:
    convert(replay, "amass", tmp_path, ConvertOptions(frame=frame))
    with np.load(tmp_path / "walk.mcap/p1.npz", allow_pickle=False) as file:
        found = {name: file[name] for name in file.files}
    assert found["poses"].shape == (27, 72)
    assert found["betas"].shape == (10,)
    assert float(found["mocap_framerate"]) == pytest.approx(FPS)
    assert str(found["body_model"]) == "open_light"
    assert "NOT betas of SMPL" in str(found["note"])
    for row in range(27):
        matrices, vertices = forward(TABLES, found["betas"], found["poses"][row], found["trans"][row])
        expected, of_body = truth(walker, row, frame, Z_UP_OF[frame])
        assert_joints_equal(matrices, expected)
        assert np.abs(vertices - of_body).max() < METRES
        assert np.abs(found["joints"][row] - expected[:, :3, 3]).max() < METRES


@pytest.mark.parametrize("frame", ["camera", "world"])
def test_tum_trajectories_are_those_of_the_body_frame(
    replay: Path, walker: MovingPerson, tmp_path: Path, frame: str
) -> None:
    convert(replay, "tum", tmp_path, ConvertOptions(frame=frame))
    path = read_tum(tmp_path / "walk.mcap/p1.tum")
    assert (path.stamp_ns == START_NS + walker.frame * 40_000_000).all()
    to_chest = np.array([[0.0, 1, 0], [0, 0, 1], [1, 0, 0]])  # x out of the chest, y left, z to the head
    for row, pose in enumerate(path.matrices()):
        matrices = truth(walker, row, frame, np.eye(3))[0]
        assert np.abs(pose[:3, 3] - matrices[[1, 2], :3, 3].mean(0)).max() < METRES
        assert angle_between(matrices[0, :3, :3] @ to_chest, pose[:3, :3]) < RADIANS
    if frame == "world":
        assert np.abs(read_tum(tmp_path / "walk.mcap/camera_world.tum").matrices() - CAMERAS).max() < 1e-6


def test_rows_without_a_camera_pose_are_left_out_of_the_world_and_counted(tmp_path: Path, walker: MovingPerson) -> None:
    cameras = CAMERAS.copy()
    cameras[5:8] = np.nan
    written = convert(
        write_replay(tmp_path / "in", [walker], COUNT, cameras), "bvh", tmp_path / "out", ConvertOptions(frame="world")
    )
    assert (written[0].rows, written[0].left_out, written[0].held) == (24, 3, 3)


def test_one_shape_is_the_mean_of_the_seen_rows_and_its_error_is_told(tmp_path: Path, walker: MovingPerson) -> None:
    betas = walker.betas.copy()
    betas[:10] += 1.0
    betas[20:] += 100.0
    rows = zip(betas, walker.pose, walker.transl, strict=True)
    joints = np.array([forward(TABLES, *row)[0][:, :3, 3] for row in rows], np.float32)
    occluded = np.arange(27) >= 20
    person = replace(walker, betas=betas, joints=joints, occluded=occluded)
    written = convert(write_replay(tmp_path / "in", [person], COUNT), "bvh", tmp_path / "out")
    assert written[0].shape_error_m > 0.05
    convert(tmp_path / "in", "amass", tmp_path / "amass")
    with np.load(tmp_path / "amass/walk.mcap/p1.npz") as file:
        assert np.abs(file["betas"] - betas[:20].mean(0)).max() < 1e-5
        assert (file["is_occluded"] == occluded).all()
        assert np.abs(file["trans"] - walker.transl @ Z_UP_OF["camera"].T).max() < METRES


def test_a_lerobot_data_set_holds_one_episode_a_person(replay: Path, walker: MovingPerson, tmp_path: Path) -> None:
    pq = pytest.importorskip("pyarrow.parquet", reason="LeRobot's files are Parquet")
    people = [walker, moving_person("p2", [0, 1, 2, 6, 7], 4)]
    source = write_replay(tmp_path / "in", people, COUNT, CAMERAS)
    out = tmp_path / "out"
    convert(source, "lerobot", out, ConvertOptions(frame="world", task="walk"))
    info = json.loads((out / "meta/info.json").read_text())
    assert (info["codebase_version"], info["fps"], info["total_episodes"], info["total_frames"]) == ("v3.0", 25, 2, 35)
    table = pq.read_table(out / info["data_path"].format(chunk_index=0, file_index=0))
    assert set(table.column_names) == set(info["features"])
    episodes = pq.read_table(out / "meta/episodes/chunk-000/file-000.parquet").to_pylist()
    assert [(row["dataset_from_index"], row["dataset_to_index"]) for row in episodes] == [(0, 27), (27, 35)]
    assert [row["person"] for row in episodes] == ["p1", "p2"]
    assert pq.read_table(out / "meta/tasks.parquet").to_pylist() == [{"task_index": 0, "task": "walk"}]
    column = {name: np.array(table[name].to_pylist()) for name in table.column_names}
    for name, feature in info["features"].items():
        assert column[name].reshape(35, -1).shape[1] == feature["shape"][0]
    assert (column["index"] == np.arange(35)).all()
    assert np.abs(column["timestamp"] - column["frame_index"] / 25).max() < 1e-6
    for row in range(27):
        matrices = truth(walker, row, "world", np.eye(3))[0]
        state = column["observation.state"][row]
        found = forward(TABLES, walker.betas[row], state[3:], np.zeros(3))[0]
        found[:, :3, 3] += state[:3] - found[0, :3, 3]
        assert_joints_equal(found, matrices)
        assert np.abs(column["observation.joints"][row].reshape(24, 3) - matrices[:, :3, 3]).max() < METRES
    assert (column["action"][:26] == column["observation.state"][1:27]).all()
    assert (column["action"][26] == column["observation.state"][26]).all()
    assert column["observation.measured"].tolist() == [1] * 27 + [1, 1, 1, 0, 0, 0, 1, 1]
    stats = json.loads((out / "meta/stats.json").read_text())
    for name, feature in info["features"].items():
        values = column[name].reshape(35, -1).astype(np.float64)
        assert len(stats[name]["mean"]) == feature["shape"][0]
        assert np.allclose(stats[name]["mean"], values.mean(0), atol=1e-5)
        assert np.allclose(stats[name]["std"], values.std(0), atol=1e-5)
        assert np.allclose(stats[name]["max"], values.max(0), atol=1e-5)
        assert stats[name]["count"] == [35]


def test_a_full_data_file_of_lerobot_is_followed_by_another(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pq = pytest.importorskip("pyarrow.parquet", reason="LeRobot's files are Parquet")
    monkeypatch.setattr("metrichmsr_ros.conversion.formats.lerobot_files.FILE_MB", 0)
    people = [moving_person(f"p{seed}", range(3), seed) for seed in range(3)]
    convert(write_replay(tmp_path / "in", people, 3), "lerobot", tmp_path / "out")
    episodes = pq.read_table(tmp_path / "out/meta/episodes/chunk-000/file-000.parquet").to_pylist()
    for number, episode in enumerate(episodes):
        place = (episode["data/chunk_index"], episode["data/file_index"])
        assert place == (0, number)
        table = pq.read_table(tmp_path / "out/data/chunk-{:03d}/file-{:03d}.parquet".format(*place), partitioning=None)
        assert table["index"].to_pylist() == list(range(3 * number, 3 * number + 3))
        assert set(table["episode_index"].to_pylist()) == {number}


def test_the_task_of_a_lerobot_data_set_is_the_index_that_pandas_reads(replay: Path, tmp_path: Path) -> None:
    pytest.importorskip("pyarrow", reason="LeRobot's files are Parquet")
    pandas = pytest.importorskip("pandas", reason="LeRobot reads its tasks with pandas")
    convert(replay, "lerobot", tmp_path, ConvertOptions(task="walk"))
    tasks = pandas.read_parquet(tmp_path / "meta/tasks.parquet")
    assert list(tasks.index) == ["walk"]
    assert tasks.loc["walk"].task_index == 0


def test_trimesh_reads_the_mesh_at_rest(replay: Path, walker: MovingPerson, tmp_path: Path) -> None:
    import trimesh

    convert(replay, "glb", tmp_path)
    (mesh,) = trimesh.load(tmp_path / "walk.mcap.glb", process=False).geometry.values()
    assert np.abs(mesh.vertices - (TABLES.template + TABLES.directions @ walker.betas[0])).max() < 1e-6
    assert (mesh.faces == TABLES.faces).all()
    assert mesh.is_winding_consistent
    assert mesh.volume > 0.02


def test_pygltflib_reads_the_file(replay: Path, tmp_path: Path) -> None:
    pygltflib = pytest.importorskip("pygltflib", reason="pygltflib is not installed")
    convert(replay, "glb", tmp_path)
    file = pygltflib.GLTF2().load(str(tmp_path / "walk.mcap.glb"))
    assert (len(file.skins), len(file.meshes), len(file.animations)) == (1, 1, 1)
    assert len(file.skins[0].joints) == 24
    assert file.accessors[file.skins[0].inverseBindMatrices].type == pygltflib.MAT4
    paths = [channel.target.path for channel in file.animations[0].channels]
    assert (paths.count("rotation"), paths.count("translation"), paths.count("scale")) == (24, 1, 1)
    assert len(file.binary_blob()) == file.buffers[0].byteLength


def test_another_bvh_reader_reads_the_file(replay: Path, walker: MovingPerson, tmp_path: Path) -> None:
    bvh = pytest.importorskip("bvh", reason="the package bvh is not installed")
    convert(replay, "bvh", tmp_path)
    file = bvh.Bvh((tmp_path / "walk.mcap/p1.bvh").read_text())
    assert file.nframes == 27
    assert file.frame_time == pytest.approx(1 / FPS)
    assert len(file.get_joints_names()) == 24
    root = file.frames_joint_channels("pelvis", ["Xposition", "Yposition", "Zposition"])
    assert np.abs(np.array(root) - walker.joints[:, 0] @ Y_UP_OF["camera"].T).max() < METRES
    turns = Rotation.from_euler(
        "ZXY", file.frames_joint_channels("left_knee", ["Zrotation", "Xrotation", "Yrotation"]), degrees=True
    )
    assert angle_between(turns.as_matrix(), Rotation.from_rotvec(walker.pose[:, 12:15]).as_matrix()).max() < RADIANS
