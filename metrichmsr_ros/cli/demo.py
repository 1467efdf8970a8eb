"""`metrichmsr demo`: a rendered sequence with ground truth through the node over ROS 2, and one real photograph.

sequence/        rosbag2 (mcap): rendered images, CameraInfo, camera pose on /tf, the true people
perception/      rosbag2 (mcap): the output of the node
overlay.mp4      the node's overlay images; overlay.png shows four of them
report.md, .json the table
photo/           overlay, JSON and GLB of the photograph
"""

from __future__ import annotations

import os
import platform
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import cv2
import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import track

from metrichmsr_ros.assets import asset_path
from metrichmsr_ros.cli.output_files import refuse_existing
from metrichmsr_ros.cli.predict import InputError, people_table, predict_photo
from metrichmsr_ros.data.synthesis.walking_sequence import SequenceFrame, WalkingSequence
from metrichmsr_ros.evaluation.metrics.report import SequenceReport, evaluate_sequence
from metrichmsr_ros.io.images import write_image
from metrichmsr_ros.io.texts import is_json_with, json_text
from metrichmsr_ros.io.whole_files import write_whole
from metrichmsr_ros.pipeline.pipeline import Pipeline
from metrichmsr_ros.replay.records import PersonRecord
from metrichmsr_ros.ros.bags.metadata import NAME as METADATA

FPS = 10.0
_REPORTS = ("report.json", "report.md", "overlay.mp4", "overlay.png")
Answers = dict[int, list[PersonRecord]]  # stamp of the image in nanoseconds -> people
PHOTO_FOV_DEG = 30.0  # assumed: a portrait lens; the real one is not recorded


@dataclass(frozen=True)
class DemoFolders:
    """Output folders of the demo."""

    out: Path

    @property
    def sequence(self) -> Path:
        """The bag with the rendered sequence, the input."""
        return self.out / "sequence"

    @property
    def perception(self) -> Path:
        """The bag with the output of the node."""
        return self.out / "perception"

    @property
    def report(self) -> Path:
        """The table as JSON, written before the other files beside it: it shows whose they are."""
        return self.out / "report.json"

    def check(self) -> None:
        """Refuse to replace what no demo wrote.

        Raises:
            ReplacedFileError: a file with the name of a result is of another origin.
        """
        is_ours = False
        for bag, topic in ((self.sequence, "/truth/humans"), (self.perception, "/perception/humans")):
            others = [path for path in sorted(bag.glob("*")) if path.name not in (METADATA, f"{bag.name}.mcap")]
            refuse_existing(others, "demo")
            is_ours = is_ours or topic in _topics(bag)  # of a killed demo the second bag may not be readable
            if any(bag.glob("*")) and not is_ours:
                refuse_existing([bag], "demo")
        if not is_json_with(self.report, ("machine", "dropped", "latency_p50_by_people")):
            refuse_existing([self.out / name for name in _REPORTS], "demo")

    def clear(self) -> None:
        """Remove the bags of an earlier demo, see `check`."""
        for bag in (self.sequence, self.perception):
            for path in bag.glob("*"):
                path.unlink()
            if bag.is_dir():
                bag.rmdir()


def _topics(bag: Path) -> list[str]:
    """Names of the topics of a bag; none if it cannot be read."""
    from metrichmsr_ros.ros.bags.errors import BagError
    from metrichmsr_ros.ros.bags.reader import Bag

    try:
        with Bag(bag) as opened:
            return [topic.name for topic in opened.topics]
    except BagError:
        return []


def run_demo(out: Path, num_frames: int) -> SequenceReport:
    """Run the demo, print the table, and return it.

    Raises:
        InputError: ROS 2 or the messages of this package are not installed.
        ReplacedFileError: `out` has files with the names of results that no demo wrote.
    """
    try:
        from metrichmsr_ros.ros.playback.sequence_bag import write_sequence_bag
        from metrichmsr_ros.ros.playback.session import run_bag_through_node
    except ImportError as error:
        raise InputError(f"the demo needs ROS 2 and this package's messages ({error}); run `make demo`") from None
    if num_frames < 1:
        raise InputError(f"--frames {num_frames}: give at least 1")
    console, folders = Console(), DemoFolders(out)
    folders.out.mkdir(parents=True, exist_ok=True)
    folders.check()
    folders.clear()
    frames = WalkingSequence(num_frames, FPS)
    write_sequence_bag(folders.sequence, _with_progress(frames, num_frames, "1/4 rendering the sequence"))
    with console.status("2/4 loading the model"):
        pipeline = Pipeline.from_preset("embedded", test_time_augmentation="none")  # the node's default
        _warm_up(pipeline)
    with console.status(f"3/4 playing {num_frames / FPS:.0f} s through the node over ROS 2"):
        session = run_bag_through_node(folders.sequence, folders.perception, pipeline)
    found, received_ns = _answers(folders)
    answers = {stamp: people for stamp, people in found.items() if stamp in session.sent_ns}
    if len(answers) < len(found):
        console.print(
            f"{len(found) - len(answers)} messages of another perception node in this ROS domain are left out; set "
            "ROS_DOMAIN_ID to a number of your own",
            highlight=False,
        )
    latencies = {stamp: (received_ns[stamp] - session.sent_ns[stamp]) / 1e9 for stamp in answers}
    report = _evaluate(folders, answers, list(latencies.values()))
    by_people = _latency_by_people(answers, latencies)
    console.print(report.table(f"{num_frames} frames, 640x480, over ROS 2 on {_machine()}"))
    for people, p50 in by_people.items():
        console.print(f"image sent to people received, p50 with {people} people: {1e3 * p50:.1f} ms", highlight=False)
    console.print(
        f"{num_frames / FPS:.0f} s of images took {session.seconds:.1f} s to play; dropped: {session.drops or 'none'}",
        highlight=False,
    )
    _write_report(report, folders, session.drops, by_people)
    _write_overlays(folders, console)
    _photograph(folders, console)
    _print_paths(folders, console)
    return report


