"""Every kind of input becomes rows of known content; bad inputs are listed and the others go on; runs are resumable."""

from __future__ import annotations

import json
import math
import os
from dataclasses import replace
from functools import partial

import cv2
import numpy as np
import pytest
from helpers.annotated_inputs import (
    ANGRY,
    FPS,
    WALK,
    contents,
    distances,
    encoded,
    make_deadly,
    make_dying_once,
    make_pipeline,
    write_photographs,
    write_tar,
    write_video,
)
from helpers.full_disk import files_of_at_most
from helpers.pixel_pipeline import DEADLY, make_no_pipeline
from helpers.recorded_bags import Recipe, write_bag

from metrichmsr_ros.annotation.options import AnnotateError, AnnotateOptions
from metrichmsr_ros.annotation.outcome import ShardOutcome
from metrichmsr_ros.annotation.run import Annotation, Where
from metrichmsr_ros.data.formats.annotations.folder import AnnotationFolder
from metrichmsr_ros.data.formats.tar_samples import tar_samples
from metrichmsr_ros.depth.sources.base import DepthError
from metrichmsr_ros.geometry.camera import CameraError
from metrichmsr_ros.io.whole_files import DiskFullError

pytest.importorskip("pyarrow")
OPTIONS = AnnotateOptions(fov=60.0)
HERE = Where(workers=0)
SEEN = list(enumerate(WALK))


def run(inputs, out, options=OPTIONS, where=HERE, make=make_pipeline, **more) -> Annotation:
    """A whole run."""
    annotation = Annotation([str(path) for path in inputs], out, options, where, make=make, **more)
    for _ in annotation:
        pass
    return annotation


def states(annotation: Annotation) -> dict[str, str]:
    return {entry.source.rpartition("/")[2]: entry.state for entry in annotation.manifest.inputs}


def causes(annotation: Annotation) -> dict[str, str]:
    return {entry.source.rpartition("/")[2]: entry.cause for entry in annotation.manifest.inputs}


def test_a_video_is_tracked_with_the_times_of_its_frames(tmp_path):
    video = write_video(tmp_path / "walk.avi")
    out = tmp_path / "out"
    assert run([video], out).is_clean
    folder = AnnotationFolder(out)
    frames, people = folder.frames(str(video)), folder.people(str(video))
    assert distances(out, str(video)) == SEEN
    assert set(people["id"]) == {"p1"}
    assert people["stamp_ns"].tolist() == [round(i * 1e9 / FPS) for i in range(6)]
    np.testing.assert_allclose(people["velocity_cam"][:, 0], people["stamp_ns"] / 1e9, rtol=1e-6)
    assert set(frames["fps"]) == {FPS}
    assert {(w, h) for w, h in zip(frames["width"], frames["height"], strict=True)} == {(64, 48)}
    np.testing.assert_allclose(frames["K"][:, 0, 0], 32 / np.tan(np.radians(30)), rtol=1e-6)
    assert people["landmarks_px"].shape == (6, 33, 2)
    np.testing.assert_allclose(people["joint_confidence"], 0.8)


@pytest.mark.parametrize("where", [HERE, Where(workers=1)])
def test_a_full_disk_ends_the_run_and_keeps_the_shards_before(tmp_path, where):
    photos, out = write_photographs(tmp_path / "photos"), tmp_path / "out"
    assert run([photos], out).is_clean
    kept = contents(out)
    del kept["manifest.json"]
    videos = [write_video(tmp_path / f"{name}.avi", WALK * 9) for name in "ab"]
    with files_of_at_most(6_000), pytest.raises(DiskFullError, match=r"part-.*\.parquet cannot be written: File too"):
        run(videos, out, where=where)
    assert {name: content for name, content in contents(out).items() if name != "manifest.json"} == kept
    assert list(out.rglob(".*.part")) == []
    assert run(videos, out).is_clean


