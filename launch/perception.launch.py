"""The perception node for one camera, and RViz on request.

    ros2 launch metrichmsr_ros perception.launch.py image:=/cam/image_raw camera_info:=/cam/camera_info

For several cameras see cameras.launch.py. For images rectified by image_proc see rectified.launch.py.
"""

from launch import LaunchContext, LaunchDescription
from launch.actions import OpaqueFunction
from launch.substitutions import LaunchConfiguration, PathJoinSubstitution
from launch_ros.actions import Node

from metrichmsr_ros.ros.launching.arguments import (
    CAMERA_TOPICS,
    OTHER_TOPICS,
    SHARE,
    flag,
    node_arguments,
    parameter_arguments,
)
from metrichmsr_ros.ros.launching.processes import PROGRAM, check_start, ends_with_launch, node_of
from metrichmsr_ros.ros.parameters import PARAMETERS

TOPICS = (*CAMERA_TOPICS, *OTHER_TOPICS)
SHOWN = ("overlay", "depth/image", "markers", "mesh_markers", "body_points", "points", "poses")  # by the RViz file

ARGUMENTS = [
    *node_arguments(*TOPICS, "namespace", "name", "params_file", "use_sim_time", "log_level", "respawn"),
    *node_arguments("rviz", "rviz_frame"),
    *parameter_arguments(),
]


def make_rviz(context: LaunchContext) -> Node:
    frame, ground, name = (LaunchConfiguration(n).perform(context) for n in ("rviz_frame", "ground_frame", "name"))
    layout = PathJoinSubstitution([SHARE, "config", "rviz", "perception.rviz"])
    return Node(
        package="rviz2",
        executable="rviz2",
        exec_name="rviz2",
        **ends_with_launch(context),
        namespace=LaunchConfiguration("namespace"),  # the file's topics are relative
        parameters=[{"use_sim_time": flag(context, "use_sim_time")}],
        remappings=[(f"perception/{topic}", f"{name}/{topic}") for topic in SHOWN] if name != "perception" else [],
        arguments=["-d", layout, "-f", frame or ground or "map"],
    )


def start(context: LaunchContext) -> list[Node]:
    check_start(context)
    node = node_of(context, PROGRAM, PARAMETERS, {topic: topic for topic in TOPICS})
    return [node, *([make_rviz(context)] if flag(context, "rviz") else [])]


def generate_launch_description() -> LaunchDescription:
    return LaunchDescription([*ARGUMENTS, OpaqueFunction(function=start)])
