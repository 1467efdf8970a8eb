"""Annotations as a labelled data set: who is left out, what weighs how much, which picture belongs to whom."""

from __future__ import annotations

import sys

import cv2
import numpy as np
import pytest
from helpers.annotated_people import SIZE, K, annotated_frame, annotated_person, write_annotations

from metrichmsr_ros.config import ConfigError
from metrichmsr_ros.data.formats.annotated import read_annotated
from metrichmsr_ros.data.formats.labels import LabelError, read_image
from metrichmsr_ros.data.image_sets import ImageSet, LabelBodies, read_image_set
from metrichmsr_ros.errors import MissingPackageError
from metrichmsr_ros.io.images import write_image

pytest.importorskip("pyarrow.parquet")

OPEN = LabelBodies("open_light", {}, {})


def grey(level: int) -> np.ndarray:
    return np.full((SIZE[1], SIZE[0], 3), level, np.uint8)


@pytest.fixture
def site(body, tmp_path):
    """Photographs of a site: somebody seen, hidden, uncertain; and one whose picture is gone."""
    pictures = tmp_path / "pictures"
    pictures.mkdir()
    for number in range(2):
        write_image(pictures / f"{number}.png", grey(40 * number))
    frames = [
        annotated_frame(
            0, annotated_person(body, "seen"), annotated_person(body, "hidden", is_occluded=True), image="0.png"
        ),
        annotated_frame(
            1, annotated_person(body, "far", 6.0, 0.6), annotated_person(body, "vague", confidence=0.3), image="1.png"
        ),
        annotated_frame(2, annotated_person(body, "gone"), image="2.png"),
    ]
    write_annotations(tmp_path / "notes", frames, "photographs", pictures)
    return tmp_path


def set_of(site, **changes) -> ImageSet:
    return ImageSet("annotated", str(site / "notes"), **changes)


def test_people_who_are_seen_and_sure_are_labels_with_weights(site, body):
    with pytest.warns(UserWarning, match="1 of 3 people of 'site' are left out"):
        (table,) = read_image_set(set_of(site), OPEN)
    assert table.person == ["site/0#seen", "site/1#far"]
    assert table.image == [site / "pictures/0.png", site / "pictures/1.png"]
    assert table.weight == pytest.approx([0.8, 0.6])
    assert table.position_sigma == pytest.approx([0.3, 0.3])
    expected = annotated_person(body, "seen")
    assert (table.pose[0] == expected.pose).all()
    assert (table.betas[0] == expected.betas).all()
    assert (table.transl[0] == expected.transl_cam).all()
    assert (table.intrinsics[0] == K).all()
    assert (table.bbox[0] == expected.bbox).all()
    assert table.has_betas.all()
    pixels = expected.joints_cam @ K.T
    pixels = pixels[:, :2] / pixels[:, 2:]
    assert np.abs(table.joints_2d[0, :, :2] - pixels).max() < 1e-3
    inside = ((pixels >= 0) & (pixels <= [SIZE[0] - 1, SIZE[1] - 1])).all(1)
    assert (table.joints_2d[0, :, 2] == inside).all()


@pytest.mark.filterwarnings("ignore:annotated set")
def test_the_least_confidence_is_a_choice(site):
    (table,) = read_image_set(set_of(site, min_confidence=0.7), OPEN)
    assert table.person == ["site/0#seen"]
    (table,) = read_image_set(set_of(site, min_confidence=0.1), OPEN)
    assert table.person == ["site/0#seen", "site/1#far", "site/1#vague"]


@pytest.mark.filterwarnings("ignore:annotated set")
def test_pictures_are_found_below_another_folder(site):
    (site / "pictures").rename(site / "moved")
    with pytest.raises(LabelError, match=r"none of its pictures is a file; .*`images`"):
        read_image_set(set_of(site), OPEN)
    (table,) = read_image_set(set_of(site, images=str(site / "moved")), OPEN)
    assert table.image[0] == site / "moved/0.png"
    (site / "all").mkdir()
    (site / "moved").rename(site / "all/site")
    (table,) = read_image_set(set_of(site, images=str(site / "all")), OPEN)
    assert table.image[0] == site / "all/site/0.png"


def test_frames_of_a_video_are_its_own_and_written_once(body, tmp_path):
    levels = range(0, 250, 25)
    video = cv2.VideoWriter(str(tmp_path / "walk.avi"), cv2.VideoWriter_fourcc(*"MJPG"), 10.0, SIZE)
    for level in levels:
        video.write(grey(level))
    video.release()
    frames = [annotated_frame(n, *([annotated_person(body, "p")] if n in (3, 7) else [])) for n in range(10)]
    write_annotations(tmp_path / "notes", frames, "video", tmp_path / "walk.avi")
    (table,) = read_image_set(set_of(tmp_path), OPEN)
    assert [float(read_image(table[n]).mean()) for n in range(2)] == pytest.approx([75, 175], abs=3)
    (tmp_path / "walk.avi").unlink()
    assert read_image_set(set_of(tmp_path), OPEN)[0].image == table.image
    write_annotations(
        tmp_path / "notes", [*frames, annotated_frame(10, annotated_person(body, "p"))], "video", tmp_path
    )
    with pytest.warns(UserWarning, match="1 of 3 people"):
        assert read_image_set(set_of(tmp_path), OPEN)[0].image == table.image


def test_a_video_that_ends_before_its_annotations_is_named(body, tmp_path):
    video = cv2.VideoWriter(str(tmp_path / "walk.avi"), cv2.VideoWriter_fourcc(*"MJPG"), 10.0, SIZE)
    video.write(grey(0))
    video.release()
    write_annotations(
        tmp_path / "notes", [annotated_frame(5, annotated_person(body, "p"))], "video", tmp_path / "walk.avi"
    )
    with pytest.raises(LabelError, match=r"walk\.avi: frame 5, .* is not in it"):
        read_image_set(set_of(tmp_path), OPEN)


@pytest.mark.filterwarnings("ignore:annotated set")
def test_mistakes_are_named(site, body, monkeypatch):
    with pytest.raises(LabelError, match=r"betas are of the body open_light, but the network's body is smpl:/x\.npz"):
        read_image_set(set_of(site), LabelBodies("smpl:/x.npz", {}, {}))
    with pytest.raises(LabelError, match=r"confidence of at least 0\.95"):
        read_image_set(set_of(site, min_confidence=0.95), OPEN)
    with pytest.raises(ConfigError, match="min_confidence: 50 is not between 0 and 1"):
        set_of(site, min_confidence=50)
    with pytest.raises(LabelError, match="min_confidence is 50"):
        read_annotated(site, "open_light", {}, min_confidence=50)
    with pytest.raises(LabelError, match="no source matches 'cellar'; it has: site"):
        read_image_set(set_of(site, sequences="cellar"), OPEN)
    write_annotations(site / "notes", [annotated_frame(0, annotated_person(body, "p"))], "bag", site / "walk.mcap")
    with pytest.raises(LabelError, match=r"'site' is a bag, .* `sequences`"):
        read_image_set(set_of(site), OPEN)
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(MissingPackageError, match=r"metrichmsr_ros\[annotate\]"):
        read_image_set(set_of(site), OPEN)
