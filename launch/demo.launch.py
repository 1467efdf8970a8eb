"""The demo: plays a bag of walking people to the perception node, and shows the bodies and the floor in RViz.

    metrichmsr demo --out out/demo
    ros2 launch metrichmsr_ros demo.launch.py bag:=out/demo/sequence

Needs ros2 bag with its mcap storage, and RViz unless rviz:=false.
"""

from pathlib import Path

from launch import LaunchContext, LaunchDescription
from launch.actions import DeclareLaunchArgument, EmitEvent, ExecuteProcess, OpaqueFunction, RegisterEventHandler
from launch.event_handlers import OnProcessExit
from launch.events import Shutdown
from launch.events.process import ProcessExited
from launch.substitutions import LaunchConfiguration

from metrichmsr_ros.ros.launching.arguments import (
    flag,
    forwarded,
    node_arguments,
    parameter_arguments,
    perception_when_run,
)
from metrichmsr_ros.ros.launching.processes import check_start, ends_with_launch

PLAYER = [
    DeclareLaunchArgument("bag", default_value="out/demo/sequence", description="Bag that `metrichmsr demo` wrote."),
    DeclareLaunchArgument("rate", default_value="1.0", description="Speed of playback; 2.0 is twice as fast."),
    DeclareLaunchArgument("loop", default_value="true", description="Play the bag again and again: true or false."),
]
# The bag holds raw images without distortion, and neither depth nor detections.
WITHOUT_EFFECT = ("image_transport", "image_rectified", "use_depth", "detections_class", "detections_min_score")
SHARED = [
    *node_arguments("params_file", "log_level", rviz="true", rviz_frame="world"),
    *parameter_arguments(without=WITHOUT_EFFECT, defaults={"ground_frame": "world"}),
]
FIXED = {
    "image": "/camera/image_raw",
    "camera_info": "/camera/camera_info",
    "image_transport": "raw",
    "use_sim_time": "true",
}


def find_bag(context: LaunchContext) -> Path:
    bag = Path(LaunchConfiguration("bag").perform(context)).expanduser()
    if not (bag / "metadata.yaml").is_file():
        raise RuntimeError(f"no bag at {bag.absolute()}: make it with `metrichmsr demo`, or set bag:=/path/to/sequence")
    return bag


def check(context: LaunchContext) -> None:
    """Before anything is started: launch would not end it."""
    find_bag(context)
    check_start(context)


def player(context: LaunchContext) -> list[ExecuteProcess]:
    # Playback starts late, so that the network is loaded. A loop would repeat the delay, so it has none.
    mode = ["--loop"] if flag(context, "loop") else ["--delay", "5"]
    rate = ["--rate", LaunchConfiguration("rate")]
    command = ["ros2", "bag", "play", str(find_bag(context)), "--clock", "100", *rate, *mode]
    return [ExecuteProcess(cmd=command, name="ros2_bag_play", output="screen", **ends_with_launch(context))]


def end_on_failure(event: ProcessExited, context: LaunchContext) -> list[EmitEvent]:
    """Without one of its programs the demo shows nothing."""
    if event.returncode == 0 or context.is_shutdown:
        return []
    return [EmitEvent(event=Shutdown(reason=f"{event.process_name} failed with exit code {event.returncode}"))]


def generate_launch_description() -> LaunchDescription:
    perception = perception_when_run({**FIXED, **forwarded(SHARED)})
    watch = RegisterEventHandler(OnProcessExit(on_exit=end_on_failure))
    return LaunchDescription(
        [*PLAYER, *SHARED, OpaqueFunction(function=check), watch, OpaqueFunction(function=player), perception]
    )
