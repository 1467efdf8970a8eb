"""Common arguments of the launch files; arguments of parameters are generated from the table of parameters.

Runs in the process of `ros2 launch`, without rclpy and torch.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Any

from launch import LaunchContext
from launch.actions import DeclareLaunchArgument, IncludeLaunchDescription, OpaqueFunction
from launch.launch_description_sources import PythonLaunchDescriptionSource
from launch.substitutions import LaunchConfiguration, PathJoinSubstitution
from launch_ros.parameter_descriptions import ParameterValue
from launch_ros.substitutions import FindPackageShare

from metrichmsr_ros.ros.parameter_spec import ParameterError, ParameterSpec, Value, read_flag
from metrichmsr_ros.ros.parameters import FORMER_NAMES, PARAMETERS

SHARE = FindPackageShare("metrichmsr_ros")
CAMERA_TOPICS = ("image", "camera_info")
OTHER_TOPICS = ("depth", "depth_info", "detections")
_NODE: dict[str, dict[str, Any]] = {
    "image": {
        "default_value": "image",
        "description": "Topic of the images (sensor_msgs/Image, or CompressedImage with image_transport:=compressed).",
    },
    "camera_info": {"default_value": "camera_info", "description": "Topic of their sensor_msgs/CameraInfo."},
    "depth": {
        "default_value": "depth",
        "description": "Topic of depth images, if there is one (sensor_msgs/Image).",
    },
    "depth_info": {
        "default_value": "depth_info",
        "description": "Topic of the CameraInfo of the depth images, if it differs from that of the images.",
    },
    "detections": {
        "default_value": "detections",
        "description": "Topic of another detector, if there is one (vision_msgs/Detection2DArray).",
    },
    "namespace": {"default_value": "", "description": "Namespace of the node."},
    "name": {"default_value": "perception", "description": "Name of the node; its topics begin with it."},
    "params_file": {
        "default_value": PathJoinSubstitution([SHARE, "config", "perception.yaml"]),
        "description": "YAML file of parameters. Parameters that are given as arguments win over it.",
    },
    "use_sim_time": {"default_value": "false", "description": "Use the time of /clock: true or false."},
    "log_level": {
        "default_value": "info",
        "description": "Least severe messages that are logged.",
        "choices": ["debug", "info", "warn", "error", "fatal"],
    },
    "respawn": {"default_value": "false", "description": "Start the node again when it ends by itself: true or false."},
    "rviz": {
        "default_value": "false",
        "description": "Also start RViz, with config/rviz/perception.rviz: true or false.",
    },
    "rviz_frame": {
        "default_value": "",
        "description": "Fixed frame of RViz. Empty: ground_frame, or map if that is empty too.",
    },
}


def node_arguments(*names: str, **defaults: Any) -> list[DeclareLaunchArgument]:
    """Arguments of the node that are not its parameters: `names`, and those of `defaults` with that default."""
    changed = {name: _NODE[name] | {"default_value": default} for name, default in defaults.items()}
    return [DeclareLaunchArgument(name, **about) for name, about in ({n: _NODE[n] for n in names} | changed).items()]


def parameter_arguments(
    without: Collection[str] = (),
    defaults: Mapping[str, str] | None = None,
    table: Mapping[str, ParameterSpec] = PARAMETERS,
) -> list[DeclareLaunchArgument]:
    """An argument for each parameter of the node; if it is missing or empty, params_file has the value.

    Args:
        without: parameters that the launch file sets.
        defaults: default values of arguments; the others are empty.
        table: parameters of the node.
    """
    taken = [spec for name, spec in table.items() if name not in without]
    return [
        _parameter_argument(
            spec, (defaults or {}).get(spec.name, ""), f"the value in params_file ({_default(spec)} as shipped)"
        )
        for spec in taken
    ]


def parameter_options(names: Iterable[str]) -> list[DeclareLaunchArgument]:
    """Arguments for the parameters that are also options of `metrichmsr replay`."""
    return [_parameter_argument(PARAMETERS[name], "", _default(PARAMETERS[name])) for name in names]


def typed_parameters(
    context: LaunchContext, names: Iterable[str], table: Mapping[str, ParameterSpec] = PARAMETERS
) -> dict[str, Value]:
    """Values, in the parameters' types, of those `names` whose arguments are not empty.

    Raises:
        ParameterError: an invalid value, or an argument of an earlier version that was renamed.
    """
    for was in FORMER_NAMES.keys() & context.launch_configurations.keys():
        raise ParameterError(f"there is no argument {was}; it is called {FORMER_NAMES[was]} now")
    texts = {name: LaunchConfiguration(name).perform(context) for name in names}
    return {name: table[name].from_text(text) for name, text in texts.items() if text}


def given_parameters(context: LaunchContext, table: Mapping[str, ParameterSpec] = PARAMETERS) -> dict[str, Any]:
    """Values of all given parameters for `launch_ros`, with their types: it would read the text "7" as a number."""
    values = typed_parameters(context, table, table)
    return {k: ParameterValue(v, value_type=str) if isinstance(v, str) else v for k, v in values.items()}


def flag(context: LaunchContext, name: str) -> bool:
    """The value of a boolean argument.

    Raises:
        ParameterError: neither true nor false.
    """
    return read_flag(name, LaunchConfiguration(name).perform(context))


def forwarded(arguments: Iterable[DeclareLaunchArgument]) -> dict[str, LaunchConfiguration]:
    """The values of `arguments`, to pass to another launch file."""
    return {argument.name: LaunchConfiguration(argument.name) for argument in arguments}


def perception(arguments: Mapping[str, Any]) -> IncludeLaunchDescription:
    """Include perception.launch.py with these arguments."""
    source = PythonLaunchDescriptionSource(PathJoinSubstitution([SHARE, "launch", "perception.launch.py"]))
    return IncludeLaunchDescription(source, launch_arguments=dict(arguments).items())


def perception_when_run(arguments: Mapping[str, Any]) -> OpaqueFunction:
    """As `perception`, but `--show-args` does not list the included file's arguments, some of which have no effect."""
    return OpaqueFunction(function=lambda context: [perception(arguments)])


def _parameter_argument(spec: ParameterSpec, default: str, otherwise: str) -> DeclareLaunchArgument:
    description = f"{spec.text}{spec.limits} Not given: {otherwise}."
    choices = ["", *spec.choices] if spec.choices else None
    return DeclareLaunchArgument(spec.name, default_value=default, description=description, choices=choices)


def _default(spec: ParameterSpec) -> str:
    return str(spec.default).lower() if isinstance(spec.default, bool) else repr(spec.default)
