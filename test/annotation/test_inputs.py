"""What is found in folders and lists, and under which names."""

from __future__ import annotations

import math
import struct
from types import SimpleNamespace

import cv2
import numpy as np
import pytest
from helpers.annotated_inputs import write_photographs, write_tar, write_video
from helpers.recorded_bags import write_bag

from metrichmsr_ros.annotation.frames import Cameras
from metrichmsr_ros.annotation.inputs import find_sources
from metrichmsr_ros.annotation.options import AnnotateError, AnnotateOptions
from metrichmsr_ros.annotation.tasks import plan
from metrichmsr_ros.annotation.videos import VideoFrames
from metrichmsr_ros.data.formats.annotations.shard_writer import shard_name
from metrichmsr_ros.geometry.camera_options import CameraOptions


def test_a_folder_has_its_photographs_videos_bags_and_tars(tmp_path):
    top = tmp_path / "data"
    write_photographs(top / "photos")
    write_video(top / "a" / "clip.avi")
    write_video(top / "b" / "clip.avi")
    write_bag(top / "bag")
    write_tar(top / "shard.tar")
    (top / "notes.md").write_text("not an input")
    (top / ".hidden.png").write_bytes(b"")
    found = {source.name: source.kind for source in find_sources([str(top)])}
    assert found == {
        "a/clip.avi": "video", "b/clip.avi": "video", "bag": "bag", "photos": "photographs", "shard.tar": "tar",
    }  # fmt: skip


def test_photographs_of_a_folder_are_one_source_in_order(tmp_path):
    (source,) = find_sources([str(write_photographs(tmp_path / "photos"))])
    assert source.name == "photos"
    assert [path.name for path in source.files] == [f"{i:03d}.png" for i in range(6)]


def test_equal_names_below_several_folders_stay_apart(tmp_path):
    for place in ("one", "two"):
        write_video(tmp_path / place / "clip.avi")
    found = find_sources([str(tmp_path / "one"), str(tmp_path / "two")])
    assert len({source.name for source in found}) == 2
    assert len({shard_name(source.name) for source in found}) == 2


def test_what_is_named_twice_counts_once(tmp_path, monkeypatch):
    write_video(tmp_path / "clip.avi")
    monkeypatch.chdir(tmp_path)
    assert [source.name for source in find_sources(["clip.avi", str(tmp_path), "./clip.avi"])] == ["clip.avi"]


@pytest.mark.parametrize("given", ["@{}/all.lst", "{}/all.txt"])
def test_lists_name_inputs_relative_to_themselves(tmp_path, given):
    write_video(tmp_path / "clip.avi")
    write_photographs(tmp_path / "photos")
    for name in ("all.lst", "all.txt"):
        (tmp_path / name).write_text("# two inputs\nclip.avi\n\n  photos\nnowhere.mp4\n")
    found = {source.name: source.kind for source in find_sources([given.format(tmp_path)])}
    assert found == {"clip.avi": "video", "photos": "photographs", "nowhere.mp4": "none"}


def test_what_cannot_be_annotated_says_why(tmp_path):
    (tmp_path / "empty").mkdir()
    (tmp_path / "table.csv").write_text("1,2")
    found = {
        s.path.name: s.cause for s in find_sources([str(tmp_path / n) for n in ("empty", "table.csv", "gone.mp4")])
    }
    assert found["empty"] == "holds no photograph, video, bag or tar"
    assert found["table.csv"].startswith("the suffix .csv is of no photograph, video, bag or tar; known are .jpg")
    assert found["gone.mp4"] == "does not exist; check the path"


def test_a_missing_or_empty_list_is_an_error(tmp_path):
    with pytest.raises(AnnotateError, match=r"nowhere\.txt cannot be read"):
        find_sources([str(tmp_path / "nowhere.txt")])
    (tmp_path / "empty.txt").write_text("# nothing\n")
    with pytest.raises(AnnotateError, match=r"empty\.txt: nothing is named to annotate"):
        find_sources([str(tmp_path / "empty.txt")])


def test_a_photograph_named_beside_its_folder_counts_once(tmp_path):
    folder = write_photographs(tmp_path / "photos")
    one = str(folder / "002.png")
    for given in ([str(folder), one], [one, str(folder)], [one, str(tmp_path)]):
        (source,) = find_sources(given)
        assert len(source.files) == 6
    assert [source.files for source in find_sources([one, one])] == [(folder / "002.png",)]