def _with_progress(frames: Iterable[SequenceFrame], total: int, text: str) -> Iterator[SequenceFrame]:
    yield from track(frames, text, total=total)


def _warm_up(pipeline: Pipeline) -> None:
    """Run two frames, because the first calls allocate memory and would distort the latencies."""
    for frame in WalkingSequence(120, FPS)[40:42]:
        pipeline.track(frame.image, frame.camera, frame.stamp_s)
    pipeline.reset()


def _answers(folders: DemoFolders) -> tuple[Answers, dict[int, int]]:
    """People published by the node and the time of their reception (system time, ns), by image stamp (ns)."""
    from metrichmsr_ros.replay.records import person_from_message
    from metrichmsr_ros.ros.bags.reader import Bag
    from metrichmsr_ros.ros.inputs.stamp_gate import stamp_ns
    from metrichmsr_ros.ros.playback.session import HUMANS_TOPIC

    answers, received_ns = {}, {}
    with Bag(folders.perception) as bag:
        for recorded in bag.messages(HUMANS_TOPIC):
            stamp = stamp_ns(recorded.message.header)
            answers[stamp] = [person_from_message(human) for human in recorded.message.humans]
            received_ns[stamp] = recorded.log_ns
    return answers, received_ns


def _evaluate(folders: DemoFolders, answers: Answers, latencies_s: list[float]) -> SequenceReport:
    from metrichmsr_ros.replay.ground_truth import load_truth
    from metrichmsr_ros.ros.bags.reader import Bag

    with Bag(folders.sequence) as bag:
        truth = load_truth(bag, None)
    stamps = sorted(truth)
    return evaluate_sequence([truth[s] for s in stamps], [answers.get(s, []) for s in stamps], latencies_s)


def _latency_by_people(answers: Answers, latencies_s: dict[int, float]) -> dict[int, float]:
    """Median seconds by the number of people reported."""
    groups: dict[int, list[float]] = {}
    for stamp, seconds in latencies_s.items():
        groups.setdefault(len(answers[stamp]), []).append(seconds)
    return {people: float(np.median(groups[people])) for people in sorted(groups)}


def _write_report(
    report: SequenceReport, folders: DemoFolders, drops: dict[str, int], by_people: dict[int, float]
) -> None:
    numbers = {"machine": _machine(), "dropped": drops, "latency_p50_by_people": by_people, **report.as_dict()}
    write_whole(folders.report, json_text(numbers, indent=1) + "\n")
    write_whole(folders.out / "report.md", report.markdown())


def _write_overlays(folders: DemoFolders, console: Console) -> None:
    from metrichmsr_ros.ros.playback.session import overlay_images

    images = [image[..., ::-1] for image in overlay_images(folders.perception)]
    if not images:
        console.print("the node published no overlay")
        return
    height, width = images[0].shape[:2]
    with TemporaryDirectory() as scratch:  # OpenCV takes only paths that are UTF-8
        file = Path(scratch, "overlay.mp4")
        video = cv2.VideoWriter(str(file), cv2.VideoWriter.fourcc(*"mp4v"), FPS, (width, height))
        for image in images:
            video.write(np.ascontiguousarray(image))
        video.release()
        if file.exists():  # not where this OpenCV has no encoder
            write_whole(folders.out / "overlay.mp4", file.read_bytes())
    write_image(folders.out / "overlay.png", _sheet(images)[..., ::-1])


def _sheet(images: list[NDArray[np.uint8]]) -> NDArray[np.uint8]:
    """Four frames of the sequence in a grid of two by two."""
    four = [images[round(share * (len(images) - 1))] for share in (0.1, 0.35, 0.6, 0.85)]
    return np.vstack([np.hstack(four[:2]), np.hstack(four[2:])])


def _photograph(folders: DemoFolders, console: Console) -> None:
    with console.status("4/4 one real photograph (NASA, public domain)"):
        single = Pipeline.from_preset("embedded", body="open")
        scene, _ = predict_photo(single, asset_path("astronaut.jpg"), folders.out / "photo", PHOTO_FOV_DEG, None)
    console.print(people_table(scene))


def _print_paths(folders: DemoFolders, console: Console) -> None:
    console.print(
        f"images    {folders.out}/overlay.mp4, {folders.out}/overlay.png, {folders.out}/photo/\n"
        f"bags      {folders.sequence} (input, with truth), {folders.perception} (output): open in Foxglove, or\n"
        f"          ros2 bag play {folders.perception}   and add TF and /perception/overlay in RViz\n"
        f"table     {folders.out}/report.md",
        highlight=False,
        soft_wrap=True,
    )


def _machine() -> str:
    return f"{platform.machine()}, {os.cpu_count()} cores, {time.strftime('%Y-%m-%d')}"