def test_photographs_have_ids_of_their_own_and_names(tmp_path):
    photos = write_photographs(tmp_path / "photos")
    out = tmp_path / "out"
    assert run([photos], out, replace(OPTIONS, photographs=4)).is_clean
    folder = AnnotationFolder(out)
    frames, people = folder.frames("photos"), folder.people("photos")
    assert distances(out, "photos") == SEEN
    assert len(set(people["id"])) == 6
    assert frames["image"].tolist() == [f"{i:03d}.png" for i in range(6)]
    assert [len(entry.shards) for entry in folder.manifest.inputs] == [2]


def test_a_photograph_alone_is_an_input(tmp_path):
    (tmp_path / "one.png").write_bytes(encoded(4.0))
    run([tmp_path / "one.png"], tmp_path / "out")
    assert distances(tmp_path / "out", str(tmp_path / "one.png")) == [(0, 4.0)]


def test_a_tar_has_the_pictures_of_its_samples(tmp_path):
    tar = write_tar(tmp_path / "shard.tar")
    run([tar], tmp_path / "out")
    assert distances(tmp_path / "out", str(tar)) == SEEN
    assert AnnotationFolder(tmp_path / "out").frames(str(tar))["image"].tolist() == [f"s{i}" for i in range(6)]


def test_a_bag_has_its_own_cameras_times_and_poses(tmp_path):
    bag = write_bag(tmp_path / "bag", Recipe(moving_camera=True))
    out = tmp_path / "out"
    assert run([bag], out, AnnotateOptions()).is_clean
    frames = AnnotationFolder(out).frames(str(bag))
    assert distances(out, str(bag)) == SEEN
    np.testing.assert_allclose(frames["K"][:, 0, 0], 60.0)
    moved = frames["T_world_cam"][:, 0, 3] - frames["T_world_cam"][0, 0, 3]
    np.testing.assert_allclose(moved, np.arange(6) * 0.1, atol=1e-9)  # 1 m/s at 10 images a second
    assert np.diff(frames["stamp_ns"]).tolist() == [10**8] * 5


def test_without_intrinsics_the_camera_is_estimated(tmp_path):
    video = write_video(tmp_path / "walk.avi")
    run([video], tmp_path / "out", AnnotateOptions())
    assert set(AnnotationFolder(tmp_path / "out").frames(str(video))["K"][:, 0, 0]) == {64.0}  # the long side


def test_processes_change_nothing(tmp_path):
    inputs = [write_video(tmp_path / f"{i}.avi", WALK[i:]) for i in range(3)] + [write_photographs(tmp_path / "photos")]
    run(inputs, tmp_path / "here")
    run(inputs, tmp_path / "there", where=Where(workers=2))
    assert contents(tmp_path / "here") == contents(tmp_path / "there")


def test_depth_is_written_on_request(tmp_path):
    video = write_video(tmp_path / "walk.avi")
    run([video], tmp_path / "out", replace(OPTIONS, depth="ground"))
    (tar,) = (tmp_path / "out" / "depth").iterdir()
    samples = {sample.key: sample.read("depth.png") for sample in tar_samples(tar)}
    assert list(samples) == [f"{i:09d}" for i in range(6)]
    stored = cv2.imdecode(np.frombuffer(samples["000000003"], np.uint8), cv2.IMREAD_UNCHANGED)
    assert stored.dtype == np.uint16
    assert (stored[0, 0], stored[5, 5]) == (0, 2500)


def test_parts_of_a_video_have_all_frames_once_and_ids_of_their_own(tmp_path):
    video = write_video(tmp_path / "walk.avi")
    run([video], tmp_path / "whole")
    run([video], tmp_path / "parts", replace(OPTIONS, chunk=4))
    whole, parts = (AnnotationFolder(tmp_path / name) for name in ("whole", "parts"))
    for name in ("frame", "stamp_ns", "transl_cam", "joints_cam"):
        np.testing.assert_array_equal(parts.people(str(video))[name], whole.people(str(video))[name])
    assert parts.people(str(video))["id"].tolist() == ["c0-p1"] * 4 + ["c1-p1"] * 2
    assert len(parts.manifest.inputs[0].shards) == 2


