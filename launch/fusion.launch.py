"""The fusion node: people of several perception nodes, each once, in a fixed frame.

    ros2 launch metrichmsr_ros fusion.launch.py cameras:=left,right fixed_frame:=odom

It reads /left/perception/humans and /right/perception/humans, as cameras.launch.py starts their nodes, and publishes
on /fusion/....
"""

from launch import LaunchContext, LaunchDescription
from launch.actions import OpaqueFunction
from launch.substitutions import PathJoinSubstitution
from launch_ros.actions import Node

from metrichmsr_ros.ros.fusion.parameters import FUSION_PARAMETERS
from metrichmsr_ros.ros.launching.arguments import SHARE, node_arguments, parameter_arguments
from metrichmsr_ros.ros.launching.processes import node_of, require_program

PROGRAM = "fusion"

ARGUMENTS = [
    *parameter_arguments(table=FUSION_PARAMETERS),
    *node_arguments("namespace", "use_sim_time", "log_level", "respawn"),
    *node_arguments(name=PROGRAM, params_file=PathJoinSubstitution([SHARE, "config", "fusion.yaml"])),
]


def start(context: LaunchContext) -> list[Node]:
    require_program(context, "metrichmsr_ros", PROGRAM, "build the workspace and source its setup.bash")
    return [node_of(context, PROGRAM, FUSION_PARAMETERS, {})]


def generate_launch_description() -> LaunchDescription:
    return LaunchDescription([*ARGUMENTS, OpaqueFunction(function=start)])
