"""What a replay ends in."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from metrichmsr_ros.evaluation.metrics.latency import LatencySummary, summarise_latency
from metrichmsr_ros.evaluation.metrics.report import SequenceReport
from metrichmsr_ros.replay.ground_truth import TruthByStamp
from metrichmsr_ros.replay.options import ReplayOptions
from metrichmsr_ros.replay.outcome import ExitCode, ReplayError
from metrichmsr_ros.replay.records import FrameRecord, sequence_digest
from metrichmsr_ros.replay.world import CameraPath, WorldErrors
from metrichmsr_ros.replay.worst_frames import Picture


@dataclass(frozen=True)
class Replay:
    """One bag replayed: everything that the files are made of.

    Attributes:
        bag: its path. topics: image and camera_info replayed. frames: in order. images: how many were in the bag.
        dropped: images not used, by cause; missing: images that went without the floor or depth that was asked for;
        reasons: what was said of each. truth: by stamp; empty where there is none.
        report: against the truth, or None. cameras: world_from_camera (4, 4) by stamp, where the bag has transforms.
        world: errors of the paths through the world, or None.
        pictures: worst frames. wall_s: seconds in all. stopped: what ended it before the bag's end (a damaged bag, a
            full disk), or None.
        weights: sha256 of the network's weights. model: its configuration. options: as given.
    """

    bag: Path
    topics: tuple[str, str]
    frames: list[FrameRecord]
    images: int
    dropped: dict[str, int]
    missing: dict[str, int]
    reasons: dict[str, str]
    truth: TruthByStamp
    report: SequenceReport | None
    cameras: CameraPath
    world: WorldErrors | None
    pictures: list[Picture]
    wall_s: float
    stopped: ReplayError | None
    weights: str
    model: dict[str, Any]
    options: ReplayOptions

    @property
    def digest(self) -> str:
        """Hex sha256 over every estimate of every frame."""
        return sequence_digest(self.frames)

    @property
    def code(self) -> ExitCode:
        """OK, PARTIAL when the bag was damaged, OUTPUT when the disk became full."""
        return self.stopped.code if self.stopped else ExitCode.OK

    @property
    def stop_words(self) -> str:
        """What ended it early, or an empty text."""
        return str(self.stopped or "")

    def stages(self) -> dict[str, LatencySummary]:
        """Percentiles of each stage's duration."""
        names = dict.fromkeys(name for frame in self.frames for name in frame.seconds)
        return {name: summarise_latency([f.seconds[name] for f in self.frames if name in f.seconds]) for name in names}

    def rows(self) -> list[tuple[str, str]]:
        """Label and value of every line about the truth; empty where there is none."""
        return [*(self.report.rows() if self.report else []), *(self.world.rows() if self.world else [])]

    def result(self) -> dict[str, Any]:
        """Numbers that do not change from run to run."""
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
            "stopped": self.stop_words,
            "person_frames": sum(people),
            "ids": len({person.id for frame in self.frames for person in frame.people}),
            "most_people": max(people, default=0),
            "metrics": metrics,
            "world": asdict(self.world) if self.world else None,
        }