def test_people_of_low_confidence_are_left_out(tmp_path):
    video = write_video(tmp_path / "walk.avi")
    run([video], tmp_path / "out", replace(OPTIONS, min_confidence=0.95))
    folder = AnnotationFolder(tmp_path / "out")
    assert len(folder.people(str(video))["id"]) == 0
    assert folder.frames(str(video))["people"].tolist() == [0] * 6


@pytest.fixture
def mixed(tmp_path):
    """Good and bad inputs of every kind."""
    top = tmp_path / "mixed"
    write_video(top / "good.avi")
    data = write_video(top / "noise.avi").read_bytes()
    (top / "noise.avi").write_bytes(os.urandom(len(data)))
    write_bag(top / "bag")
    (top / "broken.mcap").write_bytes(b"nothing of the kind")
    tar = write_tar(top / "cut.tar")
    tar.write_bytes(tar.read_bytes()[:2600])
    (top / "noise.tar").write_bytes(b"nothing of the kind")
    photos = write_photographs(top / "photos")
    (photos / "002.png").write_bytes((photos / "002.png").read_bytes()[:50])
    write_photographs(top / "ruins", (3.0,))
    (top / "ruins" / "000.png").write_bytes(b"no picture")
    return top


def test_bad_inputs_are_listed_with_their_causes_and_the_others_go_on(mixed, tmp_path):
    annotation = run([mixed], tmp_path / "out", where=Where(workers=2))
    assert not annotation.is_clean
    assert states(annotation) == {
        "good.avi": "done", "noise.avi": "failed", "bag": "done", "broken.mcap": "failed", "cut.tar": "damaged",
        "noise.tar": "failed", "photos": "damaged", "ruins": "failed",
    }  # fmt: skip
    said = causes(annotation)
    assert said["noise.avi"] == "OpenCV cannot open this video: it is damaged, or of a codec that OpenCV lacks"
    assert "the tar was read up to sample" in said["cut.tar"]
    assert "not a readable tar" in said["noise.tar"]
    assert said["photos"].startswith("1 of 6 frames have no estimates, first 002.png: ")
    assert said["ruins"].startswith("1 of 1 frames have no estimates, first 000.png: not an image that OpenCV can read")
    assert "broken.mcap" in said["broken.mcap"]
    assert distances(tmp_path / "out", "photos") == [pair for pair in SEEN if pair[0] != 2]
    problems = AnnotationFolder(tmp_path / "out").frames("photos")["problem"]
    assert [bool(problem) for problem in problems] == [False, False, True, False, False, False]


