"""The follow node: one person of a running perception or fusion node as a frame of /tf and a goal for Nav2.

    ros2 launch metrichmsr_ros follow.launch.py humans:=/perception/humans fixed_frame:=odom goal:=/goal_update

perception:=true also starts a perception node for one camera:

    ros2 launch metrichmsr_ros follow.launch.py perception:=true image:=/cam/image_raw camera_info:=/cam/camera_info
"""

from launch import LaunchContext, LaunchDescription
from launch.actions import DeclareLaunchArgument, GroupAction, OpaqueFunction
from launch.substitutions import LaunchConfiguration, PathJoinSubstitution
from launch_ros.actions import Node

from metrichmsr_ros.ros.following.parameters import FOLLOW_PARAMETERS
from metrichmsr_ros.ros.launching.arguments import (
    CAMERA_TOPICS,
    SHARE,
    flag,
    node_arguments,
    parameter_arguments,
    perception,
)
from metrichmsr_ros.ros.launching.processes import node_of, require_program

PROGRAM = "follow"

ARGUMENTS = [
    DeclareLaunchArgument(
        "humans",
        default_value="perception/humans",
        description="Topic of the people of a perception or fusion node, e.g. /fusion/humans.",
    ),
    DeclareLaunchArgument(
        "goal",
        default_value="follow/goal",
        description="Topic of the goals (geometry_msgs/PoseStamped); /goal_update for Nav2's behaviour trees.",
    ),
    DeclareLaunchArgument(
        "perception",
        default_value="false",
        description="Also start the perception node of one camera: true or false.",
    ),
    *node_arguments(*CAMERA_TOPICS),
    DeclareLaunchArgument(
        "perception_params_file",
        default_value=PathJoinSubstitution([SHARE, "config", "perception.yaml"]),
        description="YAML file of parameters of the perception node, if that is started.",
    ),
    *parameter_arguments(table=FOLLOW_PARAMETERS),
    *node_arguments("namespace", "use_sim_time", "log_level", "respawn"),
    *node_arguments(name=PROGRAM, params_file=PathJoinSubstitution([SHARE, "config", "follow.yaml"])),
]


def make_perception(context: LaunchContext) -> GroupAction:
    """Apart from the arguments of the follow node, some of which have the names of parameters of perception."""
    same = (*CAMERA_TOPICS, "namespace", "use_sim_time", "log_level", "respawn")
    given = {name: LaunchConfiguration(name).perform(context) for name in same}
    given["params_file"] = LaunchConfiguration("perception_params_file").perform(context)
    return GroupAction([perception({"name": "perception", **given})], forwarding=False)


def start(context: LaunchContext) -> list[Node | GroupAction]:
    require_program(context, "metrichmsr_ros", PROGRAM, "build the workspace and source its setup.bash")
    node = node_of(context, PROGRAM, FOLLOW_PARAMETERS, {"humans": "humans", "~/goal": "goal"})
    return [node, *([make_perception(context)] if flag(context, "perception") else [])]


def generate_launch_description() -> LaunchDescription:
    return LaunchDescription([*ARGUMENTS, OpaqueFunction(function=start)])
