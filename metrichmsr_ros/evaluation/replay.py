"""Run recorded bags through the node's conversion and the pipeline, in process: every image, in order, reproducibly.

Two runs over one bag give identical digests. What is written, per bag:

    metrics.json      results (identical between runs) under "result", timings and machine under "run"
    estimates.npz     every person of every frame (layout: evaluation/records.py)
    frames.jsonl      one line per frame, written as it goes
    trajectories/     one TUM file per id: body frame in the camera's optical frame; with transforms in the bag also
                      ID_world.tum and camera_world.tum
    bag/              rosbag2 (mcap) with the node's topics
    report.html       everything on one page, self-contained
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

import numpy as np

from metrichmsr_ros.evaluation.arrays import Float
from metrichmsr_ros.evaluation.bags import Bag
from metrichmsr_ros.evaluation.camera_poses import CameraPoses, read_camera_poses
from metrichmsr_ros.evaluation.feed import Feed, Given, Ready
from metrichmsr_ros.evaluation.options import ReplayOptions
from metrichmsr_ros.evaluation.outcome import ExitCode, ReplayError
from metrichmsr_ros.evaluation.output_bag import OutputBag
from metrichmsr_ros.evaluation.provenance import weights_hash
from metrichmsr_ros.evaluation.records import FrameRecord, person_from_estimate
from metrichmsr_ros.evaluation.replayed import Replay
from metrichmsr_ros.evaluation.report import write_report
from metrichmsr_ros.evaluation.results import prepare_folder, write_results
from metrichmsr_ros.evaluation.sequence import SequenceReport, evaluate_sequence
from metrichmsr_ros.evaluation.truth import Truth, load_truth
from metrichmsr_ros.evaluation.world import world_errors
from metrichmsr_ros.evaluation.worst import WorstFrames
from metrichmsr_ros.overlay import draw_overlay
from metrichmsr_ros.scene import Scene, Wanted

Progress = Callable[[int, int], None]  # frames done, frames in all
_RECTIFIED = {"auto": None, "true": True, "false": False}


def load_pipeline(options: ReplayOptions) -> Any:
    """The pipeline that the options name; also sets torch's threads, on which the last bits of its sums depend."""
    import torch

    # loads the networks' runtime; not needed to read this module
    from metrichmsr_ros.pipeline import Pipeline, limit_threads

    torch.set_num_threads(options.num_threads)
    limit_threads(options.preset, options.device)
    return Pipeline.from_preset(options.preset, options.device, options.body, options.num_threads)


def replay_bag(
    path: Path, out: Path, options: ReplayOptions, pipeline: Any, progress: Progress | None = None
) -> Replay:
    """Replay one bag and write all results.

    Args:
        path: the bag.
        out: folder for the results; earlier results of a replay in it are replaced.
        options: topics, truth and limits.
        pipeline: a `Pipeline`, or anything with `process`, `reset` and `body`.
        progress: told the number of frames done and in all.

    Raises:
        ReplayError: nothing could be done, or results cannot be written; `code` says which. A bag damaged midway is no
            error: what came before is in the result, and `damage` says what happened.
    """
    began = time.perf_counter()
    with Bag(path) as bag:
        feed, truth, names = _prepare(bag, options)
        poses = read_camera_poses(bag, options.world)
        images = bag.count(names[0])
        run = _Run(pipeline, truth, poses, WorstFrames(options.worst), options)
        try:
            prepare_folder(out)
            damage = run.through(feed, out, min(images, options.limit or images), progress) or bag.damage
            if not run.frames:
                raise ReplayError(_nothing(path, feed, images, damage), ExitCode.UNREADABLE)
            done = Replay(
                bag=path,
                topics=names,
                frames=run.frames,
                images=images,
                dropped=dict(sorted(feed.dropped.items())),
                reasons=feed.reasons,
                truth=truth,
                report=_evaluated(run.frames, truth),
                cameras=run.cameras,
                world=world_errors(truth, run.frames, run.cameras),
                pictures=run.worst.pictures,
                wall_s=time.perf_counter() - began,
                damage=damage,
                weights=weights_hash(pipeline.model) if hasattr(pipeline, "model") else "",
                options=options,
            )
            write_results(done, out)
            write_report(done, out)
        except OSError as error:
            raise ReplayError(
                f"cannot write to {out}: {error.strerror or error}. {len(run.frames)} frames were processed and "
                "frames.jsonl has those written before; free space or choose another --out, and start again",
                ExitCode.OUTPUT,
            ) from error
    return done


def _prepare(bag: Bag, options: ReplayOptions) -> tuple[Feed, Truth, tuple[str, str]]:
    if options.image_rectified not in _RECTIFIED:
        raise ReplayError(f"image_rectified is {options.image_rectified!r}; choose auto, true or false", ExitCode.USAGE)
    given = Given(None if options.fov is None else float(np.radians(options.fov)), options.intrinsics)
    topics = bag.select(options.image, options.camera_info, needs_info=not given)
    truth = load_truth(bag, options.truth)
    feed = Feed(bag, topics, given, _RECTIFIED[options.image_rectified])
    return feed, truth, (topics.image, topics.camera_info or f"none, {given}")