def test_a_cut_off_video_keeps_its_frames_and_says_so(tmp_path):
    video = write_video(tmp_path / "walk.avi", WALK * 10)
    video.write_bytes(video.read_bytes()[: video.stat().st_size // 2])
    annotation = run([video], tmp_path / "out")
    (entry,) = annotation.manifest.inputs
    assert entry.state == "damaged", entry
    assert "of 60 frames; it is cut off or damaged" in entry.cause
    found = distances(tmp_path / "out", str(video))
    assert 0 < len(found) < 60
    assert found == list(enumerate((WALK * 10)[: len(found)]))


def test_a_frame_at_which_the_pipeline_fails_has_a_row_with_the_problem(tmp_path):
    video = write_video(tmp_path / "walk.avi", (3.0, ANGRY, 4.0))
    annotation = run([video], tmp_path / "out")
    assert causes(annotation) == {
        "walk.avi": "1 of 3 frames have no estimates, first frame 1: ValueError: this person is angry"
    }
    assert distances(tmp_path / "out", str(video)) == [(0, 3.0), (2, 4.0)]


def test_a_second_run_skips_what_is_done_and_changes_nothing(tmp_path, mixed):
    first = run([mixed], tmp_path / "out")
    before = contents(tmp_path / "out")
    again = run([mixed], tmp_path / "out")
    assert {t.source.name for t, o in again.outcomes.items() if o.skipped} == {"good.avi", "bag", "cut.tar", "photos"}
    assert contents(tmp_path / "out") == before
    assert states(again) == states(first)


def test_two_runs_are_equal_byte_by_byte(tmp_path):
    inputs = [write_video(tmp_path / "walk.avi"), write_bag(tmp_path / "bag"), write_photographs(tmp_path / "photos")]
    for name in ("a", "b"):
        run(inputs, tmp_path / name)
    assert contents(tmp_path / "a") == contents(tmp_path / "b")


def test_a_changed_input_is_annotated_again(tmp_path):
    video = write_video(tmp_path / "walk.avi")
    run([video], tmp_path / "out")
    write_video(video, (6.0, 7.0))
    os.utime(video, ns=(1, 1))
    run([video], tmp_path / "out")
    assert distances(tmp_path / "out", str(video)) == [(0, 6.0), (1, 7.0)]


def test_more_inputs_can_be_added_and_photographs_removed(tmp_path):
    photos, out, options = write_photographs(tmp_path / "photos"), tmp_path / "out", replace(OPTIONS, photographs=2)
    run([photos], out, options)
    for name in ("003", "004", "005"):
        (photos / f"{name}.png").unlink()
    video = write_video(tmp_path / "walk.avi")
    run([video], out, options)
    annotation = run([photos], out, options)
    assert states(annotation) == {"photos": "done", "walk.avi": "done"}
    assert distances(out, "photos") == SEEN[:3]
    assert len(list((out / "frames").iterdir())) == len(list((out / "people").iterdir())) == 3


def test_other_options_are_refused_unless_everything_is_done_again(tmp_path):
    video = write_video(tmp_path / "walk.avi")
    run([video], tmp_path / "out")
    with pytest.raises(AnnotateError, match=r"annotated with fov 60\.0, not 50\.0; choose another --out, or --fresh"):
        run([video], tmp_path / "out", replace(OPTIONS, fov=50.0))
    run([video], tmp_path / "out", replace(OPTIONS, fov=50.0), fresh=True)
    focal = AnnotationFolder(tmp_path / "out").frames(str(video))["K"][0, 0, 0]
    assert focal == pytest.approx(32 / np.tan(np.radians(25)))
    run([video], tmp_path / "out", replace(OPTIONS, fov=50.0, num_threads=3))  # threads change no result


def test_another_version_of_the_package_is_refused(tmp_path, monkeypatch):
    video = write_video(tmp_path / "walk.avi")
    run([video], tmp_path / "out")
    monkeypatch.setattr("metrichmsr_ros.annotation.state.code_hash", lambda: "later")
    with pytest.raises(AnnotateError, match="annotated by another version of this package; choose another --out"):
        run([video], tmp_path / "out")


def test_a_process_that_dies_once_costs_nothing(tmp_path):
    video = write_video(tmp_path / "walk.avi", (3.0, DEADLY, 4.0))
    make = partial(make_dying_once, tmp_path / "died")
    annotation = run([video], tmp_path / "out", where=Where(workers=1), make=make)
    assert (tmp_path / "died").exists()
    assert annotation.is_clean
    assert distances(tmp_path / "out", str(video)) == [(0, 3.0), (1, DEADLY), (2, 4.0)]


def test_an_input_that_kills_its_processes_is_listed_and_the_others_go_on(tmp_path):
    deadly, good = write_video(tmp_path / "deadly.avi", (3.0, DEADLY)), write_video(tmp_path / "good.avi")
    annotation = run([deadly, good], tmp_path / "out", where=Where(workers=2), make=make_deadly)
    assert states(annotation) == {"deadly.avi": "failed", "good.avi": "done"}
    assert "killed or crashed 2 times" in causes(annotation)["deadly.avi"]


def test_a_model_that_cannot_be_loaded_ends_the_run(tmp_path):
    with pytest.raises(AnnotateError, match=r"cannot load the model: pose_detection\.tflite is not fetched"):
        run([write_video(tmp_path / "walk.avi")], tmp_path / "out", make=make_no_pipeline)


def test_files_of_another_origin_are_refused_and_kept(tmp_path):
    (tmp_path / "out" / "people").mkdir(parents=True)
    foreign = tmp_path / "out" / "people" / "friends.txt"
    foreign.write_text("mine")
    with pytest.raises(AnnotateError, match=r"friends\.txt is not from an annotation; choose another --out"):
        run([write_video(tmp_path / "walk.avi")], tmp_path / "out")
    assert foreign.read_text() == "mine"


def test_files_beside_the_tables_are_left_alone(tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "README").write_text("mine")
    run([write_video(tmp_path / "walk.avi")], tmp_path / "out", fresh=True)
    assert (tmp_path / "out" / "README").read_text() == "mine"


def test_half_written_files_of_killed_runs_are_removed(tmp_path):
    video, out = write_video(tmp_path / "walk.avi"), tmp_path / "out"
    run([video], out)
    (frames,) = (out / "frames").iterdir()
    frames.rename(out / "frames" / f".{frames.name}.abc.part")  # killed before its last step
    (out / ".manifest.json.abc.part").write_text("half")
    assert run([video], out).outcomes != {}
    assert distances(out, str(video)) == SEEN
    assert list(out.rglob(".*.part")) == []


def test_two_runs_cannot_write_one_folder(tmp_path):
    video = write_video(tmp_path / "walk.avi")
    first = iter(Annotation([str(video)], tmp_path / "out", OPTIONS, HERE, make=make_pipeline))
    assert isinstance(next(first)[1], ShardOutcome)
    with pytest.raises(AnnotateError, match="another `metrichmsr annotate` writes"):
        run([video], tmp_path / "out")
    first.close()
    run([video], tmp_path / "out")


def test_the_manifest_says_what_made_it(tmp_path):
    run([write_video(tmp_path / "walk.avi")], tmp_path / "out")
    manifest = json.loads((tmp_path / "out" / "manifest.json").read_text())
    assert manifest["body_model"] == "stick"
    assert manifest["options"]["fov"] == 60.0
    assert manifest["options"]["code_sha256"]
    assert [entry["kind"] for entry in manifest["inputs"]] == ["video"]


@pytest.mark.parametrize(
    ("options", "where", "text"),
    [
        (AnnotateOptions(chunk=-1), HERE, "--chunk -1: must be at least 0"),
        (AnnotateOptions(photographs=0), HERE, "--photographs 0: must be at least 1"),
        (AnnotateOptions(), Where(workers=-2), "--workers -2: must be at least 0"),
        (AnnotateOptions(min_confidence=1.5), HERE, "--min-confidence 1.5: must lie between 0 and 1"),
        (AnnotateOptions(fov=400.0), HERE, "--fov 400"),
        (AnnotateOptions(depth="topic"), HERE, "--depth topic: topics of depth are not read here"),
        (AnnotateOptions(depth="fast_depth"), HERE, "unknown depth source 'fast_depth'"),
        (AnnotateOptions(depth="file:x.npy"), HERE, "--depth file:x.npy: one file is not the depth of every frame"),
        (AnnotateOptions(image_rectified="maybe"), HERE, "--image-rectified maybe: choose from auto, true, false"),
        (AnnotateOptions(precision="fp8"), HERE, "--precision fp8: choose from float32, bf16, fp16"),
        (AnnotateOptions(test_time_augmentation="x"), HERE, "--test-time-augmentation x: choose from none, flip, full"),
        (AnnotateOptions(), Where(gpus=-1.0), "--gpus -1.0: must be a finite number of at least 0"),
        (AnnotateOptions(), Where(gpus=math.nan), "--gpus nan: must be a finite number of at least 0"),
        (AnnotateOptions(), Where(gpus=1.0), "--gpus 1: is of actors on a cluster; give --ray too"),
    ],
)
def test_wrong_numbers_are_errors_before_any_work(tmp_path, options, where, text):
    with pytest.raises((AnnotateError, CameraError, DepthError), match=text):
        Annotation([str(tmp_path)], tmp_path / "out", options, where)