def test_pictures_that_are_not_read_are_told_not_left_out(tmp_path):
    folder = write_photographs(tmp_path / "phone")
    for name in ("a.HEIC", "b.heic", "c.dng", "notes.md"):
        (folder / name).write_bytes(b"")
    read, *others = sorted(find_sources([str(folder)]), key=lambda source: source.kind, reverse=True)
    assert (read.kind, len(read.files)) == ("photographs", 6)
    assert {source.name: source.cause.partition(",")[0] for source in others} == {
        "phone/*.heic": "2 pictures of the suffix .heic",
        "phone/*.dng": "a picture of the suffix .dng",
    }
    (alone,) = find_sources([str(folder / "a.HEIC")])
    assert alone.cause == (
        "a picture of the suffix .heic, which is not read here; write JPEG, PNG or TIFF files of them"
    )


def test_avif_is_a_photograph(tmp_path):
    (tmp_path / "a.avif").write_bytes(b"")
    assert [source.kind for source in find_sources([str(tmp_path)])] == ["photographs"]


def test_a_list_names_the_home_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    write_video(tmp_path / "clips" / "clip.avi")
    (tmp_path / "all.txt").write_text("~/clips/clip.avi\n")
    (source,) = find_sources(["@~/all.txt"])
    assert (source.kind, source.path) == ("video", tmp_path / "clips" / "clip.avi")


def test_links_in_a_circle_end(tmp_path):
    write_video(tmp_path / "data" / "clip.avi")
    (tmp_path / "data" / "again").symlink_to(tmp_path / "data")
    assert [source.name for source in find_sources([str(tmp_path / "data")])] == ["clip.avi"]


def test_a_name_that_no_file_can_have_says_why(tmp_path):
    (source,) = find_sources([str(tmp_path / ("x" * 5000))])
    assert source.kind == "none"
    assert source.cause.startswith("cannot be opened (File name too long)")


@pytest.mark.parametrize("times_ms", [[math.nan] * 3, [math.inf] * 3, [1e30] * 3, [-1.0] * 3])
def test_a_video_whose_times_are_no_times_has_those_of_its_rate(tmp_path, monkeypatch, times_ms):
    video = VideoFrames(
        write_video(tmp_path / "walk.avi", (1.0, 1.0, 1.0)), Cameras(CameraOptions.from_degrees(60.0, None))
    )
    real, left = video._video, iter(times_ms)
    fake = SimpleNamespace(
        grab=real.grab, retrieve=real.retrieve, release=real.release,
        get=lambda what: next(left) if what == cv2.CAP_PROP_POS_MSEC else real.get(what),
    )  # fmt: skip
    monkeypatch.setattr(video, "_video", fake)
    stamps = [frame.stamp_ns for frame in video]
    assert len(set(np.diff(stamps))) == 1
    assert stamps[1] > stamps[0] >= 0


@pytest.mark.parametrize(
    ("name", "times_ms", "first_slot", "is_damaged"),
    [
        ("screen.avi", (0, 40, 700, 5900), 0, False),  # of a variable rate
        ("late.avi", (0, 40, 700, 900), 50, False),  # the first frame comes after 5 s
        ("cut.avi", (0, 40, 700, 900), 0, True),  # its index is missing
        ("whole.avi", (0, 40, 700, 900), 0, False),  # of a recorder that stated a rate or length far too high
        ("counted.mp4", (0, 40, 700, 5900), 0, True),  # MP4 has a count, not a duration
    ],
)
def test_a_variable_frame_rate_is_no_damage(tmp_path, monkeypatch, name, times_ms, first_slot, is_damaged):
    path = tmp_path / name
    codec = cv2.VideoWriter.fourcc(*("mp4v" if name.endswith("mp4") else "FFV1"))
    writer = cv2.VideoWriter(str(path), codec, 10.0, (64, 48))
    for _ in times_ms:
        writer.write(np.zeros((48, 64, 3), np.uint8))
    writer.release()
    if name == "cut.avi":
        path.write_bytes(path.read_bytes()[:-16])
    left = iter(times_ms)

    def timed(path):
        real, pts = real_capture(path), getattr(cv2, "CAP_PROP_PTS", None)
        told = {cv2.CAP_PROP_FRAME_COUNT: 60, cv2.CAP_PROP_FPS: 10.0, pts: first_slot}
        return SimpleNamespace(
            grab=real.grab, retrieve=real.retrieve, release=real.release, isOpened=real.isOpened,
            get=lambda what: next(left) if what == cv2.CAP_PROP_POS_MSEC else told.get(what, real.get(what)),
        )  # fmt: skip

    real_capture = cv2.VideoCapture
    monkeypatch.setattr(cv2, "VideoCapture", timed)
    video = VideoFrames(path, Cameras(CameraOptions.from_degrees(60.0, None)))
    assert [frame.stamp_ns for frame in video] == [time * 10**6 for time in times_ms]
    assert video.damage == ("the video ends after 4 of 60 frames; it is cut off or damaged" if is_damaged else "")


