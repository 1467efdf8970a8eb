"""What a robot observed besides its images, read from its bag by the node's own code: the floor from /tf, depth."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from metrichmsr_ros.replay.options import ExitCode, ReplayError, ReplayOptions
from metrichmsr_ros.ros.bags.message_types import TRANSFORMS
from metrichmsr_ros.ros.bags.reader import Bag, Recorded
from metrichmsr_ros.ros.bags.topics import CAMERA_INFO, IMAGE
from metrichmsr_ros.ros.inputs.camera_info import PARTNER_WAIT_S
from metrichmsr_ros.ros.inputs.depth import PARTNER_WAIT_S as DEPTH_WAIT_S
from metrichmsr_ros.ros.inputs.depth import DepthImages
from metrichmsr_ros.ros.inputs.detections import DetectedBoxes
from metrichmsr_ros.ros.inputs.scene_context import TF_WAIT_S, ContextProvider
from metrichmsr_ros.ros.tf_tree import TransformError, TransformTree


@dataclass(frozen=True)
class RecordedParameters:
    """The node's parameters of the same names, for an `Intake`."""

    rectified: bool | None
    ground_frame: str
    use_floor: bool
    use_depth: bool
    detections_class: str = ""
    detections_min_score: float = 0.0


class RecordedContext:
    """Transforms and depth of one bag, taken in as they were recorded.

    Args:
        bag: opened.
        options: `ground_frame`, `depth`, `depth_info`.

    Attributes:
        provider: gives each image what was observed at its moment.
        topics: to be read beside the images. all_topics: with those that are read before.
        wait_s: how long after an image what belongs to it may come, as the node waits.
        missing: images that lacked something, by what; reasons: the first text about it.

    Raises:
        ReplayError: a topic that is not in the bag or of another type, or no transforms for `ground_frame`.
    """

    def __init__(self, bag: Bag, options: ReplayOptions) -> None:
        self.missing: Counter[str] = Counter()
        self.reasons: dict[str, str] = {}
        self._depth, self._depth_info = options.depth, options.depth_info
        self._transforms, self._depths = TransformTree(), DepthImages(wait_s=0.0)
        has_floor = bool(options.ground_frame)
        tree = self._transforms if has_floor else None
        self.provider = ContextProvider(tree, self._depths, DetectedBoxes(), self.problem, wait_s=0.0)
        transforms = [topic.name for topic in bag.topics if topic.type == TRANSFORMS and topic.count]
        if has_floor and not transforms:
            raise ReplayError(f"{bag.path} has no transforms, so no --ground-frame", ExitCode.USAGE)
        self._check(bag, "--depth", options.depth, IMAGE)
        self._check(bag, "--depth-info", options.depth_info, CAMERA_INFO)
        self._static = {name for name in transforms if name.endswith("tf_static")} if has_floor else set()
        self._moving = set(transforms) - self._static if has_floor else set()
        self.topics = [*self._moving, *filter(None, (options.depth, options.depth_info))]
        self.all_topics = [*self._static, *self.topics]
        waits = (PARTNER_WAIT_S, TF_WAIT_S if self._moving else 0.0, DEPTH_WAIT_S if options.depth else 0.0)
        self.wait_s = max(waits)
        for recorded in bag.messages(*self._static) if self._static else ():  # a robot has them before the first image
            self._add_transforms(recorded, is_static=True)

    @staticmethod
    def _check(bag: Bag, option: str, name: str | None, kind: str) -> None:
        kinds = {topic.name: topic.type for topic in bag.topics if topic.count}
        if name is not None and kinds.get(name) != kind:
            found = f"of type {kinds[name]}" if name in kinds else "without messages"
            listed = ", ".join(sorted(topic for topic, its in kinds.items() if its == kind)) or "none"
            raise ReplayError(f"{option} {name}: {found} in {bag.path}, {kind} is needed: {listed}", ExitCode.USAGE)

    def problem(self, cause: str, text: str) -> None:
        """Count what an image lacks."""
        self.missing[cause] += 1
        self.reasons.setdefault(cause, text)

    def take(self, recorded: Recorded) -> None:
        """Take in one message of `topics`."""
        if recorded.topic == self._depth:
            self._depths.add(recorded.message)
        elif recorded.topic == self._depth_info:
            self._depths.add_info(recorded.message)
        else:
            self._add_transforms(recorded, is_static=False)

    def _add_transforms(self, recorded: Recorded, is_static: bool) -> None:
        for item in recorded.message.transforms:
            try:
                self._transforms.add_stamped(item, is_static)
            except TransformError as error:
                self.problem("bad transform for the floor", str(error))
