"""An annotation neither deletes nor replaces what is not its own: files of others, other inputs, refined recordings."""

from __future__ import annotations

import json
import os
from dataclasses import replace

import pytest
from helpers.annotated_inputs import (
    WALK,
    contents,
    distances,
    make_pipeline,
    write_photographs,
    write_video,
)

from metrichmsr_ros.annotation.inputs import find_sources
from metrichmsr_ros.annotation.options import AnnotateError, AnnotateOptions
from metrichmsr_ros.annotation.run import Annotation, Where
from metrichmsr_ros.data.formats.annotations.folder import AnnotationFolder
from metrichmsr_ros.data.formats.annotations.manifest import AnnotationError, Manifest
from metrichmsr_ros.data.formats.annotations.shard_writer import ShardWriter, shard_name

pq = pytest.importorskip("pyarrow.parquet")
OPTIONS = AnnotateOptions(fov=60.0)


def run(inputs, out, options=OPTIONS, fresh=False) -> Annotation:
    """A whole run in this process."""
    annotation = Annotation([str(path) for path in inputs], out, options, Where(workers=0), fresh, make_pipeline)
    for _ in annotation:
        pass
    return annotation


FOREIGN = ("people/part-00000-c0ffee.snappy.parquet", "frames/x.parquet", "depth/scene.tar")


@pytest.mark.parametrize("fresh", [False, True])
@pytest.mark.parametrize("name", FOREIGN)
def test_a_folder_with_files_and_no_manifest_is_refused(tmp_path, name, fresh):
    mine = tmp_path / "set" / name
    mine.parent.mkdir(parents=True)
    mine.write_bytes(b"mine")
    with pytest.raises(AnnotateError, match=rf"no manifest\.json, .*{mine.name}.*choose another --out"):
        run([write_video(tmp_path / "walk.avi")], tmp_path / "set", fresh=fresh)
    assert contents(tmp_path / "set") == {name: b"mine"}


@pytest.mark.parametrize("fresh", [False, True])
def test_files_of_others_beside_the_shards_are_kept(tmp_path, fresh):
    video, out = write_video(tmp_path / "walk.avi"), tmp_path / "out"
    with_depth = replace(OPTIONS, depth="ground")
    run([video], out, with_depth)
    for name in FOREIGN:
        (out / name).write_bytes(b"mine")
    other = out / "people" / f"part-{shard_name('mine')}.parquet"  # as ours in name alone
    pq.write_table(pq.read_table(next((out / "people").glob("part-walk*"))).replace_schema_metadata(None), other)
    run([video], out, with_depth, fresh)
    assert [(out / name).read_bytes() for name in FOREIGN] == [b"mine"] * 3
    assert other.is_file()
    assert distances(out, str(video)) == list(enumerate(WALK))


def test_fresh_deletes_every_shard_of_ours_named_or_not(tmp_path):
    video, out = write_video(tmp_path / "walk.avi"), tmp_path / "out"
    run([write_photographs(tmp_path / "photos"), video], out, replace(OPTIONS, depth="ground", photographs=2))
    with ShardWriter(out, shard_name("lost"), "lost", "stick", "1.0.0"):
        pass  # in no manifest
    run([video], out, fresh=True)
    assert {path.stem.removeprefix("part-") for path in out.rglob("*.parquet")} == {shard_name(str(video))}
    assert list((out / "depth").iterdir()) == []


@pytest.mark.parametrize("content", ['{"files": []}', '{"schema": "metrichmsr-annotations/9"}', "{"])
def test_a_manifest_of_another_origin_is_kept(tmp_path, content):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "manifest.json").write_text(content)
    with pytest.raises(AnnotationError, match=r"manifest\.json"):
        run([write_video(tmp_path / "walk.avi")], tmp_path / "out", fresh=True)
    assert contents(tmp_path / "out") == {"manifest.json": content.encode()}
    assert len(list((tmp_path / "out").iterdir())) == 1


def test_a_manifest_cannot_name_files_outside_the_folder(tmp_path):
    video, out = write_video(tmp_path / "walk.avi"), tmp_path / "out"
    run([video], out)
    (tmp_path / "mine.parquet").write_bytes(b"mine")
    content = json.loads((out / "manifest.json").read_text())
    content["inputs"][0]["shards"] = ["x/../../../mine"]
    (out / "manifest.json").write_text(json.dumps(content))
    with pytest.raises(AnnotationError, match="names the shard"):
        run([video], out, fresh=True)
    assert (tmp_path / "mine.parquet").is_file()


