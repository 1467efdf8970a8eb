"""Every kind of path becomes frames of known content; what cannot be shown is refused with the remedy."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from helpers.annotated_inputs import ANGRY, FPS, WALK, make_pipeline, write_photographs, write_video
from helpers.bag_messages import FIRST_NS, STEP_NS
from helpers.recorded_bags import Recipe, write_bag

from benchmarks.conversion.moving_people import K, moving_camera, moving_person, record, write_annotations, write_replay
from metrichmsr_ros.annotation.options import AnnotateOptions
from metrichmsr_ros.annotation.run import Annotation, Where
from metrichmsr_ros.errors import MetricHMRError
from metrichmsr_ros.replay.records import FrameRecord, save_records
from metrichmsr_ros.viewer.frames import image_of
from metrichmsr_ros.viewer.options import ViewError, ViewOptions
from metrichmsr_ros.viewer.sources.choose import open_source
from metrichmsr_ros.viewer.sources.source import InStep

OPTIONS = ViewOptions(fov=60.0)


def opened(path, options=OPTIONS):
    source = open_source(path, options, make_pipeline)
    return source, list(source.frames)


def distances(frames):
    return [round(float(person.joints[0, 2]), 3) for frame in frames for person in frame.people]


def reds(frames):
    """Distances as the pictures encode them."""
    return [round(float(image_of(frame.picture)[..., 0].mean()) / 20, 1) for frame in frames]


def test_a_video_is_estimated_with_its_times(tmp_path):
    source, frames = opened(write_video(tmp_path / "walk.avi"))
    assert (source.is_video, source.body, source.notes) == (True, "open_light", ())
    assert distances(frames) == list(WALK)
    np.testing.assert_allclose([frame.time_s for frame in frames], np.arange(6) / FPS, atol=1e-9)
    assert {frame.camera.size for frame in frames} == {(64, 48)}
    assert frames[0].camera.fov_x == pytest.approx(np.radians(60))
    assert [bool(frame.picture) for frame in frames] == [True] * 6
    np.testing.assert_allclose(frames[0].people[0].covariance, np.eye(3) * 0.01)


def test_photographs_are_a_second_apart(tmp_path):
    source, frames = opened(write_photographs(tmp_path / "photos"))
    assert not source.is_video
    assert distances(frames) == list(WALK)
    assert [frame.time_s for frame in frames] == [0, 1, 2, 3, 4, 5]


def test_depth_becomes_points(tmp_path):
    _, frames = opened(write_photographs(tmp_path / "photos", (3.0,)), replace(OPTIONS, depth="auto"))
    np.testing.assert_allclose(frames[0].cloud.points[:, 2], 2.5)
    _, frames = opened(tmp_path / "photos")
    assert frames[0].cloud is None


@pytest.mark.parametrize(
    ("depth", "text"),
    [
        ("topic", "--depth topic: topics of depth are not read here"),
        ("file:depth.npy", "--depth file:depth.npy: one file is not the depth of every frame"),
        ("fast_depth", "unknown depth source 'fast_depth'"),
    ],
)
def test_depth_that_frames_do_not_have_is_refused_before_the_page_starts(tmp_path, depth, text):
    video = write_video(tmp_path / "walk.avi")
    with pytest.raises(MetricHMRError, match=text):
        open_source(video, replace(OPTIONS, depth=depth), make_pipeline)


def test_a_failed_frame_does_not_end_the_others(tmp_path):
    _, frames = opened(write_video(tmp_path / "walk.avi", (3.0, ANGRY, 4.0)))
    assert distances(frames) == [3.0, 4.0]
    assert "this person is angry" in frames[1].problem
    assert frames[1].picture


def test_a_bag_has_its_cameras_and_poses(tmp_path):
    source, frames = opened(write_bag(tmp_path / "bag", Recipe(moving_camera=True)), ViewOptions())
    assert distances(frames) == list(WALK)
    assert {frame.camera.intrinsics[0, 0] for frame in frames} == {60.0}
    np.testing.assert_allclose(np.diff([frame.world_from_camera[0, 3] for frame in frames]), 0.1, atol=1e-9)
    assert source.is_video


def test_recorded_people_are_shown_over_the_images_of_their_times(tmp_path):
    bag = write_bag(tmp_path / "bag", Recipe(truth=True, moving_camera=True))
    source, frames = opened(bag, ViewOptions(people="/truth/humans"))
    assert [person.id for frame in frames for person in frame.people] == ["alice"] * 6
    assert distances(frames) == list(WALK)
    np.testing.assert_allclose(reds(frames), WALK, atol=0.1)
    assert frames[0].camera.intrinsics[0, 0] == 60.0
    assert frames[3].world_from_camera[0, 3] - frames[0].world_from_camera[0, 3] == pytest.approx(0.3)
    assert source.body is None
    assert "'truth': only joints are drawn" in source.notes[0]
    assert opened(bag, ViewOptions(people="/truth/humans", body="open"))[0].body == "open"


def test_a_bag_of_people_alone_needs_no_option(tmp_path):
    _, frames = opened(write_bag(tmp_path / "bag", Recipe(truth=True, camera_info=False)), ViewOptions())
    assert distances(frames) == list(WALK)
    assert {(frame.picture, frame.camera, frame.world_from_camera) for frame in frames} == {(b"", None, None)}
    with pytest.raises(ViewError, match=r"--people /nobody: .* topics with people: /truth/humans"):
        opened(tmp_path / "bag", ViewOptions(people="/nobody"))


@pytest.fixture
def annotated(tmp_path):
    pytest.importorskip("pyarrow", reason="annotation folders are Parquet")
    video, out = write_video(tmp_path / "walk.avi"), tmp_path / "out"
    for _ in Annotation(
        [str(video)], out, AnnotateOptions(fov=60.0, depth="auto"), Where(workers=0), make=make_pipeline
    ):
        pass
    return video, out


def test_an_annotation_folder_is_shown_over_its_video(annotated):
    video, out = annotated
    source, frames = opened(out, ViewOptions())
    assert (source.name, source.is_video) == (str(video), True)
    assert distances(frames) == list(WALK)
    np.testing.assert_allclose(reds(frames), WALK, atol=0.1)
    assert [frame.people[0].id for frame in frames] == ["p1"] * 6
    np.testing.assert_allclose(frames[2].people[0].covariance, np.eye(3) * 0.01, rtol=1e-6)
    np.testing.assert_allclose(frames[2].cloud.points[:, 2], 2.5)
    assert len(np.unique(frames[2].cloud.colours[:, 0])) <= 2  # of the picture, which has one red


def test_an_annotation_folder_outlives_its_video(annotated):
    video, out = annotated
    video.unlink()
    source, frames = opened(out, ViewOptions())
    assert distances(frames) == list(WALK)
    assert {frame.picture for frame in frames} == {b""}
    assert frames[0].camera.fov_x == pytest.approx(np.radians(60))
    assert "walk.avi is not there any more" in " ".join(source.notes)


def test_annotated_people_keep_their_frames_and_poses(tmp_path):
    pytest.importorskip("pyarrow", reason="annotation folders are Parquet")
    someone, cameras = moving_person("p7", range(2, 5), 3), moving_camera(6)
    source, frames = opened(write_annotations(tmp_path / "in", [someone], 6, cameras=cameras), ViewOptions())
    assert [len(frame.people) for frame in frames] == [0, 0, 1, 1, 1, 0]
    np.testing.assert_allclose(frames[3].people[0].joints, someone.joints[1])
    np.testing.assert_allclose(frames[3].people[0].pose, someone.pose[1])
    np.testing.assert_allclose(frames[5].world_from_camera, cameras[5])
    np.testing.assert_allclose(frames[0].camera.intrinsics, K)
    assert source.body == "open_light"
    with pytest.raises(ViewError, match=r"--source other: .* does not have it; it has walk.mp4"):
        opened(tmp_path / "in", ViewOptions(source="other"))


def test_a_replay_is_shown_over_its_bag(tmp_path):
    bag, someone = write_bag(tmp_path / "bag"), moving_person("p1", range(6), 3)
    (tmp_path / "out").mkdir()
    records = [FrameRecord(FIRST_NS + row * STEP_NS, (record(someone, row),)) for row in range(6)]
    save_records(tmp_path / "out" / "estimates.npz", records)
    about = {"bag": str(bag), "options": {"body": "open_light", "intrinsics": None}}
    (tmp_path / "out" / "metrics.json").write_text(json.dumps(about))
    source, frames = opened(tmp_path / "out", ViewOptions())
    np.testing.assert_allclose(reds(frames), WALK, atol=0.1)
    assert {frame.camera.intrinsics[0, 0] for frame in frames} == {60.0}
    np.testing.assert_allclose(frames[4].people[0].transl, someone.transl[4])
    assert np.isnan(frames[4].people[0].covariance).all()
    assert source.notes == ()


def test_a_replay_of_a_lost_bag_and_an_unknown_body(tmp_path):
    folder = write_replay(tmp_path / "in", [moving_person("p1", range(3), 3)], 3, moving_camera(3), body="")
    source, frames = opened(folder, ViewOptions())
    assert (len(frames), source.body) == (3, None)
    assert "only joints are drawn" in " ".join(source.notes)
    assert opened(folder / "estimates.npz", ViewOptions(body="open_light"))[0].body == "open_light"


def test_of_several_sources_the_first_is_shown_and_the_others_named(tmp_path):
    for name in ("a.avi", "b.avi"):
        write_video(tmp_path / name, WALK[:2])
    source, frames = opened(tmp_path)
    assert (source.name, len(frames)) == ("a.avi", 2)
    assert "2 sources: a.avi, b.avi; --source NAME" in source.notes[0]
    assert opened(tmp_path, replace(OPTIONS, source="b.avi"))[0].name == "b.avi"


def test_what_cannot_be_shown_is_refused(tmp_path):
    with pytest.raises(ViewError, match="does not exist; check the path"):
        opened(tmp_path / "nothing")
    (tmp_path / "notes.pdf").touch()
    with pytest.raises(ViewError, match=r"the suffix .pdf is of no photograph"):
        opened(tmp_path / "notes.pdf")
    with pytest.raises(ViewError, match="--frames 0"):
        opened(tmp_path, replace(OPTIONS, frames=0))
    (tmp_path / "broken.mp4").write_bytes(b"no video")
    with pytest.raises(ViewError, match=r"broken.mp4: OpenCV cannot open this video"):
        opened(tmp_path / "broken.mp4")


def test_items_are_kept_in_step():
    following = InStep(iter([1, 3, 4, 9]), lambda item: item)
    assert [following.at(key) for key in (0, 1, 2, 3, 5, 9, 10)] == [None, 1, None, 3, None, 9, None]
