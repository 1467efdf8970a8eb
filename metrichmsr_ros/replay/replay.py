"""Replay recorded bags through the node's image conversion and the pipeline, in process: every image, in order.

Two runs over one bag give identical digests. Results of each bag:

    metrics.json      results (identical between runs) under "result", timings and machine under "run"
    estimates.npz     every person of every frame (layout: replay/records.py)
    frames.jsonl      one line per frame, written during the replay
    trajectories/     one TUM file per id: body frame in the camera's optical frame; with transforms in the bag also
                      ID_world.tum and camera_world.tum, with a fixed frame also ID_fixed.tum
    people_fixed.npz  with a fixed frame: people filtered in it (layout: replay/world/fixed_frame.py)
    bag/              rosbag2 (mcap) with the node's topics
    report.html       a self-contained page with all results
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from metrichmsr_ros.evaluation.metrics.report import SequenceReport, evaluate_sequence
from metrichmsr_ros.replay.bag_source import BagSource, source_of
from metrichmsr_ros.replay.frame_loop import FrameLoop, FrameProgress
from metrichmsr_ros.replay.ground_truth import TruthByStamp, load_truth
from metrichmsr_ros.replay.options import ExitCode, ReplayError, ReplayOptions, check_numbers, replay_errors
from metrichmsr_ros.replay.output_folder import check_places, prepare_folder
from metrichmsr_ros.replay.provenance import model_config
from metrichmsr_ros.replay.records import FrameRecord
from metrichmsr_ros.replay.report.page import write_report
from metrichmsr_ros.replay.result import FixedPeople, ReplayResult, write_results
from metrichmsr_ros.replay.world.camera_poses import CameraPoses, poses_of_bag, poses_of_file
from metrichmsr_ros.replay.world.errors import world_errors
from metrichmsr_ros.replay.world.fixed_errors import fixed_frame_errors
from metrichmsr_ros.replay.world.fixed_frame import FixedFramePeople
from metrichmsr_ros.ros.bags.message_types import TRANSFORMS
from metrichmsr_ros.ros.bags.reader import Bag


def load_pipeline(options: ReplayOptions) -> Any:
    """The pipeline of the options."""
    # imports the networks' runtime, which this module's other functions do not need
    from metrichmsr_ros.acceleration.execution import Execution
    from metrichmsr_ros.pipeline.pipeline import Pipeline

    return Pipeline.from_preset(
        options.preset,
        options.device,
        options.body,
        options.num_threads,
        test_time_augmentation=options.test_time_augmentation,
        execution=Execution(options.precision, options.compile),
    )


def replay_bag(
    path: Path, out: Path, options: ReplayOptions, pipeline: Any, progress: FrameProgress | None = None
) -> ReplayResult:
    """Replay one bag and write all results.

    Args:
        path: the bag.
        out: folder for the results; earlier results of a replay in it are replaced.
        options: topics, truth and limits.
        pipeline: a `Pipeline`, or an object with `track`, `reset` and `body`.
        progress: called with the number of processed frames and the total.

    Raises:
        ReplayError: no image could be processed, an option is wrong, results cannot be written, or `out` has the bag or
            other files with the names of results in it; `code` is the exit code. A bag that is damaged midway and a
            disk that becomes full are not errors: the result has the frames before, and `stopped` has the reason.
    """
    began = time.perf_counter()
    check_numbers(options)
    check_places(path, out, options)
    with replay_errors(), Bag(path) as bag:
        source, truth, names = _prepare(bag, options)
        images = bag.count(names[0])
        poses, fixed = _camera_poses(bag, options, source), _fixed_frame(bag, options, source)
        loop = FrameLoop(pipeline, truth, poses, options, fixed)
        try:
            prepare_folder(out)
            stopped = loop.run(source, out, min(images, options.limit or images), progress)
            if stopped is None and bag.damage:
                stopped = ReplayError(bag.damage, ExitCode.PARTIAL)
            if not loop.frames:
                raise _nothing(path, source, images, stopped)
            engine = getattr(pipeline, "engine", None)
            done = ReplayResult(
                bag=path,
                topics=names,
                frames=loop.frames,
                images=images,
                dropped=dict(sorted(source.dropped.items())),
                missing=dict(sorted(source.context.missing.items())),
                doubtful=dict(sorted(source.context.doubtful.items())),
                reasons={**source.reasons, **source.context.reasons},
                truth=truth,
                report=_evaluated(loop.frames, truth),
                cameras=loop.cameras,
                world=world_errors(truth, loop.frames, loop.cameras),
                fixed=_fixed_people(loop),
                pictures=loop.worst.pictures,
                wall_s=time.perf_counter() - began,
                stopped=stopped,
                metadata_problem=bag.metadata_problem,
                weights=getattr(engine, "weights_sha256", ""),
                model=model_config(engine),
                options=options,
            )
            write_results(done, out)
            write_report(done, out)
        except OSError as error:
            raise ReplayError(
                f"cannot write to {out}: {error.strerror or error}. {len(loop.frames)} frames were processed; the "
                "frames written so far are in frames.jsonl and bag/. Free space or choose another --out; start again",
                ExitCode.OUTPUT,
            ) from error
    return done


def _prepare(bag: Bag, options: ReplayOptions) -> tuple[BagSource, TruthByStamp, tuple[str, str]]:
    source, names = source_of(bag, options)
    return source, load_truth(bag, options.truth), names


def _camera_poses(bag: Bag, options: ReplayOptions, source: BagSource) -> CameraPoses:
    if options.cameras:
        return poses_of_file(Path(options.cameras))
    return poses_of_bag(bag, options.world or options.fixed_frame or None, source.context.problem)


def _fixed_frame(bag: Bag, options: ReplayOptions, source: BagSource) -> FixedFramePeople | None:
    if not options.fixed_frame:
        return None
    if options.cameras:
        poses = poses_of_file(Path(options.cameras))
    elif any(topic.type == TRANSFORMS and topic.count for topic in bag.topics):
        # held for no time: the node uses only a transform at the image's stamp; bad ones are already reported
        poses = poses_of_bag(bag, options.fixed_frame, lambda cause, text: None, held_s=0.0)
    else:
        text = f"{bag.path} has no transforms, which --fixed-frame needs; name a file with --cameras"
        raise ReplayError(text, ExitCode.USAGE)
    return FixedFramePeople(options.fixed_frame, poses, source.context.problem)


def _fixed_people(loop: FrameLoop) -> FixedPeople | None:
    if loop.fixed is None:
        return None
    motions = loop.fixed.motions
    errors = fixed_frame_errors(loop.truth, loop.frames, motions, loop.fixed.cameras, loop.options.id_prefix)
    return FixedPeople(loop.fixed.frame, motions, errors)


def _evaluated(frames: list[FrameRecord], truth: TruthByStamp) -> SequenceReport | None:
    with_truth = [frame for frame in frames if frame.stamp_ns in truth]
    if not with_truth:
        return None
    seconds = [frame.seconds["total"] for frame in with_truth if "total" in frame.seconds]
    return evaluate_sequence([truth[f.stamp_ns] for f in with_truth], [f.people for f in with_truth], seconds)


def _nothing(path: Path, source: BagSource, images: int, stopped: ReplayError | None) -> ReplayError:
    causes = [str(stopped)] if stopped else []
    causes += [f"{count} x {cause}: {source.reasons[cause]}" for cause, count in source.dropped.items()]
    text = f"{path}: none of {images} images could be processed ({'; '.join(causes) or 'the topic is empty'})"
    disk = stopped is not None and stopped.code is ExitCode.OUTPUT
    return ReplayError(text, ExitCode.OUTPUT if disk else ExitCode.UNREADABLE)
