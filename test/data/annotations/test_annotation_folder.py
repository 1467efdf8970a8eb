"""Annotation folders keep what was written, shard by shard, and nothing of a shard that was not finished."""

from __future__ import annotations

import numpy as np
import pytest

from metrichmsr_ros.data.formats.annotations.folder import AnnotationFolder
from metrichmsr_ros.data.formats.annotations.manifest import AnnotationError, InputEntry, Manifest
from metrichmsr_ros.data.formats.annotations.rows import FrameRow, PersonRow
from metrichmsr_ros.data.formats.annotations.schema import FRAMES, PEOPLE, VERSION
from metrichmsr_ros.data.formats.annotations.shard_writer import FRAMES_IN_MEMORY, ShardWriter, shard_name, table_path

pq = pytest.importorskip("pyarrow.parquet")


def person(name: str, seed: int, with_landmarks: bool = True) -> PersonRow:
    rng = np.random.default_rng(seed)

    def some(*shape: int) -> np.ndarray:
        return rng.normal(size=shape).astype(np.float32)

    return PersonRow(
        name, 0.5, seed % 2 == 1, some(4), some(72), some(10), some(3), some(3, 3), some(24, 3), 1.7, some(3), None,
        some(33, 2) if with_landmarks else None, some(33) if with_landmarks else None,
    )  # fmt: skip


def frame(index: int, *people: PersonRow, **changes) -> FrameRow:
    return FrameRow(index, index * 10**8, 640, 480, np.diag([500.0, 501.0, 1.0]), people, **changes)


def write(folder, source: str, frames, part: int = 0) -> str:
    shard = shard_name(source, part)
    with ShardWriter(folder, shard, source, "open_light", "0.1.0") as writer:
        for one in frames:
            writer.write(one)
    return shard


def manifest(folder, **shards: tuple[str, ...]) -> None:
    entries = [InputEntry(source, "video", source, "done", "", names) for source, names in shards.items()]
    Manifest("0.1.0", "ab", "embedded", "open_light", {}, tuple(entries)).write(folder)


@pytest.fixture
def walk(tmp_path):
    first, second = person("p1", 0), person("p2", 1, with_landmarks=False)
    pose = np.eye(4) * 2
    rows = [frame(0, first, fps=30.0), frame(1, T_world_cam=pose, image="b.jpg"), frame(2, first, second, problem="x")]
    manifest(tmp_path, walk=(write(tmp_path, "walk", rows),))
    return AnnotationFolder(tmp_path), first, second


def test_people_come_back_exactly_and_in_their_shapes(walk):
    folder, first, second = walk
    people = folder.people("walk")
    assert people["frame"].tolist() == [0, 2, 2]
    assert people["id"].tolist() == ["p1", "p1", "p2"]
    assert people["stamp_ns"].tolist() == [0, 2 * 10**8, 2 * 10**8]
    assert people["is_occluded"].tolist() == [False, False, True]
    assert set(people["body_model"]) == {"open_light"}
    for name in ("bbox", "pose", "betas", "transl_cam", "transl_cov", "joints_cam", "velocity_cam"):
        expected = np.stack([getattr(one, name) for one in (first, first, second)])
        assert people[name].dtype == np.float32
        np.testing.assert_array_equal(people[name], expected)


def test_what_is_unknown_is_nan_or_empty(walk):
    folder, first, _ = walk
    people, frames = folder.people("walk"), folder.frames("walk")
    np.testing.assert_array_equal(people["landmarks_px"][1], first.landmarks_px)
    assert np.isnan(people["landmarks_px"][2]).all()
    assert np.isnan(people["joint_confidence"]).all()
    assert people["joint_confidence"].shape == (3, 24)
    assert frames["fps"][0] == 30.0
    assert np.isnan(frames["fps"][1:]).all()
    assert np.isnan(frames["T_world_cam"][0]).all()
    np.testing.assert_array_equal(frames["T_world_cam"][1], np.eye(4) * 2)
    assert frames["image"].tolist() == ["", "b.jpg", ""]
    assert frames["problem"].tolist() == ["", "", "x"]


def test_a_frame_without_people_is_kept(walk):
    frames = walk[0].frames("walk")
    assert frames["people"].tolist() == [1, 0, 2]
    assert frames["K"].shape == (3, 3, 3)
    np.testing.assert_array_equal(frames["K"][1], np.diag([500.0, 501.0, 1.0]))


def test_tracks_are_the_people_by_id(walk):
    tracks = walk[0].tracks("walk")
    assert {name: track["frame"].tolist() for name, track in tracks.items()} == {"p1": [0, 2], "p2": [2]}


def test_columns_are_those_that_the_schema_names(walk):
    folder = walk[0]
    for table, columns in (("people", PEOPLE), ("frames", FRAMES)):
        (path,) = (folder.path / table).iterdir()
        assert pq.read_schema(path).names == [column.name for column in columns]
        about = pq.read_metadata(path).metadata
        assert {about[b"schema"], about[b"source"], about[b"body_model"]} == {VERSION.encode(), b"walk", b"open_light"}


