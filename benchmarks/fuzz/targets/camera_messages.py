"""Images, CameraInfo, depth, boxes and transforms as a node receives them, up to the pipeline's inputs; without DDS."""

from __future__ import annotations

import array
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
from builtin_interfaces.msg import Time
from geometry_msgs.msg import TransformStamped
from sensor_msgs.msg import CameraInfo, CompressedImage, Image
from std_msgs.msg import Header

from benchmarks.fuzz.choices import Choices
from benchmarks.fuzz.target import Reading, Run, Target
from benchmarks.hostile import pictures
from metrichmsr_ros.ros.inputs.camera_info import CameraInfos
from metrichmsr_ros.ros.inputs.depth import DepthImages
from metrichmsr_ros.ros.inputs.detections import DetectedBoxes
from metrichmsr_ros.ros.inputs.encodings import SUPPORTED_ENCODINGS
from metrichmsr_ros.ros.inputs.intake import Intake, ReadyFrame
from metrichmsr_ros.ros.inputs.scene_context import ContextProvider
from metrichmsr_ros.ros.inputs.stamp_gate import FrameDropped
from metrichmsr_ros.ros.parameters import Settings
from metrichmsr_ros.ros.tf_tree import TransformError, TransformTree

_SIZES = ((16, 12), (8, 8), (17, 3), (1, 1), (0, 0), (640, 480), (2**16, 2**16), (2**32 - 1, 2**32 - 1), (2**31, 1))
_LENSES = ("plumb_bob", "rational_polynomial", "equidistant", "", "fisheye", "KB4", "mei", "thin prism", "pinhole", "x")
_DEPTHS = ("16UC1", "32FC1", "64FC1", "mono16", "8UC1", "rgb8", "")
_FRAMES = ("camera", "/camera", "", "base", "odom", "漢")
_ENCODINGS = ("rgb8", *SUPPORTED_ENCODINGS, "16UC1", "32FC1", "8SC3", "RGB8", " bgr8", "yuv422", "bayer_xx8", "", "漢")
_MOST_MESSAGES = 12
_PICTURES = tuple(sorted(pictures.PICTURES))
_FORMATS = (
    *(
        "jpeg",
        "png",
        "rgb8; jpeg compressed bgr8",
        "bayer_rggb8; png compressed bayer_",
        "mono16; png compressed mono16",
    ),
    *("rgb8; png compressed rgb8", "16UC1; compressedDepth png", "32FC1; compressedDepth rvl", "h264", "", ";;", "; "),
)


def header(choices: Choices) -> Header:
    """A stamp, mostly in order, and a frame, mostly the camera's."""
    sec = choices.pick((100, 100, 101, 99, 0, 2**31 - 1, -(2**31)))
    nanosec = choices.below(2**30) if sec in (100, 101) else choices.pick((0, 1, 999_999_999, 2**32 - 1))
    frame = "camera" if not choices.is_rare(8) else choices.pick((*_FRAMES, choices.text()))
    return Header(stamp=Time(sec=sec, nanosec=nanosec), frame_id=frame)


def size(choices: Choices) -> tuple[int, int]:
    """Width and height of an image, mostly (16, 12)."""
    return choices.pick(_SIZES) if choices.is_rare(4) else (16, 12)


