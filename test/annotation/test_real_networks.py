"""The networks' answers do not depend on what a process annotated before, nor on the number of processes."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from helpers.annotated_inputs import contents
from helpers.fetched_networks import skip_without_blazepose

from metrichmsr_ros.annotation.options import AnnotateOptions
from metrichmsr_ros.annotation.run import Annotation, Where
from metrichmsr_ros.data.formats.annotations.folder import AnnotationFolder
from metrichmsr_ros.data.synthesis.walking_sequence import WalkingSequence

pytest.importorskip("pyarrow")
skip_without_blazepose()
OPTIONS = AnnotateOptions(fov=60.0, num_threads=1)


@pytest.fixture(scope="module")
def videos(tmp_path_factory):
    """Two short films of the same walkers at different times."""
    folder, paths = tmp_path_factory.mktemp("films"), []
    for name, first in (("early", 30), ("late", 60)):
        paths.append(folder / f"{name}.avi")
        film = cv2.VideoWriter(str(paths[-1]), cv2.VideoWriter.fourcc(*"MJPG"), 10.0, (640, 480))
        for frame in WalkingSequence(120, 10.0)[first : first + 6]:
            film.write(frame.image[..., ::-1])
        film.release()
    return paths


def tables(inputs, out, where) -> dict[str, bytes]:
    for _ in Annotation([str(path) for path in inputs], out, OPTIONS, where):
        pass
    return {name: data for name, data in contents(out).items() if "late" in name}


def test_a_video_after_another_gives_what_it_gives_alone(videos, tmp_path):
    after = tables(videos, tmp_path / "after", Where(workers=0))
    alone = tables(videos[1:], tmp_path / "alone", Where(workers=0))
    assert after == alone
    assert len(after) == 2
    people = AnnotationFolder(tmp_path / "after").people(str(videos[1]))
    assert len(people["id"]) >= 6
    assert {"p1"} <= set(people["id"])
    assert np.isfinite(people["landmarks_px"]).all()
    assert ((people["height"] > 1.2) & (people["height"] < 2.2)).all()
