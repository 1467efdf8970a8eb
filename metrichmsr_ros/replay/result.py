"""The result of one replayed bag, and its files: write and read them."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from metrichmsr_ros.evaluation.metrics.checks import MetricInputError
from metrichmsr_ros.evaluation.metrics.latency import LatencySummary, summarise_latency
from metrichmsr_ros.evaluation.metrics.report import SequenceReport
from metrichmsr_ros.evaluation.trajectories import camera_trajectory, in_world, write_tum
from metrichmsr_ros.io.texts import json_text, read_json
from metrichmsr_ros.io.whole_files import whole_file, write_whole
from metrichmsr_ros.replay.ground_truth import TruthByStamp
from metrichmsr_ros.replay.options import ExitCode, ReplayError, ReplayOptions
from metrichmsr_ros.replay.output_folder import FIXED
from metrichmsr_ros.replay.provenance import code_hash, machine, versions
from metrichmsr_ros.replay.records import FrameRecord, save_records, sequence_digest
from metrichmsr_ros.replay.world.errors import CameraPath, WorldErrors, person_trajectories
from metrichmsr_ros.replay.world.fixed_errors import FixedFrameErrors
from metrichmsr_ros.replay.world.fixed_frame import MotionByStamp, fixed_trajectories, save_motions
from metrichmsr_ros.replay.worst_frames import Picture


@dataclass(frozen=True)
class FixedPeople:
    """People of a replay in the fixed frame.

    Attributes:
        frame: name of the frame.
        motions: people by stamp of the image, for images with a transform.
        errors: evaluation against the truth; None without ground truth.
    """

    frame: str
    motions: MotionByStamp
    errors: FixedFrameErrors | None


@dataclass(frozen=True)
class ReplayResult:
    """The result of one replayed bag; the result files are written from it.

    Attributes:
        bag: path of the bag.
        topics: names of the image topic and the camera_info topic.
        frames: one record per processed frame, in order.
        images: number of images in the bag.
        dropped: number of images without a result, by cause.
        missing: number of images without the requested floor, depth or pose, by cause.
        doubtful: number of images that were used with a problem of another kind, by cause.
        reasons: the first message for each cause of `dropped`, `missing` and `doubtful`.
        truth: true people by stamp of the image; empty without ground truth.
        report: evaluation against the truth; None without ground truth.
        cameras: world_from_camera (4, 4) by stamp; empty without camera poses.
        world: errors of people's paths in the world; None without truth, camera poses or a path long enough.
        fixed: people in the fixed frame; None: not asked for.
        pictures: the worst frames.
        wall_s: duration of the replay in seconds.
        stopped: the error that ended the replay before the end of the bag (a damaged bag, a full disk), or None.
        metadata_problem: the error in the bag's metadata.yaml, if the data were read without it; else an empty text.
        weights: sha256 of the network's weights.
        model: configuration of the network.
        options: options of the replay.
    """

    bag: Path
    topics: tuple[str, str]
    frames: list[FrameRecord]
    images: int
    dropped: dict[str, int]
    missing: dict[str, int]
    doubtful: dict[str, int]
    reasons: dict[str, str]
    truth: TruthByStamp
    report: SequenceReport | None
    cameras: CameraPath
    world: WorldErrors | None
    fixed: FixedPeople | None
    pictures: list[Picture]
    wall_s: float
    stopped: ReplayError | None
    metadata_problem: str
    weights: str
    model: dict[str, Any]
    options: ReplayOptions

    @property
    def digest(self) -> str:
        """Hex sha256 over every estimate of every frame."""
        return sequence_digest(self.frames)

    @property
    def code(self) -> ExitCode:
        """OK, PARTIAL if the bag was damaged, OUTPUT if the disk became full."""
        return self.stopped.code if self.stopped else ExitCode.OK

    @property
    def stop_reason(self) -> str:
        """The reason why the replay ended early, or an empty text."""
        return str(self.stopped or "")

    def stages(self) -> dict[str, LatencySummary]:
        """Percentiles of each stage's duration."""
        names = dict.fromkeys(name for frame in self.frames for name in frame.seconds)
        return {name: summarise_latency([f.seconds[name] for f in self.frames if name in f.seconds]) for name in names}

    def rows(self) -> list[tuple[str, str]]:
        """Label and value of every line of the evaluation; empty without ground truth."""
        fixed = self.fixed.errors if self.fixed else None
        return [row for errors in (self.report, self.world, fixed) if errors for row in errors.rows()]

    def result(self) -> dict[str, Any]:
        """The numbers that are identical in every run."""
        people = [len(frame.people) for frame in self.frames]
        metrics = self.report.as_dict() if self.report else None
        if metrics is not None:
            del metrics["latency"]
        return {
            "digest": self.digest,
            "frames": len(self.frames),
            "images": self.images,
            "dropped": self.dropped,
            "missing": self.missing,
            "doubtful": self.doubtful,
            "stopped": self.stop_reason,
            "person_frames": sum(people),
            "ids": len({person.id for frame in self.frames for person in frame.people}),
            "most_people": max(people, default=0),
            "metrics": metrics,
            "world": asdict(self.world) if self.world else None,
            "fixed_frame_images": len(self.fixed.motions) if self.fixed else None,
            "fixed_frame": asdict(self.fixed.errors) if self.fixed and self.fixed.errors else None,
        }


def write_results(done: ReplayResult, out: Path) -> None:
    """Write estimates, trajectories and metrics; metrics.json is last, because it marks a finished replay."""
    with whole_file(out / "estimates.npz") as part:
        save_records(part, done.frames)
    folder = out / "trajectories"
    folder.mkdir(exist_ok=True)
    for name, trajectory in person_trajectories(done.frames).items():
        write_tum(folder / f"{_safe(name)}.tum", trajectory)
        if moved := in_world(trajectory, done.cameras):
            write_tum(folder / f"{_safe(name)}_world.tum", moved)
    if done.fixed is not None:
        for name, trajectory in fixed_trajectories(done.fixed.motions).items():
            write_tum(folder / f"{_safe(name)}_fixed.tum", trajectory)
        with whole_file(out / FIXED) as part:
            save_motions(part, done.fixed.frame, done.fixed.motions)
    if done.cameras:
        write_tum(folder / "camera_world.tum", camera_trajectory(done.cameras))
    content = {
        "bag": str(done.bag),
        "options": asdict(done.options),
        "topics": done.topics,
        "weights_sha256": done.weights,
        "model": done.model,
        "code_sha256": code_hash(),
        "result": done.result(),
        "run": {
            "wall_s": round(done.wall_s, 3),
            "seconds": {name: asdict(summary) for name, summary in done.stages().items()},
            "versions": versions(),
            "machine": machine(),
        },
    }
    write_whole(out / "metrics.json", json_text(content, indent=2) + "\n")


def _safe(name: str) -> str:
    """An id as a part of a file's name."""
    return "".join(c if c.isalnum() else "_" for c in name)


def read_metrics(out: Path) -> dict[str, Any]:
    """Read metrics.json of a finished replay.

    Raises:
        MetricInputError: the file does not exist or is not JSON.
    """
    path = out / "metrics.json"
    try:
        content: dict[str, Any] = dict(read_json(path))
    except (ValueError, TypeError) as error:
        raise MetricInputError(f"{path} cannot be used: {error}; is {out} the --out of a finished replay?") from error
    return content
