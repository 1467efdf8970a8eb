"""A refined annotation folder has the layout of the first, better tracks, and everything else as it was."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from helpers.walking_tracks import disturbed, exact_track, joints_cam

from metrichmsr_ros.body.engine import BodyEngine
from metrichmsr_ros.body.load import load_body_engine
from metrichmsr_ros.data.formats.annotations.folder import AnnotationFolder
from metrichmsr_ros.data.formats.annotations.manifest import AnnotationError, InputEntry, Manifest
from metrichmsr_ros.data.formats.annotations.rows import FrameRow, PersonRow
from metrichmsr_ros.data.formats.annotations.shard_writer import ShardWriter, shard_name
from metrichmsr_ros.geometry.rotations import axis_angles
from metrichmsr_ros.refinement.annotation_folder import FolderRefineOptions, refine_folder
from metrichmsr_ros.refinement.track import RecordedTrack

pytest.importorskip("pyarrow.parquet")

SIZE = (1000, 800)
K = np.array([[500.0, 0, 500], [0, 500.0, 400], [0, 0, 1]])
FIRST_NS = 1_700_000_000_000_000_000


@cache
def body() -> BodyEngine:
    return load_body_engine("open_light")


def people_of(track: RecordedTrack, with_landmarks: bool = True) -> list[PersonRow]:
    joints = joints_cam(track, body()).astype(np.float32)
    heights = body().height(track.betas.astype(np.float32))
    poses = axis_angles(track.rotmats).reshape(len(track), 72).astype(np.float32)
    inside = np.full((33, 2), 300.0, np.float32)
    return [
        PersonRow(
            "p1", float(track.confidence[at]), not track.is_seen[at], np.array([1, 2, 3, 4], np.float32), poses[at],
            track.betas[at].astype(np.float32), track.transl_cam[at].astype(np.float32),
            track.transl_cov[at].astype(np.float32), joints[at], float(heights[at]),
            landmarks_px=inside if with_landmarks else None,
            landmark_visibility=np.ones(33, np.float32) if with_landmarks else None,
        )
        for at in range(len(track))
    ]  # fmt: skip


def write(folder, sources: dict[str, list[FrameRow]]) -> None:
    entries = []
    for source, rows in sources.items():
        shard = shard_name(source)
        with ShardWriter(folder, shard, source, "open_light", "0.1.0") as writer:
            for row in rows:
                writer.write(row)
        entries.append(InputEntry(source, "video", source, "done", "", (shard,)))
    entries.append(InputEntry("broken.mp4", "video", "broken.mp4", "failed", "cut", ()))
    Manifest("0.1.0", "ab", "embedded", "open_light", {"fov": 60}, tuple(entries)).write(folder)


def frames_of(track: RecordedTrack, with_pose: bool = True, with_landmarks: bool = True) -> list[FrameRow]:
    return [
        FrameRow(
            at, FIRST_NS + round(track.stamps_s[at] * 1e9), *SIZE, K, (person,), fps=20.0,
            T_world_cam=track.T_world_cam[at] if with_pose else None, image=f"{at}.jpg",
        )
        for at, person in enumerate(people_of(track, with_landmarks))
    ]  # fmt: skip


@pytest.fixture
def walk():
    truth = exact_track(body())
    return truth, disturbed(truth, body(), scale=1.08, position_m=0.05, pose_rad=0.05)


def test_a_recording_with_poses_and_a_known_floor_comes_back_refined(tmp_path, walk):
    truth, estimated = walk
    photo = frames_of(exact_track(body(), images=1))
    write(tmp_path / "in", {"walk.mp4": frames_of(estimated), "photo.jpg": photo})
    found = refine_folder(tmp_path / "in", tmp_path / "out", body(), FolderRefineOptions(floor_z=0.0))
    assert [(result.source, result.people, result.images) for result in found] == [
        ("walk.mp4", 1, 60), ("photo.jpg", 0, 0),
    ]  # fmt: skip
    assert "nothing before and after" in found[1].skipped
    old, new = AnnotationFolder(tmp_path / "in"), AnnotationFolder(tmp_path / "out")
    true = joints_cam(truth, body())
    before = np.linalg.norm(old.people("walk.mp4")["joints_cam"] - true, axis=-1).mean()
    after = np.linalg.norm(new.people("walk.mp4")["joints_cam"] - true, axis=-1).mean()
    assert after < 0.4 * before
    betas = new.people("walk.mp4")["betas"]
    assert (betas == betas[0]).all()
    joints = new.people("walk.mp4")
    posed = body().joints(joints["betas"], _matrices(joints["pose"]), joints["transl_cam"])
    np.testing.assert_allclose(posed, joints["joints_cam"], atol=1e-4)
    for name in ("frame", "stamp_ns", "id", "confidence", "is_occluded", "bbox", "landmarks_px"):
        np.testing.assert_array_equal(new.people("walk.mp4")[name], old.people("walk.mp4")[name])
    for name, values in old.frames("walk.mp4").items():
        np.testing.assert_array_equal(new.frames("walk.mp4")[name], values)
    np.testing.assert_array_equal(new.people("photo.jpg")["pose"], old.people("photo.jpg")["pose"])
    assert new.manifest.options["refined"] == {
        "floor_z": 0.0, "static_camera": False, "folder": str(tmp_path / "in"), "floor_z_unused": [],
    }  # fmt: skip
    assert [result.unused for result in found] == ["", ""]
    assert [entry.state for entry in new.manifest.inputs] == ["done", "done", "failed"]


def _matrices(poses):
    from metrichmsr_ros.geometry.rotations import rotation_matrices

    return rotation_matrices(poses)


def test_without_poses_and_landmarks_people_are_smoothed_and_keep_their_size(tmp_path, walk):
    _, estimated = walk
    write(tmp_path / "in", {"walk.mp4": frames_of(estimated, with_pose=False, with_landmarks=False)})
    (result,) = refine_folder(tmp_path / "in", tmp_path / "out", body(), FolderRefineOptions(floor_z=0.0))
    assert result.unused == "--floor-z is not used: no poses of the camera"
    old, new = AnnotationFolder(tmp_path / "in").people("walk.mp4"), AnnotationFolder(tmp_path / "out")
    assert new.manifest.options["refined"]["floor_z_unused"] == ["walk.mp4"]
    people = new.people("walk.mp4")
    np.testing.assert_allclose(people["height"], old["height"].mean(), rtol=0.01)
    jitter = [np.abs(np.diff(rows["joints_cam"], n=3, axis=0)).mean() for rows in (old, people)]
    assert jitter[1] < 0.5 * jitter[0]
    assert np.isnan(new.frames("walk.mp4")["T_world_cam"]).all()


def test_people_of_images_without_a_pose_stay_what_they_were(tmp_path, walk):
    _, estimated = walk
    rows = frames_of(estimated)
    rows[10:13] = [replace(row, T_world_cam=None) for row in rows[10:13]]
    write(tmp_path / "in", {"walk.mp4": rows})
    refine_folder(tmp_path / "in", tmp_path / "out", body(), FolderRefineOptions(floor_z=0.0))
    old = AnnotationFolder(tmp_path / "in").people("walk.mp4")
    new = AnnotationFolder(tmp_path / "out").people("walk.mp4")
    np.testing.assert_array_equal(new["pose"][10:13], old["pose"][10:13])
    assert (new["transl_cam"][:10] != old["transl_cam"][:10]).any(axis=1).all()


def test_the_same_folder_another_body_and_no_folder_are_refused(tmp_path, walk):
    write(tmp_path / "in", {"walk.mp4": frames_of(walk[0])})
    with pytest.raises(AnnotationError, match="is the annotation folder itself"):
        refine_folder(tmp_path / "in", tmp_path / "in", body())
    with pytest.raises(AnnotationError, match="betas of the body open_light, not open; name it with --body"):
        refine_folder(tmp_path / "in", tmp_path / "out", load_body_engine("open"))
    with pytest.raises(AnnotationError, match="metrichmsr annotate"):
        refine_folder(tmp_path / "none", tmp_path / "out", body())


@pytest.mark.parametrize("floor", [np.nan, np.inf])
def test_a_floor_at_no_height_is_refused(tmp_path, walk, floor):
    write(tmp_path / "in", {"walk.mp4": frames_of(walk[0])})
    with pytest.raises(AnnotationError, match=f"--floor-z {floor}: give the height"):
        refine_folder(tmp_path / "in", tmp_path / "out", body(), FolderRefineOptions(floor_z=floor))
    assert not (tmp_path / "out").exists()


def test_folders_of_others_are_not_written_to(tmp_path, walk):
    photo = {"a.jpg": frames_of(exact_track(body(), images=1))}
    for name in ("in", "other"):
        write(tmp_path / name, photo)
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "manifest.json").write_text("{}")
    refine_folder(tmp_path / "other", tmp_path / "of_other", body())
    for out in ("other", "mine", "of_other"):
        before = {path: path.read_bytes() for path in (tmp_path / out).rglob("*") if path.is_file()}
        with pytest.raises(AnnotationError, match=rf"--out .*{out} has files that are not refined .*name a new folder"):
            refine_folder(tmp_path / "in", tmp_path / out, body())
        assert {path: path.read_bytes() for path in (tmp_path / out).rglob("*") if path.is_file()} == before


def test_the_same_folder_is_refined_again_without_what_it_has_no_more(tmp_path, walk):
    photo = frames_of(exact_track(body(), images=1))
    write(tmp_path / "in", {"a.jpg": photo, "b.jpg": photo})
    refine_folder(tmp_path / "in", tmp_path / "out", body())
    write(tmp_path / "in", {"b.jpg": photo})
    refine_folder(tmp_path / "in", tmp_path / "out", body())
    assert {path.stem for path in (tmp_path / "out").rglob("*.parquet")} == {f"part-{shard_name('b.jpg')}"}


class Killed(BaseException):
    """In place of a signal."""


def test_what_a_killed_run_left_is_refined_again(tmp_path, walk):
    photo = frames_of(exact_track(body(), images=1))
    write(tmp_path / "in", {"a.jpg": photo, "b.jpg": photo})

    def kill(result):
        raise Killed

    with pytest.raises(Killed):
        refine_folder(tmp_path / "in", tmp_path / "out", body(), done=kill)
    assert AnnotationFolder(tmp_path / "out").sources == ()
    assert [entry.state for entry in Manifest.read(tmp_path / "out").inputs] == ["waiting", "waiting", "failed"]
    refine_folder(tmp_path / "in", tmp_path / "out", body())
    assert AnnotationFolder(tmp_path / "out").sources == ("a.jpg", "b.jpg")