@dataclass
class _Run:
    """What every frame passes through."""

    pipeline: Any
    truth: Truth
    poses: CameraPoses
    worst: WorstFrames
    options: ReplayOptions
    frames: list[FrameRecord] = field(default_factory=list)
    cameras: dict[int, Float] = field(default_factory=dict)

    def through(self, feed: Feed, out: Path, total: int, progress: Progress | None) -> str:
        """Process all images of the feed; returns what stopped it early, or ''."""
        self.pipeline.reset()
        with (
            OutputBag(out / "bag", self.pipeline.body, self.options.vertices) as sink,
            (out / "frames.jsonl").open("w", encoding="utf-8", buffering=1) as log,
        ):
            try:
                for ready in feed:
                    scene = self._processed(ready, feed)
                    if scene is None:
                        continue
                    self.frames.append(self._step(ready, scene, sink, log))
                    if progress:
                        progress(len(self.frames), total)
                    if len(self.frames) == self.options.limit:
                        break
            except ReplayError as error:
                if error.code is not ExitCode.PARTIAL:
                    raise
                return str(error)
        return ""

    def _processed(self, ready: Ready, feed: Feed) -> Scene | None:
        """The scene of one image; None when the pipeline failed on it, which is counted like any other drop."""
        if ready.starts_anew:
            self.pipeline.reset()
        wanted = Wanted(vertices=True, depth=False)
        try:
            scene: Scene = self.pipeline.process(ready.image, ready.camera, ready.stamp_ns / 1e9, wanted)
        except Exception as error:  # as in the node: hours of replay outlive what one frame does to a network
            feed.drop("failed", f"{type(error).__name__}: {error}")
            return None
        return scene

    def _step(self, ready: Ready, scene: Scene, sink: OutputBag, log: IO[str]) -> FrameRecord:
        people = tuple(person_from_estimate(person) for person in scene.people)
        frame = FrameRecord(ready.stamp_ns, people, {"convert": ready.convert_s, **scene.timings})
        pose = self.poses.world_from(ready.message.header.frame_id, ready.stamp_ns)
        if pose is not None:
            self.cameras[ready.stamp_ns] = pose
        faces = np.asarray(self.pipeline.body.faces)
        overlay = draw_overlay(scene, faces) if self.options.overlay else None
        sink.write(scene, ready.message.header, ready.log_ns, overlay)
        log.write(json.dumps(_line(frame)) + "\n")
        score, caption = frame_score(frame, self.truth)
        self.worst.offer(frame.stamp_ns, score, caption, lambda: draw_overlay(scene, faces))
        return frame


def _line(frame: FrameRecord) -> dict[str, Any]:
    people = [
        {
            "id": person.id,
            "position": [round(float(x), 4) for x in person.root],
            "height": round(person.height, 3),
            "confidence": round(person.confidence, 3),
            "occluded": person.occluded,
        }
        for person in frame.people
    ]
    return {"stamp_ns": frame.stamp_ns, "digest": frame.digest[:16], "people": people}


def frame_score(frame: FrameRecord, truth: Truth) -> tuple[float, str]:
    """How bad a frame is, and in words. With truth: metres of root error, a metre for every miss and false alarm.

    Without: how unsure the least sure person is.
    """
    if frame.stamp_ns in truth:
        report = evaluate_sequence([truth[frame.stamp_ns]], [frame.people])
        missed = report.visible - report.found
        error = sum(pair.root_error_m for pair in report.pairs)
        words = f"{missed} missed, {report.false_alarms} false, root error {error:.2f} m in all"
        return error + missed + report.false_alarms, words
    if not frame.people:
        return float("-inf"), ""
    doubt = min(frame.people, key=lambda p: p.confidence)
    return 1.0 - doubt.confidence, f"{doubt.id} with confidence {doubt.confidence:.2f}"


def _evaluated(frames: list[FrameRecord], truth: Truth) -> SequenceReport | None:
    known = [frame for frame in frames if frame.stamp_ns in truth]
    if not known:
        return None
    seconds = [frame.seconds["total"] for frame in known if "total" in frame.seconds]
    return evaluate_sequence([truth[f.stamp_ns] for f in known], [f.people for f in known], seconds)


def _nothing(path: Path, feed: Feed, images: int, damage: str) -> str:
    causes = [damage] if damage else []
    causes += [f"{count} x {cause}: {feed.reasons[cause]}" for cause, count in feed.dropped.items()]
    return f"{path}: none of {images} images could be processed ({'; '.join(causes) or 'there are none'})"
