"""Options of an annotation, and its errors. Has few imports, because every start of the command line imports it."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal

from metrichmsr_ros.acceleration.execution import Precision
from metrichmsr_ros.errors import MetricHMRError
from metrichmsr_ros.io.image_header import MAX_PIXELS

_WITHOUT_INFLUENCE = ("num_threads",)  # on the results


@dataclass(frozen=True)
class AnnotateOptions:
    """Options of an annotation; the manifest holds them.

    Attributes:
        fov: horizontal field of view in degrees, of inputs without CameraInfo.
        intrinsics: fx fy cx cy in pixels, of inputs without CameraInfo; takes precedence over fov. Without either the
            camera is estimated: of each photograph, and of each video from its first frame.
        preset: preset name or path of a .safetensors checkpoint.
        body: open_light, open or smpl:/path/to/SMPL file.
        device: of the networks, e.g. cpu, cuda, cuda:1 or tensorrt.
        precision: float32, bf16 or fp16, of presets with a Vision Transformer.
        compile: compile the network in torch first, which takes minutes.
        num_threads: calls of networks at the same time in each process; 0 shares the cores among the processes.
        test_time_augmentation: none, flip or full, of videos and bags.
        depth: also write the scene's depth: auto, fastdepth, ground, people, hub[:MODEL] or map_anything[:MODEL].
        calibration: calibration of the depth by the people, as for predict.
        chunk: cut videos into parts of this many frames, which several processes can annotate at the same time; nobody
            keeps an id from one part to the next. 0: videos stay whole.
        photographs: photographs of a folder in each shard.
        min_confidence: people of lower confidence are left out.
        max_pixels: larger photographs are refused before memory is taken for them.
        image: image topic of bags; None searches by type and name.
        camera_info: topic of the CameraInfo of bags; None searches by name.
        image_rectified: auto, true or false, of bags, as the node's parameter.
        world: fixed frame of bags for T_world_cam; None takes the root of the transforms.
    """

    fov: float | None = None
    intrinsics: tuple[float, float, float, float] | None = None
    preset: str = "embedded"
    body: str = "open_light"
    device: str = "cpu"
    precision: Precision = "float32"
    compile: bool = False
    num_threads: int = 0
    test_time_augmentation: Literal["none", "flip", "full"] = "flip"
    depth: str | None = None
    calibration: str = "auto"
    chunk: int = 0
    photographs: int = 256
    min_confidence: float = 0.0
    max_pixels: int = MAX_PIXELS
    image: str | None = None
    camera_info: str | None = None
    image_rectified: str = "auto"
    world: str | None = None

    @property
    def of_results(self) -> dict[str, Any]:
        """The options that the results depend on, as JSON values."""
        values = {name: value for name, value in asdict(self).items() if name not in _WITHOUT_INFLUENCE}
        return {name: list(value) if isinstance(value, tuple) else value for name, value in values.items()}


class AnnotateError(MetricHMRError, RuntimeError):
    """An annotation cannot start or go on; the message names the cause and the remedy."""


class SourceError(MetricHMRError, ValueError):
    """One input cannot be annotated; the message has the cause, without the name of the input."""