def test_long_sources_are_row_groups_of_bounded_size(tmp_path):
    count = 2 * FRAMES_IN_MEMORY + 5
    shard = write(tmp_path, "long", [frame(index, person("p1", index)) for index in range(count)])
    manifest(tmp_path, long=(shard,))
    about = pq.read_metadata(table_path(tmp_path, "people", shard))
    assert [about.row_group(i).num_rows for i in range(about.num_row_groups)] == [FRAMES_IN_MEMORY] * 2 + [5]
    assert AnnotationFolder(tmp_path).people("long")["frame"].tolist() == list(range(count))


def test_parts_of_a_source_are_one_again(tmp_path):
    late = write(tmp_path, "cut", [frame(7, person("b-p1", 1))], 1)
    early = write(tmp_path, "cut", [frame(6, person("a-p1", 2))], 0)
    manifest(tmp_path, cut=(late, early))
    assert AnnotationFolder(tmp_path).people("cut")["id"].tolist() == ["a-p1", "b-p1"]


def test_nobody_at_all_is_an_empty_table(tmp_path):
    manifest(tmp_path, empty=(write(tmp_path, "empty", [frame(0)]),))
    people = AnnotationFolder(tmp_path).people("empty")
    assert people["joints_cam"].shape == (0, 24, 3)
    assert AnnotationFolder(tmp_path).tracks("empty") == {}


def broken_off(folder) -> None:
    with ShardWriter(folder, shard_name("a"), "a", "open_light", "0.1.0") as writer:
        writer.write(frame(0, person("p1", 0)))
        raise ZeroDivisionError


def test_an_error_while_writing_leaves_nothing(tmp_path):
    with pytest.raises(ZeroDivisionError):
        broken_off(tmp_path)
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_equal_rows_are_equal_bytes(tmp_path):
    for folder in (tmp_path / "a", tmp_path / "b"):
        write(folder, "walk", [frame(0, person("p1", 0)), frame(1)])
    for table in ("people", "frames"):
        name = shard_name("walk")
        assert (
            table_path(tmp_path / "a", table, name).read_bytes() == table_path(tmp_path / "b", table, name).read_bytes()
        )


def test_sources_of_one_base_name_have_shards_of_their_own():
    names = {shard_name(source, part) for source in ("a/clip.mp4", "b/clip.mp4", "a/clip.avi") for part in (0, 1)}
    assert len(names) == 6
    assert all(name.startswith("clip-") for name in names)


def test_another_folder_is_refused_by_name(tmp_path):
    with pytest.raises(AnnotationError, match=r"manifest\.json cannot be read .*metrichmsr annotate"):
        AnnotationFolder(tmp_path)


def test_another_layout_is_refused(tmp_path):
    manifest(tmp_path)
    path = tmp_path / "manifest.json"
    path.write_text(path.read_text().replace(VERSION, "metrichmsr-annotations/9"))
    with pytest.raises(AnnotationError, match="annotations/9; this version reads"):
        AnnotationFolder(tmp_path)


def test_a_damaged_file_is_named(walk):
    folder = walk[0]
    (path,) = (folder.path / "people").iterdir()
    path.write_bytes(path.read_bytes()[:-40])
    with pytest.raises(AnnotationError, match=rf"{path.name} cannot be read .*annotate its input again"):
        folder.people("walk")


def test_an_unknown_source_is_an_error_that_names_the_known_ones(walk):
    with pytest.raises(AnnotationError, match=r"'run'; it has those of: walk"):
        walk[0].frames("run")


@pytest.mark.parametrize("table", ["people", "frames"])
def test_damaged_bytes_are_never_read_as_numbers(tmp_path, table):
    rows = [frame(index, person("p1", index), person("p2", index + 50)) for index in range(50)]
    manifest(tmp_path, walk=(write(tmp_path, "walk", rows),))
    folder = AnnotationFolder(tmp_path)
    path = table_path(tmp_path, table, shard_name("walk"))
    whole, truth = path.read_bytes(), getattr(folder, table)("walk")
    about = pq.read_metadata(path).row_group(0)
    columns = [about.column(at) for at in range(about.num_columns)]
    end = max(column.data_page_offset + column.total_compressed_size for column in columns)
    noticed = 0
    for start in range(4, end, len(whole) // 40):
        path.write_bytes(
            whole[:start] + bytes(min(200, end - start)) + whole[start + 200 if start + 200 < end else end :]
        )
        try:
            found = getattr(folder, table)("walk")
        except AnnotationError as error:
            noticed += path.name in str(error)
        else:
            for name, values in truth.items():  # the zeros were zeros before, or padding
                np.testing.assert_array_equal(found[name], values)
    assert noticed > 10


def test_people_of_another_recording_are_refused(tmp_path):
    one = write(tmp_path, "one", [frame(0, person("p1", 0)), frame(1)])
    two = write(tmp_path, "two", [frame(0), frame(1, person("p1", 0))])
    manifest(tmp_path, one=(one,))
    table_path(tmp_path, "people", one).write_bytes(table_path(tmp_path, "people", two).read_bytes())
    folder = AnnotationFolder(tmp_path)
    for read in (folder.people, folder.tracks):
        with pytest.raises(AnnotationError, match=r"numbers of people per frame differ between the tables .*'one'"):
            read("one")
