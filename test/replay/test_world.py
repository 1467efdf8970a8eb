"""Camera poses from transforms, and paths of people through the world."""

from __future__ import annotations

import itertools
import math
from types import SimpleNamespace

import numpy as np
import pytest
from helpers.bag_messages import FIRST_NS, STEP_NS, transform_message
from helpers.pixel_pipeline import PixelPipeline, make_pixel_pipeline
from helpers.recorded_bags import Recipe, write_bag
from scipy.spatial.transform import Rotation

from metrichmsr_ros.evaluation.metrics import MetricInputError
from metrichmsr_ros.evaluation.metrics.matching import TrueFrame, TruePerson
from metrichmsr_ros.evaluation.trajectories import read_tum, to_world, write_tum
from metrichmsr_ros.replay.batch.processes import plan, run_jobs
from metrichmsr_ros.replay.options import ExitCode, ReplayError, ReplayOptions
from metrichmsr_ros.replay.records import FrameRecord, PersonRecord
from metrichmsr_ros.replay.replay import replay_bag
from metrichmsr_ros.replay.result import read_metrics
from metrichmsr_ros.replay.world.camera_poses import HELD_S, CameraPoses, poses_of_bag
from metrichmsr_ros.replay.world.errors import world_errors
from metrichmsr_ros.ros.bags.message_types import TRANSFORMS
from metrichmsr_ros.ros.tf_tree import TransformTree

SECOND = 10**9
NOW = 1_700_000_000 * SECOND


def add(tree: TransformTree, parent: str, child: str, samples: list, is_static: bool = False) -> None:
    """Samples: (seconds, x, degrees about z)."""
    for seconds, x, degrees in samples:
        turn = Rotation.from_euler("z", degrees, degrees=True).as_quat().tolist()
        tree.add(parent, child, NOW + round(seconds * 1e9), (x, 0, 0), turn, is_static)


def whole_tree() -> TransformTree:
    return TransformTree(kept_s=math.inf, held_s=HELD_S)