@pytest.mark.parametrize(("rate", "length"), [(1000, 5901), (90000, 531001), (10, 10**6), (10**6, 10**6)])
@pytest.mark.parametrize("cut", [0, 100])
def test_an_avi_of_which_every_picture_is_read_is_whole_whatever_its_header_states(tmp_path, rate, length, cut):
    path = write_video(tmp_path / "camera.avi", (1.0,) * 20)
    data = bytearray(path.read_bytes())
    header = data.index(b"strh") + 8
    data[header + 20 : header + 36] = struct.pack("<4I", 1, rate, 0, length)
    path.write_bytes(data[: len(data) - cut])
    video = VideoFrames(path, Cameras(CameraOptions.from_degrees(60.0, None)))
    assert len(list(video)) == 20
    assert video.damage == (f"the video ends after 20 of {length} frames; it is cut off or damaged" if cut else "")
    assert video.total == (length if cut else 20)  # what is cut off has no other number
    video.close()


def test_parts_of_an_avi_are_of_its_pictures_not_of_its_header(tmp_path):
    path = write_video(tmp_path / "camera.avi", (1.0,) * 20)
    data = bytearray(path.read_bytes())
    header = data.index(b"strh") + 8
    data[header + 20 : header + 36] = struct.pack("<4I", 1, 1000, 0, 5901)
    path.write_bytes(data)
    tasks = plan(find_sources([str(path)]), AnnotateOptions(chunk=8))
    assert [(task.first, task.count) for task in tasks] == [(0, 8), (8, 8), (16, None)]


def test_a_video_of_which_no_frame_can_be_decoded_is_damaged(tmp_path):
    path = write_video(tmp_path / "grey.avi", (1.0,) * 20)
    data = path.read_bytes()
    begin, end = data.index(b"movi") + 4, data.index(b"idx1")
    while begin < end:
        size = int.from_bytes(data[begin + 4 : begin + 8], "little")
        data = data[: begin + 8] + bytes(size) + data[begin + 8 + size :]
        begin += 8 + size + size % 2
    path.write_bytes(data)
    video = VideoFrames(path, Cameras(CameraOptions.from_degrees(60.0, None)))
    assert list(video) == []
    assert video.damage == "the video ends after 0 of 20 frames; it is cut off or damaged"
    video.close()


_MATRICES = {  # of a track's header, ISO/IEC 14496-12: degrees clockwise; a, b, c, d, and the moved corner's x, y
    90: (0, 1, -1, 0, 48, 0),
    180: (-1, 0, 0, -1, 64, 48),
    270: (0, -1, 1, 0, 0, 64),
}


@pytest.mark.parametrize(
    ("degrees", "intrinsics", "corner"),
    [
        (0, (50, 60, 30, 20), (0, 0)),
        (90, (60, 50, 47 - 20, 30), (47, 0)),
        (180, (50, 60, 63 - 30, 47 - 20), (63, 47)),
        (270, (60, 50, 20, 63 - 30), (0, 63)),
    ],
)
def test_intrinsics_of_a_video_are_turned_with_its_frames(tmp_path, degrees, intrinsics, corner):
    """The ray of a stored corner stays that of the pixel to which the file says that it is turned."""
    path = tmp_path / "phone.mp4"
    video = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"mp4v"), 10.0, (64, 48))
    stored = np.zeros((48, 64, 3), np.uint8)
    stored[:8, :8] = 255
    video.write(stored)
    video.release()
    if degrees:
        content = bytearray(path.read_bytes())
        matrix = content.index(b"tkhd") + 44
        a, b, c, d, x, y = (value * 2**16 for value in _MATRICES[degrees])
        content[matrix : matrix + 36] = struct.pack(">9i", a, b, 0, c, d, 0, x, y, 2**30)
        path.write_bytes(content)
    (frame,) = VideoFrames(path, Cameras(CameraOptions.from_degrees(None, (50.0, 60.0, 30.0, 20.0))))
    x, y = corner
    assert frame.image[y, x].min() > 200
    assert frame.image[frame.image.shape[0] - 1 - y, frame.image.shape[1] - 1 - x].max() < 50
    K = frame.camera.intrinsics
    assert (K[0, 0], K[1, 1], K[0, 2], K[1, 2]) == intrinsics
    assert (frame.camera.width, frame.camera.height) == (frame.image.shape[1], frame.image.shape[0])
