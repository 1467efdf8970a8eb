"""What is refused, and what odd recordings become."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from benchmarks.conversion.motion_files import Glb, read_bvh
from benchmarks.conversion.moving_people import (
    MovingPerson,
    moving_camera,
    moving_person,
    write_annotations,
    write_replay,
)
from metrichmsr_ros.conversion.convert import convert
from metrichmsr_ros.conversion.file_names import file_names, source_names
from metrichmsr_ros.conversion.options import ConvertOptions
from metrichmsr_ros.conversion.recording import ConvertError
from metrichmsr_ros.errors import MetricHMRError

MOTIONS = ("bvh", "glb", "amass", "tum", "lerobot")


@pytest.fixture(scope="module")
def walker() -> MovingPerson:
    return moving_person("p1", range(2, 12), 3)


@pytest.mark.parametrize("field", ["pose", "betas", "transl", "joints"])
@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_numbers_that_are_not_finite_are_refused_by_row(
    walker: MovingPerson, tmp_path: Path, field: str, value: float
) -> None:
    values = getattr(walker, field).copy()
    values[4].flat[1] = value
    source = write_replay(tmp_path / "in", [replace(walker, **{field: values})], 20)
    with pytest.raises(ConvertError, match=rf"walk.mcap: person 'p1', frame 6 .*{field}\[.*is {value}"):
        convert(source, "bvh", tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("to", [*MOTIONS, "bedlam"])
def test_nobody_is_refused(tmp_path: Path, to: str) -> None:
    if to == "lerobot":
        pytest.importorskip("pyarrow", reason="LeRobot's files are Parquet")
    with pytest.raises(ConvertError, match="has no person"):
        convert(write_replay(tmp_path / "in", [], 5), to, tmp_path / "out")


def test_pictures_without_people_are_in_coco(tmp_path: Path) -> None:
    convert(write_replay(tmp_path / "in", [], 5), "coco", tmp_path / "out", ConvertOptions(image_names="{frame}.jpg"))
    coco = json.loads((tmp_path / "out/annotations.json").read_text())
    assert (len(coco["images"]), coco["annotations"]) == (5, [])


def test_one_frame_becomes_one_pose(tmp_path: Path) -> None:
    source = write_replay(tmp_path / "in", [moving_person("p1", [0], 3)], 1)
    for to in MOTIONS[:4]:
        convert(source, to, tmp_path / to)
    assert len(read_bvh(tmp_path / "bvh/walk.mcap/p1.bvh").matrices) == 1
    assert Glb(tmp_path / "glb/walk.mcap.glb").skinned("p1", 0.0).shape[1] == 3


def test_file_names_are_plain_and_differ() -> None:
    names = ["../../etc/passwd", "a:b", "a b", "A_b", ".hidden", "", "ü" * 300, "camera_world", "人"]
    found = file_names(names, reserved=["camera_world"])
    assert list(found) == names
    assert len({name.lower() for name in found.values()}) == len(names)
    for name in found.values():
        assert name.isascii()
        assert "/" not in name
        assert not name.startswith(".")
        assert 0 < len(name) < 100
    assert found["camera_world"] != "camera_world"


def test_sources_have_readable_names() -> None:
    sources = ["/home/me/walk.mp4", "/else/walk.mp4", "rooms/a.mp4", "bag"]
    assert list(source_names(sources).values()) == ["walk.mp4", "walk.mp4-2", "rooms_a.mp4", "bag"]


def test_an_error_leaves_nothing_behind(walker: MovingPerson, tmp_path: Path) -> None:
    """The second of two sources has a number that is not finite."""
    pytest.importorskip("pyarrow", reason="annotation folders are Parquet")
    from metrichmsr_ros.data.formats.annotations.manifest import Manifest

    pose = walker.pose.copy()
    pose[3, 5] = np.nan
    write_annotations(tmp_path / "in", [walker], 20, "good.mp4")
    good = Manifest.read(tmp_path / "in")
    write_annotations(tmp_path / "in", [replace(walker, pose=pose)], 20, "worse.mp4")
    bad = Manifest.read(tmp_path / "in")
    replace(bad, inputs=good.inputs + bad.inputs).write(tmp_path / "in")
    with pytest.raises(ConvertError, match=r"worse.mp4: person 'p1', frame 5 .*pose\[5\] is nan"):
        convert(tmp_path / "in", "bvh", tmp_path / "to/out")
    assert list((tmp_path / "to").iterdir()) == []
    convert(tmp_path / "in", "bvh", tmp_path / "to/out", ConvertOptions(source=("good.mp4",)))
    assert [path.name for path in (tmp_path / "to").iterdir()] == ["out"]


def test_odd_ids_are_kept_in_the_list_of_files(tmp_path: Path) -> None:
    ids = ["../up", "a b", "a:b", "人"]
    people = [moving_person(name, [0, 1, 2], seed) for seed, name in enumerate(ids)]
    for to in ("bvh", "glb", "amass", "tum"):
        written = convert(write_replay(tmp_path / f"{to}_in", people, 3), to, tmp_path / to)
        assert sorted(file.person for file in written) == sorted(ids)
        assert all((tmp_path / to / file.file).is_file() for file in written)
        listed = json.loads((tmp_path / to / "conversion.json").read_text())["files"]
        assert [file["person"] for file in listed] == [file.person for file in written]
    assert not (tmp_path / "up.bvh").exists()


def test_betas_of_the_open_body_are_never_smpls(walker: MovingPerson, tmp_path: Path) -> None:
    source = write_replay(tmp_path / "in", [walker], 20)
    with pytest.raises(ConvertError, match=r"--as smpl: .*open_light"):
        convert(source, "amass", tmp_path / "out", ConvertOptions(as_body="smpl"))
    with pytest.raises(ConvertError, match="not the same numbers"):
        convert(source, "amass", tmp_path / "out", ConvertOptions(body="smpl:/x/SMPL_NEUTRAL.npz"))
    smpl = write_replay(tmp_path / "smpl", [walker], 20, body="smpl:/x/SMPL_NEUTRAL.npz")
    convert(smpl, "amass", tmp_path / "amass", ConvertOptions(as_body="smpl"))
    with np.load(tmp_path / "amass/walk.mcap/p1.npz") as file:
        assert str(file["body_model"]) == "smpl"
    with pytest.raises(ConvertError, match="--body smpl:"):
        convert(smpl, "bvh", tmp_path / "bvh")


def test_estimates_alone_need_a_body_for_a_skeleton(walker: MovingPerson, tmp_path: Path) -> None:
    source = write_replay(tmp_path / "in", [walker], 20, body="") / "estimates.npz"
    with pytest.raises(ConvertError, match="--body open"):
        convert(source, "bvh", tmp_path / "out")
    convert(source, "bvh", tmp_path / "out", ConvertOptions(body="open_light"))
    assert (tmp_path / "out/in/p1.bvh").is_file()
    convert(source, "amass", tmp_path / "amass")
    with np.load(tmp_path / "amass/in/p1.npz") as file:
        assert str(file["body_model"]) == "unknown"


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (ConvertOptions(fps=0.0), "--fps 0.0: must lie between 0.001 and 1e.06 frames per second"),
        (ConvertOptions(fps=float("nan")), "--fps nan"),
        (ConvertOptions(fps=1e30), "--fps 1e.30: must lie"),
        (ConvertOptions(fps=1e-30), "--fps 1e-30: must lie"),
        (ConvertOptions(image_names=""), "--image-names '': pictures need names"),
        (ConvertOptions(image_names="same.jpg"), "--image-names 'same.jpg': two frames get the name 'same.jpg'"),
        (ConvertOptions(image_names="{frame:999999999d}"), "frame:999999999d} cannot be written; use {source}"),
        (ConvertOptions(image_names="{frame:e}"), "frame:e} cannot be written"),
        (ConvertOptions(image_names="{source.real}"), "source.real} cannot be written"),
        (ConvertOptions(image_names="{frame!r:>9}"), "frame!r:>9} cannot be written"),
        (ConvertOptions(image_names="{frame"), "--image-names '{frame': .*; use {source}"),
        (ConvertOptions(frame="world"), "does not have the camera's poses"),
        (ConvertOptions(source=("other.mp4",)), "--source other.mp4"),
        (ConvertOptions(intrinsics=(0.0, 1.0, 1.0, 1.0)), "--intrinsics"),
        (ConvertOptions(image_size=(0, 10)), "--image-size"),
        (ConvertOptions(body="smpl_like"), "smpl_like"),
    ],
)
def test_options_that_cannot_be_are_named(
    walker: MovingPerson, tmp_path: Path, options: ConvertOptions, words: str
) -> None:
    with pytest.raises(MetricHMRError, match=words):
        convert(write_replay(tmp_path / "in", [walker], 20), "bvh", tmp_path / "out", options)


def test_paths_that_cannot_be_are_named(walker: MovingPerson, tmp_path: Path) -> None:
    with pytest.raises(ConvertError, match="does not exist"):
        convert(tmp_path / "nothing", "bvh", tmp_path / "out")
    (tmp_path / "empty").mkdir()
    with pytest.raises(ConvertError, match="neither an annotation folder"):
        convert(tmp_path / "empty", "bvh", tmp_path / "out")
    source = write_replay(tmp_path / "in", [walker], 20)
    (source / "metrics.json").write_text("{")
    with pytest.raises(ConvertError, match="is not JSON"):
        convert(source, "bvh", tmp_path / "out")
    (tmp_path / "full").mkdir()
    (tmp_path / "full/mine.txt").write_text("x")
    with pytest.raises(ConvertError, match="not empty"):
        convert(source, "bvh", tmp_path / "full")


def test_fps_replaces_the_stamps(walker: MovingPerson, tmp_path: Path) -> None:
    source = write_replay(tmp_path / "in", [walker], 20)
    convert(source, "bvh", tmp_path / "out", ConvertOptions(fps=50.0))
    assert read_bvh(tmp_path / "out/walk.mcap/p1.bvh").frame_time == pytest.approx(0.02)


def test_an_annotation_folder_gives_the_same_files_as_a_replay(walker: MovingPerson, tmp_path: Path) -> None:
    pytest.importorskip("pyarrow", reason="annotation folders are Parquet")
    cameras, world = moving_camera(20), ConvertOptions(frame="world")
    replay = write_replay(tmp_path / "replay", [walker], 20, cameras)
    folder = write_annotations(tmp_path / "folder", [walker], 20, "walk.mcap", cameras)
    convert(replay, "bvh", tmp_path / "first", world)
    convert(folder, "bvh", tmp_path / "second", world)
    first, second = (read_bvh(tmp_path / name / "walk.mcap/p1.bvh") for name in ("first", "second"))
    assert np.abs(first.matrices - second.matrices).max() < 1e-6
    convert(folder, "coco", tmp_path / "coco")
    assert len(json.loads((tmp_path / "coco/annotations.json").read_text())["images"]) == 20


def test_stamps_that_do_not_ascend_need_a_rate(walker: MovingPerson, tmp_path: Path) -> None:
    pytest.importorskip("pyarrow", reason="annotation folders are Parquet")
    from metrichmsr_ros.conversion.clock import clock_of, timed
    from metrichmsr_ros.conversion.sources.choose import find_sources

    recording = find_sources(write_annotations(tmp_path / "in", [walker], 20, fps=None)).read("walk.mp4")
    still = replace(recording, frames=replace(recording.frames, stamp_ns=np.zeros(20, np.int64)))
    with pytest.raises(ConvertError, match=r"stamp of frame 1 .*--fps"):
        clock_of(timed(still))
    assert clock_of(timed(still, 10.0)).seconds[-1] == pytest.approx(1.9)
    assert clock_of(timed(replace(still, fps=20.0))).seconds[-1] == pytest.approx(0.95)
    assert clock_of(timed(recording)).fps == pytest.approx(25.0)
    with pytest.raises(ConvertError, match=r"frame rate is 1e\+30, .*; give --fps"):
        timed(replace(recording, fps=1e30))
    assert timed(replace(recording, fps=1e30), 10.0).fps == 10.0


def test_lerobot_takes_one_rate(walker: MovingPerson, tmp_path: Path) -> None:
    pytest.importorskip("pyarrow", reason="LeRobot's files are Parquet")
    with pytest.raises(ConvertError, match=r"0.2 frames per second"):
        convert(write_replay(tmp_path / "in", [walker], 20), "lerobot", tmp_path / "out", ConvertOptions(fps=0.2))


def _several(folder: Path, walker: MovingPerson, *states: str) -> Path:
    """An annotation folder with a source of 20 frames for each of these states; a failed one has nothing."""
    from metrichmsr_ros.data.formats.annotations.manifest import Manifest

    entries = []
    for state in states:
        write_annotations(folder, [walker], 20, f"{state}.mp4")
        found = Manifest.read(folder)
        (entry,) = found.inputs
        cause = "" if state == "done" else "cut off"
        entries.append(replace(entry, state=state, cause=cause, shards=() if state == "failed" else entry.shards))
    replace(found, inputs=tuple(entries)).write(folder)
    return folder


def test_sources_that_are_not_done_are_named(walker: MovingPerson, tmp_path: Path) -> None:
    pytest.importorskip("pyarrow", reason="annotation folders are Parquet")
    folder = _several(tmp_path / "in", walker, "done", "damaged", "waiting", "failed")
    told: list[str] = []
    convert(folder, "bvh", tmp_path / "out", tell=told.append)
    assert told == [
        "damaged.mp4: damaged, what was annotated of it is converted: cut off",
        "waiting.mp4: waiting, what was annotated of it is converted: cut off",
        "failed.mp4: failed, nothing of it is converted: cut off",
    ]
    assert json.loads((tmp_path / "out/conversion.json").read_text())["problems"] == told
    told.clear()
    convert(folder, "bvh", tmp_path / "one", ConvertOptions(source=("done.mp4",)), told.append)
    assert told == []
    with pytest.raises(ConvertError, match=r"--source failed\.mp4: failed, nothing of it is converted: cut off"):
        convert(folder, "bvh", tmp_path / "none", ConvertOptions(source=("failed.mp4",)))


def test_coco_without_any_frame_is_refused(walker: MovingPerson, tmp_path: Path) -> None:
    pytest.importorskip("pyarrow", reason="annotation folders are Parquet")
    with pytest.raises(ConvertError, match=r"has no frame; .*; failed\.mp4: failed, .*: cut off"):
        convert(_several(tmp_path / "in", walker, "failed"), "coco", tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_names_of_pictures_differ_between_sources(walker: MovingPerson, tmp_path: Path) -> None:
    pytest.importorskip("pyarrow", reason="annotation folders are Parquet")
    folder = write_annotations(tmp_path / "in", [walker], 20, image=None)
    from metrichmsr_ros.data.formats.annotations.manifest import Manifest

    first = Manifest.read(folder)
    write_annotations(folder, [walker], 20, "run.mp4", image=None)
    second = Manifest.read(folder)
    replace(second, inputs=first.inputs + second.inputs).write(folder)
    with pytest.raises(ConvertError, match=r"two frames get the name '0\.jpg'.*\{source\} where there are several"):
        convert(folder, "coco", tmp_path / "out", ConvertOptions(image_names="{frame}.jpg"))
    convert(folder, "coco", tmp_path / "out", ConvertOptions(image_names="{source}/{frame:03d}-{stamp_ns}.jpg"))
    names = [image["file_name"] for image in json.loads((tmp_path / "out/annotations.json").read_text())["images"]]
    assert len(set(names)) == 40
    assert names[21].startswith("run.mp4/001-")
