"""The perception node for one camera, and RViz on request.

    ros2 launch metrichmsr_ros perception.launch.py image:=/cam/image_raw camera_info:=/cam/camera_info

For several cameras see cameras.launch.py, for an image_proc chain in front rectified.launch.py.
"""

from pathlib import Path

from launch import LaunchContext, LaunchDescription
from launch.actions import OpaqueFunction
from launch.conditions import IfCondition
from launch.substitutions import LaunchConfiguration, PathJoinSubstitution
from launch_ros.actions import Node
from launch_ros.parameter_descriptions import ParameterValue

from metrichmsr_ros.ros.launch_arguments import (
    CAMERA_TOPICS,
    OTHER_TOPICS,
    SHARE,
    given_parameters,
    node_arguments,
    parameter_arguments,
)

TOPICS = (*CAMERA_TOPICS, *OTHER_TOPICS)
SHOWN = ("overlay", "depth/image", "markers", "mesh_markers", "body_points", "points", "poses")  # by the RViz file
RESPAWN_DELAY_S = 2.0

ARGUMENTS = [
    *node_arguments(*TOPICS, "namespace", "name", "params_file", "use_sim_time", "log_level", "respawn"),
    *node_arguments("rviz", "rviz_frame"),
    *parameter_arguments(),
]


def make_node(context: LaunchContext) -> list[Node]:
    params_file = Path(LaunchConfiguration("params_file").perform(context)).expanduser()
    if not params_file.is_file():  # launch itself would only warn, and the node start with its defaults
        raise RuntimeError(f"params_file is {params_file.absolute()}, and there is no such file")
    sim_time = ParameterValue(LaunchConfiguration("use_sim_time"), value_type=bool)
    return [
        Node(
            package="metrichmsr_ros",
            executable="perception",
            name=LaunchConfiguration("name"),
            namespace=LaunchConfiguration("namespace"),
            parameters=[str(params_file), {**given_parameters(context), "use_sim_time": sim_time}],
            remappings=[(topic, LaunchConfiguration(topic)) for topic in TOPICS],
            arguments=["--ros-args", "--log-level", LaunchConfiguration("log_level")],
            output="screen",
            respawn=IfCondition(LaunchConfiguration("respawn")).evaluate(context),
            respawn_delay=RESPAWN_DELAY_S,
        )
    ]


def make_rviz(context: LaunchContext) -> list[Node]:
    frame, ground, name = (LaunchConfiguration(n).perform(context) for n in ("rviz_frame", "ground_frame", "name"))
    return [
        Node(
            package="rviz2",
            executable="rviz2",
            namespace=LaunchConfiguration("namespace"),  # the file's topics are relative
            parameters=[{"use_sim_time": ParameterValue(LaunchConfiguration("use_sim_time"), value_type=bool)}],
            remappings=[(f"perception/{topic}", f"{name}/{topic}") for topic in SHOWN] if name != "perception" else [],
            arguments=[
                "-d",
                PathJoinSubstitution([SHARE, "config", "rviz", "perception.rviz"]),
                "-f",
                frame or ground or "map",
            ],
            condition=IfCondition(LaunchConfiguration("rviz")),
        )
    ]


def generate_launch_description() -> LaunchDescription:
    return LaunchDescription([*ARGUMENTS, OpaqueFunction(function=make_node), OpaqueFunction(function=make_rviz)])
