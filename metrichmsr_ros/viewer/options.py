"""Options of the viewer, and its errors. Has few imports, because every start of the command line imports it."""

from __future__ import annotations

from dataclasses import dataclass

from metrichmsr_ros.annotation.options import AnnotateOptions
from metrichmsr_ros.errors import MetricHMRError
from metrichmsr_ros.io.image_header import MAX_PIXELS


@dataclass(frozen=True)
class ViewOptions:
    """Options of what is shown.

    Attributes:
        source: which one to show, where the path holds several.
        people: topic of HumanMeshArray to show from a bag, instead of the people of its images.
        frames: at most this many are read, because all of them are kept in memory.
        depth: of photographs, videos and bags, also estimate the depth of the scene: auto, fastdepth, ground, people,
            hub[:MODEL] or map_anything[:MODEL].
        calibration: calibration of that depth by the people, as for predict.
        fov: horizontal field of view in degrees, of inputs without CameraInfo.
        intrinsics: fx fy cx cy in pixels, of inputs without CameraInfo; takes precedence over fov.
        preset: preset name or path of a .safetensors checkpoint.
        body: open_light, open or smpl:/path/to/SMPL file; default: open_light, and for recorded people what their
            files say.
        device: of the networks, e.g. cpu or cuda.
        image: image topic of bags; None searches by type and name. Of a live topic: adds its pictures.
        camera_info: topic of the CameraInfo of bags; None searches by name. Of a live topic: beside the image.
        image_rectified: auto, true or false, of bags, as the node's parameter.
        world: fixed frame of bags; None takes the root of the transforms. Of a live topic: None is the camera's frame.
        max_pixels: larger photographs are refused before memory is taken for them.
    """

    source: str | None = None
    people: str | None = None
    frames: int = 3000
    depth: str | None = None
    calibration: str = "auto"
    fov: float | None = None
    intrinsics: tuple[float, float, float, float] | None = None
    preset: str = "embedded"
    body: str | None = None
    device: str = "cpu"
    image: str | None = None
    camera_info: str | None = None
    image_rectified: str = "auto"
    world: str | None = None
    max_pixels: int = MAX_PIXELS

    @property
    def of_input(self) -> AnnotateOptions:
        """The options by which `metrichmsr annotate` reads and estimates the same input."""
        return AnnotateOptions(
            fov=self.fov,
            intrinsics=self.intrinsics,
            preset=self.preset,
            body=self.body or "open_light",
            device=self.device,
            depth=self.depth,
            calibration=self.calibration,
            image=self.image,
            camera_info=self.camera_info,
            image_rectified=self.image_rectified,
            world=self.world,
            max_pixels=self.max_pixels,
        )


class ViewError(MetricHMRError, ValueError):
    """Something cannot be shown; the message names it and the remedy."""
