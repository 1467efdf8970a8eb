"""The node's parameters, declared once: type, default, allowed values, unit and text.

From this table come the declaration on the node (`parameter_declaration`), the launch arguments (`launch_arguments`),
and `config/perception.yaml` and `docs/reference/parameters.md` (`python tools/generate_parameters.py`). It needs the
standard library alone, because launch files import it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from typing import Any, Literal, TypeAlias, get_args, get_type_hints

from metrichmsr_ros.errors import MetricHMRError

Value: TypeAlias = bool | int | float | str
"""What a parameter of this node can hold."""


class ParameterError(MetricHMRError, ValueError):
    """A value that a parameter cannot have; the message names the parameter, the value and what is allowed."""


def read_flag(name: str, text: str) -> bool:
    """What `text` says of the argument `name`: true or false, as the conditions of launch files read it.

    Raises:
        ParameterError: neither.
    """
    words = {"true": True, "1": True, "false": False, "0": False}
    if text.lower() not in words:
        raise ParameterError(f"{name} is {text!r}; choose true or false")
    return words[text.lower()]


def parameter(
    default: Value,
    text: str,
    *,
    unit: str = "",
    between: tuple[float, float] | None = None,
    read_only: bool = False,
    was: str = "",
) -> Any:
    """A field of `Settings`.

    Args:
        default: value when none is given.
        text: what it does, for users, in one or two sentences.
        unit: of a number, e.g. "s".
        between: smallest and largest number allowed.
        read_only: it takes effect when the node starts and cannot be changed afterwards.
        was: its name in earlier versions.
    """
    about = {"default": default, "text": text, "unit": unit, "between": between, "read_only": read_only, "was": was}
    return field(default=default, metadata=about)


@dataclass(frozen=True)
class Settings:
    """Values of all parameters, read together. The table of parameters is made from these fields."""

    autostart: bool = parameter(True, "Configure and activate without being asked.", read_only=True)
    preset: str = parameter("embedded", "Model preset, or path of a .safetensors checkpoint.", read_only=True)
    body: str = parameter(
        "open_light", "Body model: open_light, open, or smpl:/path/to/SMPL_NEUTRAL.npz.", read_only=True
    )
    device: str = parameter("cpu", "Torch device of the networks: cpu, cuda, cuda:1, ...", read_only=True)
    num_threads: int = parameter(2, "CPU threads of the person detector.", between=(1, 64), read_only=True)
    test_time_augmentation: Literal["none", "flip", "full"] = parameter(
        "none",
        "Views of each person that are averaged. none: one view. flip: also the mirrored image; errors are smaller, "
        "for one more landmark call. full: also the larger landmark network; errors are smallest, at many times the "
        "cost.",
        read_only=True,
        was="looks",
    )
    image_transport: Literal["raw", "compressed"] = parameter(
        "raw",
        "raw: subscribe to the image topic. compressed: subscribe to <image>/compressed.",
        read_only=True,
    )
    image_rectified: Literal["auto", "true", "false"] = parameter(
        "auto",
        "true: images are rectified, P of CameraInfo applies. false: images are raw, K and D apply. auto: rectified if "
        "the topic name contains the word rect or D is zero.",
    )
    image_reliability: Literal["auto", "best_effort", "reliable"] = parameter(
        "auto",
        "Quality of service of the inputs. reliable: lose no image, but receive none of a best-effort publisher. "
        "best_effort: receive from every publisher, but lose images on a busy machine. auto: reliable until a "
        "best-effort publisher appears.",
        read_only=True,
    )
    depth_source: str = parameter(
        "auto",
        "Initial depth of the scene: fastdepth, hub[:model], map_anything[:model], topic (subscribes to depth), ground "
        "(the floor under people's feet) or people (their own surfaces alone). auto: fastdepth if it was fetched, else "
        "ground.",
        read_only=True,
    )
    depth_calibration: str = parameter(
        "auto",
        "Method that brings the initial depth to the scale of the people: scale, affine, field, planes, none, or a "
        ".safetensors file. auto: the learned refiner that ships.",
        read_only=True,
    )
    depth_memory: float = parameter(
        10.0,
        "Time in which the depth calibration fades to 1/e while no person is in view.",
        unit="s",
        between=(0.1, 3600),
        read_only=True,
    )
    points_colour: bool = parameter(True, "Add a field rgb to the points of ~/points.")
    points_stride: int = parameter(
        2, "Use every n-th row and column of the depth for ~/points.", unit="px", between=(1, 64)
    )
    ground_frame: str = parameter(
        "",
        "Frame of /tf whose z points up and whose z = 0 is the floor, e.g. base_footprint. Feet on that floor measure "
        "how far away people are. Empty: unknown.",
        read_only=True,
    )
    use_floor: bool = parameter(True, "Correct size and distance of people by the floor of ground_frame.")
    use_depth: bool = parameter(
        True, "Correct size and distance of people by the depth topic. Set false if a network estimated that depth."
    )
    detections_class: str = parameter(
        "person",
        "class_id of people on the detections topic (YOLO models often use 0). Empty: use every class.",
    )
    detections_min_score: float = parameter(
        0.5, "Ignore hypotheses of the detections topic with a lower score.", between=(0, 1)
    )
    max_age: float = parameter(
        0.0, "Drop images that are older than this by the node's clock. 0: drop none.", unit="s", between=(0, 60)
    )
    lazy: bool = parameter(True, "Run the network only while a result has a subscriber.")
    min_confidence: float = parameter(0.0, "Leave out people of lower confidence.", between=(0, 1))
    id_prefix: str = parameter(
        "", "Prefix of every id. Give each camera its own, so that no two share a frame body_<id>.", read_only=True
    )
    publish_tf: bool = parameter(True, "Broadcast body_<id> for people seen in the image.")
    joint_frames: bool = parameter(
        False, "Also broadcast <joint>_<id> under body_<id>: all 24 joints with their orientations."
    )
    publish_hri: bool = parameter(True, "Publish /humans/bodies/* of REP-155 if hri_msgs is installed.", read_only=True)
    publish_vertices: bool = parameter(True, "Fill HumanMesh.vertices.")
    orientation_stddev: float = parameter(
        0.3,
        "Standard deviation of the body's orientation in its covariance. The model does not estimate one.",
        unit="rad",
        between=(0, 3.2),
    )

    @property
    def rectified(self) -> bool | None:
        """`image_rectified` as `camera_from_info` takes it; None is auto."""
        return {"auto": None, "true": True, "false": False}[self.image_rectified]


@dataclass(frozen=True)
class ParameterSpec:
    """One row of the table.

    Attributes:
        name, default, text, unit, read_only, was: as for `parameter`.
        between: smallest and largest number allowed, None: any.
        choices: words allowed, empty: any.
    """

    name: str
    default: Value
    text: str
    unit: str
    between: tuple[float, float] | None
    choices: tuple[str, ...]
    read_only: bool
    was: str

    @property
    def type_name(self) -> str:
        """ROS's word for the type: bool, integer, double or string."""
        return {bool: "bool", int: "integer", float: "double", str: "string"}[type(self.default)]

    @property
    def range_text(self) -> str:
        """The numbers or words allowed, e.g. "1 to 64"; empty where the type alone decides."""
        if self.between:
            return f"{self.between[0]:g} to {self.between[1]:g}"
        return ", ".join(self.choices)

    @property
    def limits(self) -> str:
        """Unit and range as sentences that follow `text`; empty where there is none."""
        unit = f" Unit: {self.unit}." if self.unit else ""
        return unit + (f" Range: {self.range_text}." if self.between else "")

    def typed(self, value: Any) -> Any:
        """`value` in the parameter's type where YAML chose another one: a number for text, an integer for a double.

        A value that has no such form stays as it is.
        """
        wanted = type(self.default)
        if self.choices and isinstance(value, bool | str):
            return str(value).lower()
        if wanted is str and type(value) in (int, float):
            return str(value)
        return float(value) if wanted is float and type(value) is int else value

    def converted(self, value: object) -> Value:
        """`value` in the parameter's type.

        Raises:
            ParameterError: it has another type, or is not allowed.
        """
        typed: Value = self.typed(value)
        if type(typed) is not type(self.default) or not self._allows(typed):
            shown = str(value).lower() if isinstance(value, bool) else repr(value)  # as YAML writes it
            raise ParameterError(f"parameter {self.name} is {shown}; {self._remedy(value)}")
        return typed

    def from_text(self, text: str) -> Value:
        """The value that `text` of a launch argument stands for. Raises as `converted`."""
        if isinstance(self.default, bool):
            return read_flag(f"parameter {self.name}", text)
        readers: dict[type, Callable[[str], Value]] = {int: int, float: float}
        try:
            return self.converted(readers.get(type(self.default), str)(text))
        except ValueError:
            raise ParameterError(f"parameter {self.name} is {text!r}; {self._remedy(text)}") from None

    def _allows(self, value: Any) -> bool:
        if self.between:
            return self.between[0] <= value <= self.between[1]
        return not self.choices or value in self.choices

    def _remedy(self, value: object) -> str:
        if self.choices:
            return f"choose one of {self.range_text}"
        if isinstance(self.default, bool):
            return "choose true or false"
        if isinstance(self.default, str):
            return "YAML reads it as a boolean: put it in quotes" if isinstance(value, bool) else "give a text"
        kind = "an integer" if isinstance(self.default, int) else "a number"
        return f"choose {kind} from {self.range_text} {self.unit}".rstrip()


def _table() -> dict[str, ParameterSpec]:
    hints = get_type_hints(Settings)
    return {
        row.name: ParameterSpec(row.name, choices=get_args(hints[row.name]), **row.metadata) for row in fields(Settings)
    }


PARAMETERS: Mapping[str, ParameterSpec] = _table()
"""All parameters by name, in the order of the documentation."""

FORMER_NAMES: Mapping[str, str] = {spec.was: spec.name for spec in PARAMETERS.values() if spec.was}
"""Today's name of each parameter that had another one."""