@pytest.mark.parametrize("fresh", [False, True])
def test_refined_recordings_are_not_replaced(tmp_path, fresh):
    video, out = write_video(tmp_path / "walk.avi"), tmp_path / "out"
    run([video], out)
    found = Manifest.read(out)
    replace(found, options={**found.options, "refined": {}}).write(out)
    before = contents(out)
    with pytest.raises(AnnotateError, match="`metrichmsr refine` wrote; choose another --out"):
        run([video], out, fresh=fresh)
    assert contents(out) == before


def test_another_input_of_the_same_name_is_refused(tmp_path, monkeypatch):
    first, second = (write_photographs(tmp_path / name / "images", WALK[at:]) for at, name in enumerate("ab"))
    out = tmp_path / "out"
    run([first], out)
    before = contents(out)
    with pytest.raises(AnnotateError, match=rf"{second} has the name 'images' of {first}, .*choose another --out"):
        run([second], out)
    assert contents(out) == before
    run([first, second], out, fresh=True)
    assert len(AnnotationFolder(out).sources) == 2
    for place in (first, second):
        write_video(place / "t.avi")
    monkeypatch.chdir(first)
    run(["t.avi"], tmp_path / "videos")
    monkeypatch.chdir(second)
    with pytest.raises(AnnotateError, match=r"has the name 't\.avi' of"):
        run(["t.avi"], tmp_path / "videos")
    (second / "t.avi").unlink()
    with pytest.raises(AnnotateError, match=r"has the name 't\.avi' of"):  # nor one that does not exist
        run(["t.avi"], tmp_path / "videos")


def test_an_input_that_was_moved_is_still_done(tmp_path):
    photos, out = write_photographs(tmp_path / "a" / "photos"), tmp_path / "out"
    run([photos], out)
    (tmp_path / "a").rename(tmp_path / "b")
    again = run([tmp_path / "b" / "photos"], out)
    assert all(outcome.skipped for outcome in again.outcomes.values())
    assert [entry.path for entry in again.manifest.inputs] == [str(tmp_path / "b" / "photos")]


def test_paths_in_the_manifest_are_absolute_and_relative_ones_are_read(tmp_path, monkeypatch):
    write_video(tmp_path / "walk.avi")
    monkeypatch.chdir(tmp_path)
    run(["walk.avi"], tmp_path / "out")
    found = Manifest.read(tmp_path / "out")
    assert [entry.path for entry in found.inputs] == [str(tmp_path / "walk.avi")]
    replace(found, inputs=tuple(replace(entry, path="walk.avi") for entry in found.inputs)).write(tmp_path / "out")
    write_video(tmp_path / "walk.avi", WALK[1:])
    os.utime(tmp_path / "walk.avi", ns=(1, 1))
    run(["walk.avi"], tmp_path / "out")
    assert len(distances(tmp_path / "out", "walk.avi")) == len(WALK) - 1


def test_results_below_the_inputs_are_not_annotated(tmp_path):
    top = tmp_path / "in"
    write_video(top / "walk.avi")
    with_depth = replace(OPTIONS, depth="ground")
    for _ in range(2):
        again = run([top], top / "out", with_depth)
        assert [entry.source for entry in again.manifest.inputs] == ["walk.avi"]
    assert [source.name for source in find_sources([str(top)])] == ["walk.avi"]  # of another run
    write_video(top / "data" / "people" / "mine.avi")
    found = find_sources([str(top)], top / "data")
    assert [source.name for source in found] == ["walk.avi"]  # --out before its manifest is there


def test_results_as_inputs_are_refused(tmp_path):
    top = tmp_path / "in"
    video = write_video(top / "walk.avi")
    with pytest.raises(AnnotateError, match=r"--out .*in is also an input; choose another --out"):
        run([top], top)
    run([video], tmp_path / "out", replace(OPTIONS, depth="ground"))
    (source,) = find_sources([str(tmp_path / "out")])
    assert source.cause == "is an annotation folder; name what it was made from"
    (tar,) = (tmp_path / "out" / "depth").iterdir()
    (entry,) = run([tar], tmp_path / "again").manifest.inputs
    assert (entry.state, entry.cause[:38]) == ("failed", "the tar has no sample with a picture (")


def test_a_damaged_table_is_written_again_as_its_error_says(tmp_path):
    video, out = write_video(tmp_path / "walk.avi"), tmp_path / "out"
    run([video], out)
    before = contents(out)
    (people,) = (out / "people").iterdir()
    content = bytearray(people.read_bytes())
    content[300:400] = bytes(100)
    people.write_bytes(content)
    with pytest.raises(AnnotationError, match=rf"{people.name} .*; delete it and annotate its input again"):
        AnnotationFolder(out).people(str(video))
    people.unlink()
    run([video], out)
    assert contents(out) == before
