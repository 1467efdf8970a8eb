"""Photographs, videos and recorded images, whose people the pipeline estimates while they are shown."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from typing import Any

from metrichmsr_ros.annotation.frames import FrameStream, SourceFrame
from metrichmsr_ros.annotation.options import SourceError
from metrichmsr_ros.pipeline.scene import OutputRequest, PersonEstimate, Scene
from metrichmsr_ros.viewer.frames import ViewFrame, ViewPerson, cloud_of, jpeg_of
from metrichmsr_ros.viewer.options import ViewError


def estimated_frames(
    opened: AbstractContextManager[FrameStream], make: Callable[[], Any], with_depth: bool, name: str
) -> Iterator[ViewFrame]:
    """The frames of a stream with the people that a pipeline finds in them.

    Args:
        opened: the stream.
        make: loads the pipeline: a `Pipeline`, or an object with `track`, `estimate` and `reset`.
        with_depth: also estimate the depth of the scene.
        name: of the source, for errors.

    Raises:
        ViewError: the source cannot be read.
    """
    request = OutputRequest(vertices=False, depth=with_depth)
    try:
        with opened as stream:
            pipeline, first_ns = make(), None
            for frame in stream:
                first_ns = frame.stamp_ns if first_ns is None else first_ns
                time_s = (frame.stamp_ns - first_ns) / 1e9 if stream.is_video else float(frame.index)
                yield _estimated(frame, time_s, pipeline, stream.is_video, request)
            if stream.damage:
                raise ViewError(f"{name}: {stream.damage}")
    except SourceError as error:
        raise ViewError(f"{name}: {error}") from error


def _estimated(frame: SourceFrame, time_s: float, pipeline: Any, is_video: bool, request: OutputRequest) -> ViewFrame:
    picture = b"" if frame.image is None else jpeg_of(frame.image)
    if frame.image is None:
        return ViewFrame(frame.index, time_s, problem=frame.problem or "it has no image")
    if frame.jumped:
        pipeline.reset()
    asked = {"request": request, "context": frame.context}
    try:
        if is_video:
            scene = pipeline.track(frame.image, frame.camera, frame.stamp_ns / 1e9, **asked)
        else:
            scene = pipeline.estimate(frame.image, frame.camera, **asked)
    except Exception as error:  # as in the node: one failed frame does not end the others
        return ViewFrame(frame.index, time_s, (), frame.camera, picture, problem=f"{type(error).__name__}: {error}")
    return _of_scene(frame, scene, time_s)


def _of_scene(frame: SourceFrame, scene: Scene, time_s: float) -> ViewFrame:
    return ViewFrame(
        number=frame.index,
        time_s=time_s,
        people=tuple(_person(person) for person in scene.people),
        camera=scene.camera,
        picture=jpeg_of(scene.image),
        world_from_camera=frame.world_from_camera,
        floor=frame.context.floor,
        cloud=cloud_of(scene.depth.metres, scene.image, scene.camera) if scene.depth.is_requested else None,
    )


def _person(person: PersonEstimate) -> ViewPerson:
    return ViewPerson(
        person.id,
        person.confidence,
        person.is_occluded,
        person.pose,
        person.betas,
        person.transl_cam,
        person.joints_cam,
        person.transl_cov.astype(float),
        person.height,
    )
