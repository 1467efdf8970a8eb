"""The demo's bag through the perception node, seen in RViz: people who walk, their bodies, the floor they stand on.

    metrichmsr demo --out out/demo
    ros2 launch metrichmsr_ros demo.launch.py bag:=out/demo/sequence

Needs ros2 bag with its mcap storage, and RViz unless rviz:=false.
"""

from pathlib import Path

from launch import LaunchContext, LaunchDescription
from launch.actions import DeclareLaunchArgument, ExecuteProcess, IncludeLaunchDescription, OpaqueFunction
from launch.conditions import IfCondition
from launch.launch_description_sources import PythonLaunchDescriptionSource
from launch.substitutions import LaunchConfiguration, PathJoinSubstitution
from launch_ros.substitutions import FindPackageShare

ARGUMENTS = [
    DeclareLaunchArgument("bag", default_value="out/demo/sequence", description="bag that `metrichmsr demo` wrote"),
    DeclareLaunchArgument("rate", default_value="1.0", description="2.0 plays twice as fast"),
    DeclareLaunchArgument("loop", default_value="true", description="play again and again: true or false"),
    DeclareLaunchArgument("rviz", default_value="true", description="start RViz"),
    DeclareLaunchArgument("ground_frame", default_value="world", description="frame of the floor; '': not known"),
    DeclareLaunchArgument("device", default_value="", description="torch device; empty: as params_file says"),
]


def player(context: LaunchContext) -> list[ExecuteProcess]:
    bag = Path(LaunchConfiguration("bag").perform(context)).expanduser()
    if not (bag / "metadata.yaml").is_file():
        raise RuntimeError(f"no bag at {bag.absolute()}: make it with `metrichmsr demo`, or say bag:=/path/to/sequence")
    # Played once, the bag waits for the network to be loaded; in a loop it would wait every time.
    mode = ["--loop"] if IfCondition(LaunchConfiguration("loop")).evaluate(context) else ["--delay", "5"]
    command = ["ros2", "bag", "play", str(bag), "--clock", "100", "--rate", LaunchConfiguration("rate"), *mode]
    return [ExecuteProcess(cmd=command, output="screen")]


def generate_launch_description() -> LaunchDescription:
    perception = IncludeLaunchDescription(
        PythonLaunchDescriptionSource(
            PathJoinSubstitution([FindPackageShare("metrichmsr_ros"), "launch", "perception.launch.py"])
        ),
        launch_arguments={
            "image": "/camera/image_raw",
            "camera_info": "/camera/camera_info",
            "use_sim_time": "true",
            "rviz_frame": "world",
            **{name: LaunchConfiguration(name) for name in ("rviz", "ground_frame", "device")},
        }.items(),
    )
    return LaunchDescription([*ARGUMENTS, OpaqueFunction(function=player), perception])