def pixels(choices: Choices, encodings: tuple[str, ...], channel_bytes: int = 3) -> Image:
    """An Image of which any field may lie."""
    width, height = size(choices)
    encoding = choices.pick(encodings) if not choices.is_rare(16) else choices.text()
    step = min(width * channel_bytes, 2**32 - 1)
    if choices.is_rare(4):
        step = choices.pick((0, width * 2 % 2**32, step + 5, choices.unsigned32()))
    length = min(step * height, 2**14)
    if choices.is_rare(4):
        length = choices.pick((0, 1, max(length - 1, 0), length * 2, choices.below(4096)))
    message = Image(header=header(choices), width=width, height=height, encoding=encoding, step=step)
    message.is_bigendian = choices.below(4) % 2
    content = choices.bytes(choices.below(64) + 1)
    message.data = array.array("B", (content * (length // len(content) + 1))[:length])
    return message


def info(choices: Choices) -> CameraInfo:
    """A CameraInfo, plausible with up to three fields that lie."""
    width, height = size(choices)
    message = CameraInfo(header=header(choices), width=width, height=height, distortion_model=choices.pick(_LENSES))
    message.k = np.array([20.0, 0, 7.5, 0, 20, 5.5, 0, 0, 1])
    message.p = np.array([20.0, 0, 7.5, 0, 0, 20, 5.5, 0, 0, 0, 1, 0])
    message.r = np.eye(3).reshape(9)
    lengths = (0, 5, 4, 8, 12, 14, 1, 3, 100)
    message.d = array.array("d", [choices.number() / 100 if choices.below(2) else 0.01] * choices.pick(lengths))
    for _ in range(choices.below(4)):
        choices.pick(_LIES)(message, choices)
    return message


def _numbers(field: str) -> Callable[[CameraInfo, Choices], None]:
    def lie(message: CameraInfo, choices: Choices) -> None:
        values = np.array(getattr(message, field), np.float64)
        for _ in range(choices.below(3) + 1):
            values[choices.below(len(values))] = choices.number()
        setattr(message, field, np.zeros_like(values) if choices.is_rare(8) else values)

    return lie


def _coefficients(message: CameraInfo, choices: Choices) -> None:
    message.d = array.array("d", [choices.number() for _ in range(choices.below(16))])


def _window(message: CameraInfo, choices: Choices) -> None:
    for name in ("x_offset", "y_offset", "width", "height"):
        setattr(message.roi, name, choices.pick((0, 4, 8, 16, choices.unsigned32())))


def _binning(message: CameraInfo, choices: Choices) -> None:
    message.binning_x, message.binning_y = (choices.pick((0, 1, 2, 16, choices.unsigned32())) for _ in range(2))


def _lens(message: CameraInfo, choices: Choices) -> None:
    message.distortion_model = choices.text()


_LIES = (_numbers("k"), _numbers("p"), _numbers("r"), _coefficients, _window, _binning, _lens)


def compressed(choices: Choices) -> CompressedImage:
    """A CompressedImage whose content is one of the hostile pictures, a whole one, or none, damaged or not."""
    name = choices.pick((*sorted(_WHOLE), *_PICTURES))
    content = bytearray(_WHOLE.get(name) or pictures.PICTURES[name]())
    for _ in range(choices.below(4)):
        if content:
            content[choices.below(2**20) % len(content)] = choices.below(256)
    kind = choices.pick(_FORMATS) if not choices.is_rare(8) else choices.text()
    if "Depth" in kind:
        content[:0] = choices.bytes(12)  # quantisation of compressed depth
    return CompressedImage(header=header(choices), format=kind, data=array.array("B", bytes(content[: 2**14])))


_WHOLE = {
    " png": pictures.encoded(".png", (12, 16, 3)),
    " jpg": pictures.encoded(".jpg", (12, 16, 3)),
    " png16": pictures.encoded(".png", (12, 16), np.uint16),
    " webp": pictures.encoded(".webp", (12, 16, 3)),
}


def boxes(choices: Choices) -> Any:
    """A vision_msgs/Detection2DArray, as an object with its fields."""
    found = []
    for _ in range(choices.below(4)):
        centre = SimpleNamespace(position=SimpleNamespace(x=choices.number(), y=choices.number()), theta=0.0)
        box = SimpleNamespace(center=centre, size_x=choices.number(), size_y=choices.number())
        hypothesis = SimpleNamespace(class_id=choices.pick(("person", "0", "")), score=choices.number())
        found.append(SimpleNamespace(bbox=box, results=[SimpleNamespace(hypothesis=hypothesis)] * choices.below(3)))
    return SimpleNamespace(header=header(choices), detections=found)


def transform(choices: Choices) -> TransformStamped:
    """A transform between any two frames, with any numbers."""
    frames = ("base", "camera", "odom", "camera", choices.text())
    message = TransformStamped(header=header(choices), child_frame_id=choices.pick(frames[1:]))
    message.header.frame_id = choices.pick(frames)
    move, turn = message.transform.translation, message.transform.rotation
    is_odd = choices.is_rare(3)
    move.x, move.y, move.z = (choices.number() if is_odd else 1.0 for _ in range(3))
    turn.x, turn.y, turn.z, turn.w = (choices.number() if is_odd else 0.5 for _ in range(4))
    return message


class Camera:
    """The inputs of one node, which take messages in any order."""

    def __init__(self, choices: Choices) -> None:
        self.said = Counter[str]()
        self.tree, self.depths, self.boxes = (
            TransformTree(),
            DepthImages(wait_s=0.0, problem=self._problem),
            DetectedBoxes(),
        )
        self.infos = CameraInfos(wait_s=0.0, problem=self._problem)
        self.settings = Settings(
            ground_frame=choices.pick(("base", "", "odom", "/")),
            image_rectified=choices.pick(("auto", "true", "false")),
            detections_class=choices.pick(("person", "")),
            max_megapixels=choices.pick((64.0, 0.01)),
        )
        contexts = ContextProvider(self.tree, self.depths, self.boxes, self._problem, wait_s=0.0)
        self._intake = Intake(choices.pick(("/image", "/image_rect")), self.infos, contexts, self._problem)

    def _problem(self, cause: str, text: str) -> None:
        if not text:
            raise AssertionError(f"the problem {cause!r} has no text")
        self.said[cause] += 1

    def image(self, message: Any) -> ReadyFrame | None:
        """What is ready for the pipeline; None where the image is dropped."""
        try:
            ready = self._intake.frame(message, 10**9, self.settings)
        except FrameDropped as error:
            self._problem(error.cause, str(error))
            return None
        if ready.image.shape[2] != 3 or ready.image.dtype != np.uint8:
            raise AssertionError(f"the image is {ready.image.shape} {ready.image.dtype}")
        self.said["ready"] += 1
        return ready

    def transform(self, message: TransformStamped, is_static: bool) -> None:
        """As the node's listener."""
        try:
            self.tree.add_stamped(message, is_static)
        except TransformError as error:
            self._problem("transform", str(error))

    def take(self, choices: Choices) -> ReadyFrame | None:
        """Make and take one message."""
        kind = choices.below(10)
        if kind < 3:
            return self.image(pixels(choices, _ENCODINGS))
        if kind == 3:
            return self.image(compressed(choices))
        if kind < 6:
            self.infos.add(info(choices))
        elif kind == 6:
            self.depths.add(pixels(choices, _DEPTHS, channel_bytes=2))
        elif kind == 7:
            self.depths.add_info(info(choices))
        elif kind == 8:
            self.boxes.add(boxes(choices))
        else:
            self.transform(transform(choices), choices.is_rare(4))
        return None


def start(folder: Path) -> Run:
    """Runs what one camera sends to a node, and then one image."""

    def run(data: bytes) -> Reading:
        choices = Choices(data)
        camera = Camera(choices)
        camera.infos.add(info(Choices(b"")))
        count = 2
        while count < _MOST_MESSAGES and not choices.is_over:
            camera.take(choices)
            count += 1
        camera.image(pixels(Choices(b""), _ENCODINGS))
        return Reading(" ".join(sorted(camera.said)), count, camera.said.total() - camera.said["ready"])

    return run


CAMERA = Target("camera_messages", "messages", start, share=4.0)
