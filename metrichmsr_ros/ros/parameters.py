"""The node's parameters: one table, with descriptions, ranges and choices, and their values as one frozen object."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, fields
from typing import Any, Literal

from rcl_interfaces.msg import FloatingPointRange, IntegerRange, ParameterDescriptor, SetParametersResult
from rclpy.node import Node
from rclpy.parameter import Parameter


@dataclass(frozen=True)
class _Spec:
    default: Any
    description: str
    fixed: bool = False  # read-only: takes effect when the node is made or configured
    choices: tuple[str, ...] = ()
    low: float = 0.0
    high: float = 0.0


_SPECS = {
    "autostart": _Spec(True, "configure and activate without being asked", fixed=True),
    "preset": _Spec("embedded", "model preset, or path of a .safetensors checkpoint", fixed=True),
    "body": _Spec("open_light", "body model: open, open_light, or smpl:/path/to/SMPL_NEUTRAL.npz", fixed=True),
    "device": _Spec("cpu", "torch device of the network: cpu, cuda, cuda:1, ...", fixed=True),
    "num_threads": _Spec(2, "CPU threads of the people finder", fixed=True, low=1, high=64),
    "looks": _Spec(
        "one",
        "how often each person is looked at: one; mirrored: through the mirrored image too, smaller errors for one "
        "more landmark call; all: also by the heavier landmark network, smallest errors for many times that",
        fixed=True,
        choices=("one", "mirrored", "all"),
    ),
    "image_transport": _Spec(
        "raw", "raw: subscribe image; compressed: subscribe image/compressed", fixed=True, choices=("raw", "compressed")
    ),
    "image_rectified": _Spec(
        "auto",
        "true: images are rectified, P holds; false: raw, K and D hold; auto: rectified when the topic's name says so "
        "or D is zero",
        choices=("auto", "true", "false"),
    ),
    "image_reliability": _Spec(
        "auto",
        "reliable: lose nothing, but hear no best-effort publisher; best_effort: hear everybody, lose what comes while "
        "the machine is busy; auto: reliable until a best-effort publisher is met",
        fixed=True,
        choices=("auto", "best_effort", "reliable"),
    ),
    "depth_source": _Spec(
        "auto",
        "initial depth: fastdepth, hub[:model], map_anything[:model], topic (subscribes depth), ground (the floor "
        "under people's feet), people (their own surfaces alone); auto: fastdepth where it was fetched, else ground",
        fixed=True,
    ),
    "depth_calibration": _Spec(
        "auto",
        "what brings it to the people's scale: auto (the learned refiner), scale, affine, field, planes, none, or a "
        ".safetensors file",
        fixed=True,
    ),
    "depth_memory": _Spec(
        10.0, "seconds in which the calibration fades to 1/e while nobody is in view", fixed=True, low=0.1, high=3600.0
    ),
    "points_colour": _Spec(True, "give the points of ~/points a field rgb"),
    "points_stride": _Spec(2, "take every n-th row and column of the depth for ~/points", low=1, high=64),
    "ground_frame": _Spec(
        "",
        "frame of /tf whose z points up and whose z = 0 is the floor, e.g. base_footprint: feet on it say how far "
        "people are; empty: not known",
        fixed=True,
    ),
    "use_floor": _Spec(True, "let the floor of ground_frame correct how large and how far people are"),
    "use_depth": _Spec(
        True, "let the depth topic correct how large and how far people are; false when a network made that depth"
    ),
    "detections_class": _Spec("person", "class_id that the detector of the detections topic gives people; empty: any"),
    "detections_min_score": _Spec(0.5, "its hypotheses below this score are left out", high=1.0),
    "max_age": _Spec(0.0, "drop images older than this many seconds by the node's clock; 0: never", high=60.0),
    "lazy": _Spec(True, "run the network only while somebody subscribes to a result"),
    "min_confidence": _Spec(0.0, "leave people of less confidence out", high=1.0),
    "id_prefix": _Spec("", "put before every id, so that two cameras never share a body_<id> frame", fixed=True),
    "publish_tf": _Spec(True, "broadcast body_<id> for people seen now"),
    "joint_frames": _Spec(False, "also broadcast <joint>_<id> under body_<id>: all 24 joints with their orientations"),
    "publish_hri": _Spec(True, "publish REP-155's /humans/bodies/* where hri_msgs is installed", fixed=True),
    "publish_vertices": _Spec(True, "fill HumanMesh.vertices"),
    "orientation_stddev": _Spec(
        0.3, "radians; put into the body pose's covariance, for the model estimates none for orientation", high=3.2
    ),
}


@dataclass(frozen=True)
class Settings:
    """Values of all parameters, read together."""

    autostart: bool
    preset: str
    body: str
    device: str
    num_threads: int
    looks: Literal["one", "mirrored", "all"]
    image_transport: str
    image_rectified: str
    image_reliability: str
    depth_source: str
    depth_calibration: str
    depth_memory: float
    points_colour: bool
    points_stride: int
    ground_frame: str
    use_floor: bool
    use_depth: bool
    detections_class: str
    detections_min_score: float
    max_age: float
    lazy: bool
    min_confidence: float
    id_prefix: str
    publish_tf: bool
    joint_frames: bool
    publish_hri: bool
    publish_vertices: bool
    orientation_stddev: float

    @property
    def rectified(self) -> bool | None:
        """`image_rectified` as `camera_from_info` takes it; None is auto."""
        return {"auto": None, "true": True, "false": False}[self.image_rectified]


def declare_parameters(node: Node) -> None:
    """Declare all of them on `node`."""
    for name, spec in _SPECS.items():
        node.declare_parameter(name, spec.default, _descriptor(spec))


def read_settings(node: Node, changed: Iterable[Parameter] = ()) -> Settings:
    """Current values, with those of `changed` in their place.

    Raises:
        ValueError: a value that is none of its choices.
    """
    values = {field.name: node.get_parameter(field.name).value for field in fields(Settings)}
    values |= {parameter.name: parameter.value for parameter in changed if parameter.name in values}
    for name, spec in _SPECS.items():
        if spec.choices:
            values[name] = str(values[name]).lower()  # launch files and YAML make a bool of an unquoted true
            if values[name] not in spec.choices:
                raise ValueError(f"parameter {name} is {values[name]!r}; choose one of {', '.join(spec.choices)}")
    return Settings(**values)


def check_changes(node: Node, changed: list[Parameter]) -> tuple[Settings | None, SetParametersResult]:
    """Judge a request to set parameters: the settings as they will be, and what to answer."""
    try:
        return read_settings(node, changed), SetParametersResult(successful=True)
    except ValueError as error:
        return None, SetParametersResult(successful=False, reason=str(error))


def _descriptor(spec: _Spec) -> ParameterDescriptor:
    descriptor = ParameterDescriptor(description=spec.description, read_only=spec.fixed)
    if spec.choices:
        descriptor.additional_constraints = "one of " + ", ".join(spec.choices)
        descriptor.dynamic_typing = "true" in spec.choices
    if spec.high and isinstance(spec.default, float):
        descriptor.floating_point_range = [FloatingPointRange(from_value=spec.low, to_value=spec.high, step=0.0)]
    elif spec.high:
        descriptor.integer_range = [IntegerRange(from_value=int(spec.low), to_value=int(spec.high), step=1)]
    return descriptor
