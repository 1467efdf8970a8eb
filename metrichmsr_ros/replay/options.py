"""What a replay takes, and how it can end: one exit code per cause, and errors that carry theirs.

Imports next to nothing, because the command line reads it before anything else.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import IntEnum
from typing import Literal

from metrichmsr_ros.errors import MetricHMRError
from metrichmsr_ros.ros.bags.errors import BagChoiceError, BagError, DamagedBagError
from metrichmsr_ros.ros.parameters import Settings


@dataclass(frozen=True)
class ReplayOptions:
    """What to replay and how; printed in every report.

    Attributes:
        image: topic of the images; found by name when None.
        camera_info: topic of their calibration; found by name when None.
        fov: horizontal field of view in degrees, for bags without CameraInfo.
        intrinsics: fx fy cx cy in pixels, likewise; wins over fov.
        image_rectified: auto, true or false, as the node's parameter.
        ground_frame: frame whose z points up and whose z = 0 is the floor, as the node's parameter; needs transforms.
        depth: topic of depth images registered to the images.
        depth_info: their CameraInfo; without it depth shows what the image shows.
        use_floor: as the node's parameter.
        use_depth: as the node's parameter.
        world: fixed frame of the camera's transforms in the bag; None takes the topmost.
        cameras: file in TUM's format with the camera's poses in the world (optical frame, the bag's time); replaces the
            bag's transforms.
        truth: topic of a HumanMeshArray or an npz file; None takes the bag's own truth topic if it has one.
        preset: preset name or path of a .safetensors checkpoint.
        body: open_light, open or smpl:/path/to/your/SMPL file.
        device: torch device, e.g. cpu or cuda.
        num_threads: CPU threads of the people finder.
        test_time_augmentation: none, flip or full, as the node's parameter.
        limit: stop after this many images; 0 processes all.
        id_prefix: prefix of every id in the output bag, as the node's parameter.
        min_confidence: people of lower confidence are left out of the output bag, as the node's parameter.
        orientation_stddev: standard deviation of the body's orientation in the output bag, radians, as the node's
            parameter.
        overlay: put overlays into the output bag.
        vertices: put meshes into the output bag.
        worst: how many of the worst frames to show in the report.
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
    world: str | None = None
    cameras: str | None = None
    truth: str | None = None
    preset: str = Settings.preset
    body: str = Settings.body
    device: str = Settings.device
    num_threads: int = Settings.num_threads
    test_time_augmentation: Literal["none", "flip", "full"] = Settings.test_time_augmentation
    limit: int = 0
    id_prefix: str = Settings.id_prefix
    min_confidence: float = Settings.min_confidence
    orientation_stddev: float = Settings.orientation_stddev
    overlay: bool = False
    vertices: bool = False
    worst: int = 8


class ExitCode(IntEnum):
    """Exit codes of `metrichmsr replay`, `compare` and `eval`."""

    OK = 0  # everything was processed and written
    SOME_FAILED = 1  # of several bags at least one failed; the others are done
    USAGE = 2  # a wrong option, path or topic; nothing was started
    UNREADABLE = 3  # the bag cannot be read at all, or holds no image we can use
    PARTIAL = 4  # the bag is damaged somewhere: what came before was processed and written
    OUTPUT = 5  # results cannot be written: disk full, no permission; what was written stays
    CRASHED = 6  # nobody foresaw it: an error that is a bug, or a process that ended without a word (out of memory)


class ReplayError(MetricHMRError, RuntimeError):
    """A replay that cannot go on; the message names the bag, the cause and the remedy.

    Attributes:
        code: exit code for the command line.
    """

    def __init__(self, text: str, code: ExitCode) -> None:
        super().__init__(text)
        self.code = code

    def __reduce__(self) -> tuple[type[ReplayError], tuple[str, ExitCode]]:
        """Survive the way back from a worker process."""
        return type(self), (str(self), self.code)


@contextmanager
def replay_errors() -> Iterator[None]:
    """Errors of a bag leave the block as a ReplayError with their exit code."""
    try:
        yield
    except BagError as error:
        raise ReplayError(str(error), _code_of(error)) from error


def _code_of(error: BagError) -> ExitCode:
    if isinstance(error, BagChoiceError):
        return ExitCode.USAGE
    return ExitCode.PARTIAL if isinstance(error, DamagedBagError) else ExitCode.UNREADABLE
