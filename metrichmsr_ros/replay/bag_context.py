"""Scene context of a recorded bag, computed by the node's own code: the floor from /tf, and depth images."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from metrichmsr_ros.io.images import MAX_PIXELS
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
    max_pixels: int = MAX_PIXELS


class RecordedContext:
    """Transforms and depth images of one bag, added in the order of the recording.

    Args:
        bag: opened.
        options: `ground_frame`, `depth`, `depth_info`.

    Attributes:
        provider: returns the scene context of each image.
        topics: topics to read together with the images.
        all_topics: `topics` and the static transforms, which are read before the first image.
        wait_s: longest time in seconds between an image and the messages that belong to it, as in the node.
        missing: number of images without floor, depth or camera pose, by cause.
        doubtful: number of images that were used with a problem of another kind, by cause.
        reasons: the first message for each cause.

    Raises:
        ReplayError: a topic is not in the bag or has the wrong type, or `ground_frame` is set and the bag has no
            transforms.
    """

    def __init__(self, bag: Bag, options: ReplayOptions) -> None:
        self.missing: Counter[str] = Counter()
        self.doubtful: Counter[str] = Counter()
        self.reasons: dict[str, str] = {}
        self._depth, self._depth_info = options.depth, options.depth_info
        self._transforms = TransformTree()
        self._depths = DepthImages(wait_s=0.0, problem=self.doubt, topic=options.depth or "")
        has_floor = bool(options.ground_frame)
        tree = self._transforms if has_floor else None
        self.provider = ContextProvider(tree, self._depths, DetectedBoxes(), self.problem, wait_s=0.0, doubt=self.doubt)
        transforms = [topic.name for topic in bag.topics if topic.type == TRANSFORMS and topic.count]
        if has_floor and not transforms:
            raise ReplayError(f"{bag.path} has no transforms, which --ground-frame needs", ExitCode.USAGE)
        self._check(bag, "--depth", options.depth, IMAGE)
        self._check(bag, "--depth-info", options.depth_info, CAMERA_INFO)
        self._static = {name for name in transforms if name.endswith("tf_static")} if has_floor else set()
        self._moving = set(transforms) - self._static if has_floor else set()
        self.topics = [*self._moving, *filter(None, (options.depth, options.depth_info))]
        self.all_topics = [*self._static, *self.topics]
        waits = (PARTNER_WAIT_S, TF_WAIT_S if self._moving else 0.0, DEPTH_WAIT_S if options.depth else 0.0)
        self.wait_s = max(waits)
        for recorded in (
            bag.messages(*self._static) if self._static else ()
        ):  # the node receives them before its first image
            self._add_transforms(recorded, is_static=True)

    @staticmethod
    def _check(bag: Bag, option: str, name: str | None, kind: str) -> None:
        kinds = {topic.name: topic.type for topic in bag.topics if topic.count}
        if name is not None and kinds.get(name) != kind:
            found = f"of type {kinds[name]}" if name in kinds else "without messages"
            listed = ", ".join(sorted(topic for topic, its in kinds.items() if its == kind)) or "none"
            text = f"{option} {name}: {found} in {bag.path}; {kind} is needed. The bag has: {listed}"
            raise ReplayError(text, ExitCode.USAGE)

    def problem(self, cause: str, text: str) -> None:
        """Count an image without floor, depth or camera pose, and keep the first text of each cause."""
        self.missing[cause] += 1
        self.reasons.setdefault(cause, text)

    def doubt(self, cause: str, text: str) -> None:
        """Count an image that is used with a problem, and keep the first text of each cause."""
        self.doubtful[cause] += 1
        self.reasons.setdefault(cause, text)

    def take(self, recorded: Recorded) -> None:
        """Add one message of `topics`."""
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
