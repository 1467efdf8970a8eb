"""Options of a replay, its exit codes, and its error with an exit code.

Has few imports, because every start of the command line imports it.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import IntEnum
from typing import Literal

from metrichmsr_ros.acceleration.execution import Precision
from metrichmsr_ros.errors import MetricHMRError
from metrichmsr_ros.ros.bags.errors import BagChoiceError, BagError, DamagedBagError
from metrichmsr_ros.ros.parameters import PARAMETERS, Settings


@dataclass(frozen=True)
class ReplayOptions:
    """Options of a replay; every report prints them.

    Attributes:
        image: image topic; None searches by type and name.
        camera_info: topic of the camera's CameraInfo; None searches by name.
        fov: horizontal field of view in degrees, for bags without CameraInfo.
        intrinsics: fx fy cx cy in pixels, for bags without CameraInfo; used instead of fov.
        image_rectified: auto, true or false, as the node's parameter.
        ground_frame: frame whose z points up and whose z = 0 is the floor, as the node's parameter; needs transforms.
        depth: topic of depth images registered to the images.
        depth_info: CameraInfo topic of the depth images; without it, they have the view and lens of the images.
        use_floor: as the node's parameter.
        use_depth: as the node's parameter.
        fixed_frame: frame in which positions and velocities of people are filtered and written too, as the node's
            parameter; needs transforms in the bag, or `cameras`.
        world: fixed frame of the camera's transforms in the bag; None takes `fixed_frame`, without it the root of the
            tree.
        cameras: file in the TUM format with the camera's poses in the world (optical frame, the bag's time),
            used instead of the bag's transforms.
        truth: topic of a HumanMeshArray or an npz file; None takes the bag's own truth topic if it has one.
        preset: preset name or path of a .safetensors checkpoint.
        body: open_light, open or smpl:/path/to/SMPL file.
        device: of the networks, e.g. cpu, cuda, cuda:1 or tensorrt.
        precision: float32, bf16 or fp16, of presets with a Vision Transformer, as the node's parameter.
        compile: compile the network in torch first, which takes minutes, as the node's parameter.
        num_threads: calls of networks at the same time.
        test_time_augmentation: none, flip or full, as the node's parameter.
        limit: stop after this many images; 0 processes all.
        id_prefix: prefix of every id in the output bag, as the node's parameter.
        max_megapixels: larger images are left out, as the node's parameter.
        min_confidence: people of lower confidence are left out of the output bag, as the node's parameter.
        overlay: write overlay images to the output bag.
        vertices: write mesh vertices to the output bag.
        worst: number of worst frames in the report.
    """

    image: str | None = None
    camera_info: str | None = None
    fov: float | None = None
    intrinsics: tuple[float, float, float, float] | None = None
    image_rectified: str = Settings.image_rectified
    ground_frame: str = Settings.ground_frame
    depth: str | None = None
    depth_info: str | None = None
    use_floor: bool = Settings.use_floor
    use_depth: bool = Settings.use_depth
    fixed_frame: str = Settings.fixed_frame
    world: str | None = None
    cameras: str | None = None
    truth: str | None = None
    preset: str = Settings.preset
    body: str = Settings.body
    device: str = Settings.device
    precision: Precision = Settings.precision
    compile: bool = Settings.compile
    num_threads: int = Settings.num_threads
    test_time_augmentation: Literal["none", "flip", "full"] = Settings.test_time_augmentation
    limit: int = 0
    id_prefix: str = Settings.id_prefix
    max_megapixels: float = Settings.max_megapixels
    min_confidence: float = Settings.min_confidence
    overlay: bool = False
    vertices: bool = False
    worst: int = 8


class ExitCode(IntEnum):
    """Exit codes of `metrichmsr replay`, `compare` and `eval`; OUTPUT is that of every command for a full disk."""

    OK = 0  # all images were processed and all results written
    SOME_FAILED = 1  # several bags: at least one failed, the others are finished
    USAGE = 2  # a wrong option, path or topic; nothing was processed
    UNREADABLE = 3  # the bag cannot be read, or has no usable image
    PARTIAL = 4  # the bag is damaged; the images before the damage were processed and written
    OUTPUT = 5  # results cannot be written (disk full, no permission); earlier output is kept
    CRASHED = 6  # an unexpected exception (a bug), or a killed process (out of memory)


class ReplayError(MetricHMRError, RuntimeError):
    """A replay cannot start or continue; the message names the bag, the cause and the remedy.

    Attributes:
        code: exit code for the command line.
    """

    def __init__(self, text: str, code: ExitCode) -> None:
        super().__init__(text)
        self.code = code

    def __reduce__(self) -> tuple[type[ReplayError], tuple[str, ExitCode]]:
        """Keep the code when pickled, for errors from worker processes."""
        return type(self), (str(self), self.code)


def check_numbers(options: ReplayOptions, workers: int = 1) -> None:
    """Raise ReplayError for a number of workers, threads, images or frames, or a limit, that cannot be meant."""
    least = {"workers": 1, "num-threads": 1, "limit": 0, "worst": 0}
    given = {"workers": workers, "num-threads": options.num_threads, "limit": options.limit, "worst": options.worst}
    for name, number in given.items():
        if number < least[name]:
            raise ReplayError(f"--{name} {number}: must be at least {least[name]}", ExitCode.USAGE)
    for name, value in {"max_megapixels": options.max_megapixels, "min_confidence": options.min_confidence}.items():
        low, high = PARAMETERS[name].between or (-math.inf, math.inf)
        if not low <= value <= high:
            text = f"--{name.replace('_', '-')} {value:g}: must be from {low:g} to {high:g}"
            raise ReplayError(text, ExitCode.USAGE)


@contextmanager
def replay_errors() -> Iterator[None]:
    """Convert a BagError inside the block to a ReplayError with its exit code."""
    try:
        yield
    except BagError as error:
        raise ReplayError(str(error), _code_of(error)) from error


def _code_of(error: BagError) -> ExitCode:
    if isinstance(error, BagChoiceError):
        return ExitCode.USAGE
    return ExitCode.PARTIAL if isinstance(error, DamagedBagError) else ExitCode.UNREADABLE