def test_transforms_are_chained_and_interpolated():
    tree = whole_tree()
    add(tree, "map", "base", [(0.0, 0, 0), (1.0, 2, 90)])
    add(tree, "base", "camera", [(0.0, 1, 0)], is_static=True)
    poses = CameraPoses(tree)
    half = poses.world_from("camera", NOW + SECOND // 2)
    assert half is not None
    np.testing.assert_allclose(half[:3, 3], [1 + np.cos(np.pi / 4), np.sin(np.pi / 4), 0], atol=1e-9)
    np.testing.assert_allclose(half[:3, :3], Rotation.from_euler("z", 45, degrees=True).as_matrix(), atol=1e-9)
    np.testing.assert_allclose(poses.world_from("camera", NOW)[:3, 3], [1, 0, 0], atol=1e-12)


def test_transforms_are_not_extrapolated():
    tree = whole_tree()
    add(tree, "map", "camera", [(0.0, 0, 0), (1.0, 2, 0)])
    poses = CameraPoses(tree)
    assert poses.world_from("camera", NOW + 2 * SECOND) is None
    assert poses.world_from("camera", NOW + SECOND + 50_000_000)[0, 3] == 2.0  # just past the end: held
    assert poses.world_from("other_camera", NOW) is None
    assert CameraPoses(tree, world="odom").world_from("camera", NOW) is None
    assert CameraPoses(tree, world="map").world_from("camera", NOW) is not None
    circle = whole_tree()
    add(circle, "b", "a", [(0.0, 0, 0)], is_static=True)
    add(circle, "a", "b", [(0.0, 0, 0)], is_static=True)
    assert CameraPoses(circle).world_from("a", NOW) is None


def test_a_transform_of_a_bag_that_is_not_a_pose_is_reported_and_the_rest_is_used():
    good, bad = transform_message(NOW, "map", "camera", (1, 0, 0), (0, 0, 0, 1)), (0, 0, 0, 0)
    recorded = [good, transform_message(NOW + SECOND, "map", "camera", (2, 0, 0), bad)]
    bag = SimpleNamespace(
        topics=[SimpleNamespace(name="/tf", type=TRANSFORMS, count=2)],
        messages=lambda *names: [SimpleNamespace(topic="/tf", message=message) for message in recorded],
    )
    problems = []
    poses = poses_of_bag(bag, None, lambda *problem: problems.append(problem))
    assert poses.world_from("camera", NOW)[0, 3] == 1
    assert [cause for cause, _ in problems] == ["bad transform"]
    assert "'camera' to 'map'" in problems[0][1]


def person(joints: np.ndarray, name: str = "p1") -> PersonRecord:
    blank = np.zeros(72, np.float32), np.zeros(10, np.float32), np.zeros(3, np.float32)
    return PersonRecord(name, joints.astype(np.float32), *blank, 0.9, 1.7, np.zeros(4, np.float32))


def test_world_errors_measure_the_people_and_not_the_camera():
    random = np.random.default_rng(0)
    shape = random.uniform([-0.3, -0.8, -0.1], [0.3, 0.8, 0.1], (24, 3))
    truth, frames, cameras = {}, [], {}
    for t in range(40):
        stamp = NOW + t * SECOND // 30
        joints = shape + np.array([0.02 * t, 0.0, 4.0]) + random.normal(0, 0.01, (24, 3))
        truth[stamp] = TrueFrame(stamp / 1e9, (TruePerson("A", joints),))
        frames.append(FrameRecord(stamp, (person(joints * 1.1),)))
        cameras[stamp] = np.eye(4)
        cameras[stamp][0, 3] = 0.5 * t
    perfect = [FrameRecord(s, (person(np.asarray(truth[s].people[0].joints_cam)),)) for s in truth]
    best = world_errors(truth, perfect, cameras)
    assert best is not None
    assert (best.people, best.frames) == (1, 40)
    assert max(best.w_mpjpe_mm, best.wa_mpjpe_mm, best.rte_percent) < 0.01
    worse = world_errors(truth, frames, cameras)
    assert worse is not None
    # ten percent too far: after rigid alignment the path of 0.52 m is 2 mm per frame too long, over 40 frames
    path = np.stack([to_world(truth[t].people[0].joints_cam, cameras[t])[0] for t in truth])
    walked = sum(np.linalg.norm(b - a) for a, b in itertools.pairwise(path))
    middle = np.abs(np.arange(40) - 19.5).mean() * 0.002
    assert worse.rte_percent == pytest.approx(100 * middle / walked, rel=0.1)
    assert world_errors(truth, frames[:5], cameras) is None
    assert world_errors(truth, frames, {}) is None


def test_a_bag_with_transforms_gives_paths_in_the_world(tmp_path):
    depths = tuple(3.0 + 0.05 * i for i in range(14))
    bag = write_bag(tmp_path / "bag", Recipe(depths=depths, truth=True, moving_camera=True))
    done = replay_bag(bag, tmp_path / "out", ReplayOptions(), PixelPipeline())
    assert len(done.cameras) == 14
    assert done.world is not None
    assert done.world.w_mpjpe_mm == pytest.approx(0.0, abs=0.01)
    assert read_metrics(tmp_path / "out")["result"]["world"]["people"] == 1
    camera = read_tum(tmp_path / "out/trajectories/camera_world.tum")
    np.testing.assert_allclose(camera.positions[:, 0], 0.1 + 0.1 * np.arange(14), atol=1e-6)
    np.testing.assert_allclose(camera.positions[:, 2], 1.2, atol=1e-6)
    body = read_tum(tmp_path / "out/trajectories/p1_world.tum")
    # at least 3 m in front of a camera that moves forward: forward is the world's x, up is its z
    local = read_tum(tmp_path / "out/trajectories/p1.tum")
    np.testing.assert_allclose(body.positions[:, 0], camera.positions[:, 0] + local.positions[:, 2], atol=1e-6)
    np.testing.assert_allclose(body.positions[:, 2], 1.2 - local.positions[:, 1], atol=1e-6)
    assert list(body.stamp_ns) == [FIRST_NS + i * STEP_NS for i in range(14)]
    assert "x in the world, m" in (tmp_path / "out/report.html").read_text()
    assert "in the world: root trajectory error" in (tmp_path / "out/report.html").read_text()


def test_the_camera_of_a_file_equals_the_camera_of_the_transforms(tmp_path):
    depths = tuple(3.0 + 0.05 * i for i in range(14))
    moving = write_bag(tmp_path / "moving", Recipe(depths=depths, truth=True, moving_camera=True))
    told = replay_bag(moving, tmp_path / "told", ReplayOptions(), PixelPipeline(bias=0.1))
    plain = write_bag(tmp_path / "plain", Recipe(depths=depths, truth=True))
    assert replay_bag(plain, tmp_path / "none", ReplayOptions(), PixelPipeline()).world is None
    options = ReplayOptions(cameras=str(tmp_path / "told/trajectories/camera_world.tum"))
    done = replay_bag(plain, tmp_path / "file", options, PixelPipeline(bias=0.1))
    assert done.world is not None
    assert told.world is not None
    assert done.world.rte_percent == pytest.approx(told.world.rte_percent, rel=1e-5)
    ours, theirs = (read_tum(tmp_path / name / "trajectories/p1_world.tum") for name in ("file", "told"))
    np.testing.assert_allclose(ours.positions, theirs.positions, atol=1e-6)
    with pytest.raises(ReplayError, match=r"--cameras: .*nowhere") as caught:
        replay_bag(plain, tmp_path / "file", ReplayOptions(cameras="nowhere.tum"), PixelPipeline())
    assert caught.value.code is ExitCode.USAGE
    with pytest.raises(ReplayError, match=r"--cameras: .*: Is a directory; name a text file") as caught:
        replay_bag(plain, tmp_path / "file", ReplayOptions(cameras=str(tmp_path)), PixelPipeline())
    assert caught.value.code is ExitCode.USAGE


def test_a_broken_trajectory_file_is_named(tmp_path):
    path = tmp_path / "p.tum"
    path.write_text("# head\n1.5 0 0 0 0 0 0 1\n2.5 1 2 three 0 0 0 1\n")
    with pytest.raises(MetricInputError, match="line 3: needs 'seconds tx ty tz qx qy qz qw'"):
        read_tum(path)
    for line in (
        "1.5 0 0 0 0 0 0 0",
        "nan 0 0 0 0 0 0 1",
        "inf 0 0 0 0 0 0 1",
        "1.5 0 nan 0 0 0 0 1",
        "1.5 0 0 0 0 0 1",
    ):
        path.write_text(f"{line}\n")
        with pytest.raises(MetricInputError, match=f"line 1: .*finite.*quaternion.*has '{line}'"):
            read_tum(path)
    path.write_text("# nothing\n")
    with pytest.raises(MetricInputError, match="holds no poses"):
        read_tum(path)
    path.write_text("1700000000.123456789 1 2 3 0 0 0 2\n1.7e9 1 2 3 0 0 0 1\n")
    trajectory = read_tum(path)
    assert trajectory.stamp_ns.tolist() == [1700000000123456789, 1700000000000000000]
    np.testing.assert_allclose(trajectory.quaternions[0], [0, 0, 0, 1])


def test_times_before_zero_are_read_and_written_exactly(tmp_path):
    path = tmp_path / "p.tum"
    rest = "0 0 0 0 0 0 1"
    path.write_text(f"-1.5 {rest}\n-0.5 {rest}\n-.25 {rest}\n1.000000001 {rest}\n2e-1 {rest}\n")
    read = read_tum(path)
    assert read.stamp_ns.tolist() == [-1_500_000_000, -500_000_000, -250_000_000, 1_000_000_001, 200_000_000]
    write_tum(path, read)
    np.testing.assert_array_equal(read_tum(path).stamp_ns, read.stamp_ns)


@pytest.mark.parametrize(
    "line",
    ["1.5 0 0 0 0 0 0 1e-200", "1.5 1e300 0 0 0 0 0 1", "1_0.5 0 0 0 0 0 0 1", "1e30 0 0 0 0 0 0 1"],
)
def test_poses_that_cannot_be_computed_with_are_refused_with_their_line(tmp_path, line):
    path = tmp_path / "p.tum"
    path.write_text(f"# head\n{line}\n")
    with pytest.raises(MetricInputError, match=rf"p.tum, line 2: needs .* has '{line}'"):
        read_tum(path)


def test_two_poses_of_one_time_are_refused_and_one_twice_is_not(tmp_path):
    path = tmp_path / "p.tum"
    path.write_text("1.5 0 0 0 0 0 0 1\n1.50 0 0 0 0 0 0 1\n")
    assert len(read_tum(path).stamp_ns) == 2
    path.write_text("1.5 0 0 0 0 0 0 1\n\n1.50 1 0 0 0 0 0 1\n")
    with pytest.raises(MetricInputError, match="line 3: another pose of the time of line 1"):
        read_tum(path)


def test_named_camera_poses_that_no_image_has_are_counted_and_said(tmp_path):
    bag = write_bag(tmp_path / "bag", Recipe(moving_camera=True))
    file = tmp_path / "poses.tum"
    file.write_text("100 0 0 0 0 0 0 1\n101 0 0 0 0 0 0 1\n")
    said = {
        ReplayOptions(cameras=str(file)): "covers 100.000 to 101.000 s, the image is of",
        ReplayOptions(world="nope"): "'nope' and 'camera_optical' are not connected",
    }
    for options, text in said.items():
        (outcome,) = run_jobs(plan(bag, tmp_path / "out", options, make_pixel_pipeline))
        assert "6 x no camera pose (" in outcome.text
        assert text in outcome.text
        assert read_metrics(tmp_path / "out")["result"]["missing"] == {"no camera pose": 6}


@pytest.mark.parametrize("option", ["fixed_frame", "ground_frame"])
def test_frames_that_the_bag_does_not_have_are_said_on_the_console(tmp_path, option):
    bag = write_bag(tmp_path / "bag", Recipe(moving_camera=True))
    options = ReplayOptions(**{option: "nope"})
    (outcome,) = run_jobs(plan(bag, tmp_path / "out", options, make_pixel_pipeline))
    assert "6 x no " in outcome.text
    assert "nope" in outcome.text
