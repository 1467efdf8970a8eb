"""The demo: plays a bag of walking people to the perception node, and shows the bodies and the floor in RViz.

    metrichmsr demo --out out/demo
    ros2 launch metrichmsr_ros demo.launch.py bag:=out/demo/sequence

Needs ros2 bag with its mcap storage, and RViz unless rviz:=false.
"""

from pathlib import Path

from launch import LaunchContext, LaunchDescription
from launch.actions import DeclareLaunchArgument, ExecuteProcess, OpaqueFunction
from launch.substitutions import LaunchConfiguration

from metrichmsr_ros.ros.launch_arguments import (
    flag,
    forwarded,
    node_arguments,
    parameter_arguments,
    perception_when_run,
)

PLAYER = [
    DeclareLaunchArgument("bag", default_value="out/demo/sequence", description="Bag that `metrichmsr demo` wrote."),
    DeclareLaunchArgument("rate", default_value="1.0", description="Speed of playback; 2.0 is twice as fast."),
    DeclareLaunchArgument("loop", default_value="true", description="Play the bag again and again: true or false."),
]
SHARED = [
    *node_arguments("params_file", "log_level", rviz="true", rviz_frame="world"),
    *parameter_arguments(without=("image_transport",), defaults={"ground_frame": "world"}),
]
FIXED = {
    "image": "/camera/image_raw",
    "camera_info": "/camera/camera_info",
    "image_transport": "raw",
    "use_sim_time": "true",
}


def player(context: LaunchContext) -> list[ExecuteProcess]:
    bag = Path(LaunchConfiguration("bag").perform(context)).expanduser()
    if not (bag / "metadata.yaml").is_file():
        raise RuntimeError(f"no bag at {bag.absolute()}: make it with `metrichmsr demo`, or set bag:=/path/to/sequence")
    # Playback starts late, so that the network is loaded. A loop would repeat the delay, so it has none.
    mode = ["--loop"] if flag(context, "loop") else ["--delay", "5"]
    command = ["ros2", "bag", "play", str(bag), "--clock", "100", "--rate", LaunchConfiguration("rate"), *mode]
    return [ExecuteProcess(cmd=command, output="screen")]


def generate_launch_description() -> LaunchDescription:
    perception = perception_when_run({**FIXED, **forwarded(SHARED)})
    return LaunchDescription([*PLAYER, *SHARED, OpaqueFunction(function=player), perception])
