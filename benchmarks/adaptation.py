"""Adapt the shipped network to one rendered place, and measure it there and in another place, on people held out.

    python -m benchmarks.adaptation [--quick] [--videos 3] [--frames 40] [--steps 150] [--seed 0]

At home a still camera hangs at 2.4 m and looks down; elsewhere it stands at 1 m and looks ahead. The shipped network
annotates people at home, image by image. `metrichmsr refine` improves that by whole tracks and by the floor, which is
known because the camera's height is. The network over landmarks learns from it; the pixel branch stays. No truth is
used. Held out are other people, at home and elsewhere. Root: joint 0, of the distance. MPJPE: joints about the root.
Nothing is kept. Needs the extra `annotate`.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table

from benchmarks.random_walkers import random_walkers
from metrichmsr_ros import OutputRequest, Pipeline
from metrichmsr_ros.annotation.frames import SourceFrame
from metrichmsr_ros.annotation.people_rows import row_of
from metrichmsr_ros.body.load import load_body_engine
from metrichmsr_ros.data.formats.annotations.folder import AnnotationFolder
from metrichmsr_ros.data.formats.annotations.manifest import InputEntry, Manifest
from metrichmsr_ros.data.formats.annotations.shard_writer import ShardWriter, shard_name
from metrichmsr_ros.data.image_sets import ImageSet
from metrichmsr_ros.data.synthesis.walking_sequence import SequenceFrame, SequencePerson, level_camera
from metrichmsr_ros.hmr.network.checkpoint import load_model
from metrichmsr_ros.hmr.network.pixels.grafting import without_branch
from metrichmsr_ros.io.images import write_image
from metrichmsr_ros.refinement.annotation_folder import FolderRefineOptions, refine_folder
from metrichmsr_ros.training.human.config import AugmentConfig, TrainConfig
from metrichmsr_ros.training.human.train import train
from metrichmsr_ros.types import Float32Array, Float64Array

BODY, FPS, SECONDS = "open_light", 5.0, 12.0
BEGIN = 15  # image; then most people have entered
HOME, ELSEWHERE = (2.4, 0.4), (1.0, 0.05)  # height, m, and pitch, radians
NEAR = 0.1  # radians between the directions of an estimate and of its person
VISIBLE = 0.3  # share of the body, from which a person counts
_LEAN = OutputRequest(vertices=False, depth=False)


@dataclass
class Errors:
    """Of the people found: root in per cent of the distance, MPJPE in mm."""

    root: list[float] = field(default_factory=list)
    mpjpe: list[float] = field(default_factory=list)

    def add(self, found: Float32Array, true: Float32Array) -> None:
        """Add one person: joints (24, 3), in the camera frame."""
        self.root.append(100 * float(np.linalg.norm(found[0] - true[0]) / np.linalg.norm(true[0])))
        self.mpjpe.append(1e3 * float(np.linalg.norm((found - found[0]) - (true - true[0]), axis=-1).mean()))

    def cells(self) -> tuple[str, str, str]:
        """People, and the means."""
        if not self.root:
            return "0", "-", "-"
        return str(len(self.root)), f"{np.mean(self.root):.2f}", f"{np.mean(self.mpjpe):.1f}"


def rendered(place: tuple[float, float], seed: int, frames: int, is_video: bool = False) -> list[SequenceFrame]:
    """Images of three random people from `BEGIN` on: spread over the sequence, or one after the other."""

    def still(progress: float, height: float) -> Float64Array:
        return level_camera((0.0, 0.0, place[0]), 0.0, place[1])

    sequence = random_walkers(round(FPS * SECONDS), FPS, seed, still)
    last = BEGIN + frames - 1 if is_video else len(sequence) - 1
    return [sequence[number] for number in np.linspace(BEGIN, last, frames).astype(int).tolist()]


def true_person(frame: SequenceFrame, joints: Float32Array) -> SequencePerson | None:
    """The person whom an estimate is of; None if that is nobody, or somebody who is hardly seen."""
    best = max(frame.people, key=lambda person: _cosine(person.joints_cam[0], joints[0]), default=None)
    if best is None or best.visible_fraction < VISIBLE:
        return None
    return best if _cosine(best.joints_cam[0], joints[0]) > np.cos(NEAR) else None


def _cosine(one: Float32Array, two: Float32Array) -> float:
    return float(one @ two / np.linalg.norm(one) / np.linalg.norm(two))


def annotate(pipeline: Pipeline, videos: Mapping[str, Sequence[SequenceFrame]], out: Path) -> None:
    """An annotation folder of recordings whose camera is calibrated, and their pictures."""
    entries = []
    for name, frames in videos.items():
        pipeline.reset()
        pictures, shard = out / "images" / name, shard_name(name)
        pictures.mkdir(parents=True)
        with ShardWriter(out, shard, name, BODY, "") as writer:
            for index, frame in enumerate(frames):
                picture = f"{index:06d}.png"
                write_image(pictures / picture, frame.image)
                scene = pipeline.track(frame.image, frame.camera, frame.stamp_s, request=_LEAN)
                stamp_ns = round(1e9 * frame.stamp_s)
                source = SourceFrame(index, frame.image, frame.camera, stamp_ns, picture, FPS, frame.T_world_cam)
                writer.write(row_of(source, scene, str, 0.0))
        entries.append(InputEntry(name, "photographs", pictures.as_posix(), "done", "", (shard,)))
    Manifest("", "", "embedded", BODY, {}, tuple(entries)).write(out)


def annotated_errors(path: Path, videos: Mapping[str, Sequence[SequenceFrame]]) -> Errors:
    """Of annotations, those who are predicted left out."""
    folder, errors = AnnotationFolder(path), Errors()
    for name, frames in videos.items():
        people = folder.people(name)
        for row in np.flatnonzero(~people["is_occluded"].astype(bool)):
            joints = people["joints_cam"][row]
            true = true_person(frames[int(people["frame"][row])], joints)
            if true is not None:
                errors.add(joints, true.joints_cam)
    return errors


def held_out_errors(weights: str | Path, frames: Sequence[SequenceFrame]) -> Errors:
    """Of single images, without test-time augmentation."""
    pipeline = Pipeline.from_preset(str(weights), body=BODY, test_time_augmentation="none", num_threads=1)
    errors = Errors()
    for frame in frames:
        for person in pipeline.estimate(frame.image, frame.camera, request=_LEAN).people:
            true = true_person(frame, person.joints_cam)
            if true is not None:
                errors.add(person.joints_cam, true.joints_cam)
    return errors


def adapted(folder: Path, out: Path, steps: int, seed: int) -> Path:
    """The weights after training on an annotation folder alone."""
    config = TrainConfig(
        name="home",
        model=without_branch(load_model("embedded")).config,
        initial_weights="embedded",
        keep_branch=True,
        images=(ImageSet("annotated", str(folder)),),
        output=str(out),
        batch_size=32,
        steps=steps,
        learning_rate=5e-5,
        warmup_steps=min(20, steps),
        ema_decay=0.98,
        vertices_every=max(1, steps),
        augmentation=AugmentConfig(distance=0.1, turn=0.1),
        seed=seed,
    )
    return train(config)


def measure(videos: int, frames: int, steps: int, seed: int, out: Path) -> Table:
    """A row for each place and each kind of estimate."""
    people = 200 + 20 * seed
    at_home = {f"home{n}": rendered(HOME, people + n, frames, is_video=True) for n in range(videos)}
    shipped = Pipeline.from_preset("embedded", body=BODY, test_time_augmentation="none", num_threads=1)
    annotate(shipped, at_home, out / "notes")
    refine_folder(out / "notes", out / "refined", load_body_engine(BODY), FolderRefineOptions(floor_z=0.0))
    weights = adapted(out / "refined", out / "train", steps, seed)
    table = Table("what", "people x images", "root, %", "MPJPE, mm", title=f"{steps} steps, seed {seed}")
    table.add_row("annotations at home", *annotated_errors(out / "notes", at_home).cells())
    labels = annotated_errors(out / "refined", at_home)
    table.add_row("the same, refined: the labels", *labels.cells(), end_section=True)
    for first, (name, place) in zip((10, 15), {"home": HOME, "elsewhere": ELSEWHERE}.items(), strict=True):
        held_out = [frame for n in range(videos) for frame in rendered(place, people + first + n, frames // 2)]
        table.add_row(f"{name}, held out, as shipped", *held_out_errors("embedded", held_out).cells())
        table.add_row(f"{name}, held out, adapted", *held_out_errors(weights, held_out).cells(), end_section=True)
    return table


def main() -> None:
    """Read the options and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--videos", type=int, default=3, help="number at home to learn from, and to measure; at most 5")
    parser.add_argument("--frames", type=int, default=40, help="images of each, at most 45; half as many to measure")
    parser.add_argument("--steps", type=int, default=150, help="of training")
    parser.add_argument("--seed", type=int, default=0, help="of people and training")
    parser.add_argument("--quick", action="store_true", help="one video of 8 images and 5 steps, to see that it runs")
    options = parser.parse_args()
    videos, frames, steps = (1, 8, 5) if options.quick else (options.videos, options.frames, options.steps)
    with tempfile.TemporaryDirectory() as folder:
        Console().print(measure(videos, frames, steps, options.seed, Path(folder)))


if __name__ == "__main__":
    main()
