"""People of a recording in the fixed frame: the same numbers as the node's, from /tf or a file with poses."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from helpers.bag_messages import FIRST_NS, STEP_NS, skeleton
from helpers.pixel_pipeline import PixelPipeline
from helpers.recorded_bags import OPTICAL, Recipe, camera_position, write_bag
from scipy.spatial.transform import Rotation

from metrichmsr_ros.evaluation.trajectories import read_tum
from metrichmsr_ros.replay.options import ExitCode, ReplayError, ReplayOptions
from metrichmsr_ros.replay.replay import replay_bag
from metrichmsr_ros.replay.result import read_metrics
from metrichmsr_ros.ros.bags.reader import Bag

FRAMES = 20
# Who stands still comes nearer by what the camera drives, 1 m/s.
STANDING = Recipe(depths=tuple(6.0 - 0.1 * i for i in range(FRAMES)), info_first=True, moving_camera=True)
IN_MAP = ReplayOptions(fixed_frame="map")
MOUNT = np.array([0.1, 0.0, 1.2])  # of the camera on its base, as `Recipe` records it
HIPS = [1, 2]


def hips_in_map(index: int) -> np.ndarray:
    """(3,) true place of the person, by closed form: base + mount + optical axes."""
    hips = skeleton(STANDING.depths[index])[HIPS].mean(axis=0)
    turned = np.array([hips[2], -hips[0], -hips[1]])  # x forward, y left, z up
    return np.array(camera_position(FIRST_NS + index * STEP_NS)) + MOUNT + turned


def test_somebody_who_stands_has_no_velocity_in_the_frame_of_the_floor(tmp_path):
    bag = write_bag(tmp_path / "bag", STANDING)
    replay_bag(bag, tmp_path / "out", IN_MAP, PixelPipeline())
    with np.load(tmp_path / "out/people_fixed.npz") as found:
        assert str(found["frame"]) == "map"
        assert found["stamp_ns"].tolist() == [FIRST_NS + i * STEP_NS for i in range(FRAMES)]
        assert set(found["id"]) == {"p1"}
        assert not found["occluded"].any()
        np.testing.assert_allclose(found["position"], [hips_in_map(i) for i in range(FRAMES)], atol=1e-5)
        np.testing.assert_allclose(found["velocity"], 0.0, atol=1e-5)
        assert (np.linalg.eigvalsh(found["covariance"]) > 0).all()
    path = read_tum(tmp_path / "out/trajectories/p1_fixed.tum")
    np.testing.assert_allclose(path.positions[0], hips_in_map(0), atol=1e-5)


def test_errors_are_those_of_the_positions_and_no_error_of_the_velocity_where_the_bias_is_constant(tmp_path):
    bag = write_bag(tmp_path / "bag", replace(STANDING, truth=True))
    options = replace(IN_MAP, id_prefix="left_")
    done = replay_bag(bag, tmp_path / "out", options, PixelPipeline(bias=0.2))
    assert done.fixed is not None
    errors = done.fixed.errors
    assert errors is not None
    assert errors.position_median_m == pytest.approx(0.2, abs=1e-5)
    assert errors.velocity_rms < 1e-4
    assert errors.velocity_inside_one_sigma == 1.0
    assert errors.people_frames == FRAMES
    written = read_metrics(tmp_path / "out")["result"]
    assert written["fixed_frame_images"] == FRAMES
    assert written["fixed_frame"]["position_median_m"] == pytest.approx(0.2, abs=1e-5)
    assert ("in the fixed frame: position error, median", "0.20 m") in done.rows()


def test_an_accelerating_bias_is_an_error_of_the_velocity(tmp_path):
    class Drifting(PixelPipeline):
        def track(self, image, camera, stamp_s, *, request, context=None):
            self.bias = 0.5 * (stamp_s - FIRST_NS / 1e9)  # 0.5 m/s away from the camera
            return super().track(image, camera, stamp_s, request=request, context=context)

    bag = write_bag(tmp_path / "bag", replace(STANDING, truth=True))
    done = replay_bag(bag, tmp_path / "out", IN_MAP, Drifting())
    assert done.fixed is not None
    assert done.fixed.errors is not None
    assert 0.2 < done.fixed.errors.velocity_rms < 0.6


def test_poses_of_a_file_give_the_same_people_as_the_transforms(tmp_path):
    bag = write_bag(tmp_path / "bag", STANDING)
    first = replay_bag(bag, tmp_path / "tf", IN_MAP, PixelPipeline())
    turn = Rotation.from_quat(OPTICAL).as_quat()
    lines = []
    for index in range(FRAMES):
        stamp = FIRST_NS + index * STEP_NS
        numbers = [*(np.array(camera_position(stamp)) + MOUNT), *turn]
        lines.append(f"{stamp // 10**9}.{stamp % 10**9:09d} " + " ".join(f"{value:.9f}" for value in numbers))
    (tmp_path / "camera.tum").write_text("\n".join(lines))
    without = write_bag(tmp_path / "without", replace(STANDING, moving_camera=False))
    second = replay_bag(
        without, tmp_path / "file", replace(IN_MAP, cameras=str(tmp_path / "camera.tum")), PixelPipeline()
    )
    assert first.fixed is not None
    assert second.fixed is not None
    assert first.fixed.motions.keys() == second.fixed.motions.keys()
    for stamp, motion in first.fixed.motions.items():
        again = second.fixed.motions[stamp]
        np.testing.assert_allclose(motion.people.positions, again.people.positions, atol=1e-7)
        np.testing.assert_allclose(motion.velocities, again.velocities, atol=1e-7)
        np.testing.assert_allclose(motion.covariances, again.covariances, atol=1e-7)


def test_images_without_a_transform_are_counted_and_the_rest_of_the_replay_is_whole(tmp_path):
    bag = write_bag(tmp_path / "bag", STANDING)
    done = replay_bag(bag, tmp_path / "out", ReplayOptions(fixed_frame="odom"), PixelPipeline())
    assert done.missing == {"no fixed frame": FRAMES}
    assert "odom to camera_optical" in done.reasons["no fixed frame"]
    assert len(done.frames) == FRAMES
    assert done.fixed is not None
    assert done.fixed.motions == {}
    with np.load(tmp_path / "out/people_fixed.npz") as found:
        assert found["position"].shape == (0, 3)
    plain = replay_bag(bag, tmp_path / "plain", ReplayOptions(), PixelPipeline())
    assert plain.digest == done.digest
    assert not (tmp_path / "plain/people_fixed.npz").exists()


def test_a_bag_without_transforms_is_refused_with_the_remedy(tmp_path):
    bag = write_bag(tmp_path / "bag", replace(STANDING, moving_camera=False))
    with pytest.raises(ReplayError, match="no transforms, which --fixed-frame needs; name a file with --cameras") as at:
        replay_bag(bag, tmp_path / "out", IN_MAP, PixelPipeline())
    assert at.value.code is ExitCode.USAGE


def test_the_output_bag_has_the_poses_in_the_fixed_frame(tmp_path):
    bag = write_bag(tmp_path / "bag", STANDING)
    replay_bag(bag, tmp_path / "out", IN_MAP, PixelPipeline())
    with Bag(tmp_path / "out/bag") as written:
        messages = [recorded.message for recorded in written.messages("/perception/people_fixed_poses")]
    assert [message.header.frame_id for message in messages] == ["map"] * FRAMES
    place = messages[3].poses[0].position
    np.testing.assert_allclose((place.x, place.y, place.z), hips_in_map(3), atol=1e-5)
