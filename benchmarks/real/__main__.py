"""Real people and rooms with the truth of a depth camera: people found, their distances, and the scene's depth.

    python -m benchmarks.real --data DIR [--video vtest.avi] [--overlays OUT] [--frames N] [--copies N]

DIR holds the sets `kinect_bags` (ROS 1 bags of TU Eindhoven's people_recognition) and `realsense` (colour and depth
PNGs of ros_openpose_rgbd), both MIT; who is in view was annotated by hand (people_in_view.json). A person's true
distance is the median depth within the middle of the torso plus 0.10 m, from the surface to the joints within. Every
picture is estimated alone. The baseline is BlazePose's world landmarks scaled to 1.70 m and placed by solvePnP.
"Landmarks" is the same network without its pixel branch.

`--video` adds the pedestrians of `benchmarks.pedestrians`, whose truth is the ground plane. With `--frames` every
picture is a video of N images in which nothing moves, ten a second, without test-time augmentation, as the node sees
it; the last image counts.

Some people are hardly seen, and BlazePose's answer depends on rounding: on another processor, or with noise of one grey
level, they are placed elsewhere. `--copies N` adds N - 1 such copies of every picture and counts people in all of them.
Depth is that of the pictures as they are.
"""

from __future__ import annotations

from pathlib import Path

import cv2

from benchmarks.landmarks_alone import without_pixels
from benchmarks.pedestrians import pedestrians
from benchmarks.real.measures import Distance, Found, measure_depth, measure_people, off_people
from benchmarks.real.options import parsed, parser_of
from benchmarks.real.pictures import Picture, copies_of, read_pictures, scene_of
from benchmarks.real.tables import DepthRow, print_depth, print_people
from metrichmsr_ros.body.load import load_body_engine
from metrichmsr_ros.cli.user_errors import one_line_errors
from metrichmsr_ros.depth.factory import DepthChoice, make_source
from metrichmsr_ros.depth.sources.base import DepthContext, resampled
from metrichmsr_ros.pipeline.pipeline import Pipeline
from metrichmsr_ros.pipeline.scene import OutputRequest, Scene
from metrichmsr_ros.visual.overlay import draw_overlay
from metrichmsr_ros.visual.point_cloud import depth_colours


def write_overlay(out: Path, picture: Picture, scene: Scene, pipeline: Pipeline) -> None:
    """Bodies over the picture beside true and estimated depth in the same colours."""
    farthest = 10.0
    panels = [draw_overlay(scene, pipeline.faces)]
    panels += [depth_colours(depth, farthest) for depth in (picture.depth, scene.depth.metres)]
    out.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(out / f"{picture.name.replace('/', '_')}.jpg"), cv2.hconcat(panels)[..., ::-1])


def walkers(video: Path, pipeline: Pipeline) -> Found:
    """The pedestrians as one more picture; nobody counted who is in view."""
    found = [
        Distance("pedestrians", p.true, p.estimated, p.deviation, p.baseline) for p in pedestrians(video, 20, pipeline)
    ]
    return Found((), (), tuple(found), ())


@one_line_errors("benchmarks.real")
def main() -> None:
    parser = parser_of(__doc__)
    parser.add_argument("--video", type=Path, help="vtest.avi, for the pedestrians")
    parser.add_argument("--overlays", type=Path, help="write bodies and depth over every picture to this folder")
    parser.add_argument("--source", default="fastdepth", help="depth source")
    parser.add_argument("--calibration", default="auto", help="calibration of the depth by people")
    parser.add_argument("--min-confidence", type=float, default=0.5, help="people below this are not counted")
    parser.add_argument("--frames", type=int, default=1, help="images of each picture, as a video")
    parser.add_argument("--copies", type=int, default=1, help="also copies of each picture with a little noise")
    arguments = parsed(parser, "frames", "copies")

    choice = DepthChoice(arguments.source, arguments.calibration)
    pipeline = Pipeline.from_preset(arguments.weights, depth=choice, test_time_augmentation="none")  # of videos
    body, by_landmarks = load_body_engine("open_light"), without_pixels(pipeline.engine, pipeline.body, "none")
    source = make_source(arguments.source)
    found: list[Found] = []
    found_by_landmarks: list[Found] = []
    depths: list[DepthRow] = []
    for picture in read_pictures(arguments.data):
        for copy in copies_of(picture, arguments.copies):
            scene = scene_of(pipeline, copy, arguments.frames, OutputRequest(depth=copy.is_original))
            found.append(measure_people(copy, scene, body, arguments.min_confidence))
            other = scene_of(by_landmarks, copy, arguments.frames, OutputRequest(depth=False))
            found_by_landmarks.append(measure_people(copy, other, body, arguments.min_confidence))
            if not copy.is_original:
                continue
            alone = resampled(source.predict(copy.image, copy.camera, DepthContext()), copy.camera)
            mask = off_people(scene, pipeline.faces)
            errors = [measure_depth(depth, copy, mask) for depth in (alone, scene.depth.metres)]
            depths.append((copy.name, scene.depth.calibration, errors[0], errors[1]))
            if arguments.overlays:
                write_overlay(arguments.overlays, copy, scene, pipeline)
    if arguments.video is not None:
        found.append(walkers(arguments.video, pipeline))
        found_by_landmarks.append(walkers(arguments.video, by_landmarks))
    print_people(found, found_by_landmarks)
    print_depth(depths)


if __name__ == "__main__":
    main()
