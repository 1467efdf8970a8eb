"""Replay recorded bags through the node's conversion and pipeline. Every image is processed, reproducibly.

    ros2 launch metrichmsr_ros replay.launch.py bag:=/data/monday out:=/data/monday_results

The replay runs in one process, without topics. To play a bag to a running node, use `ros2 bag play`.
"""

from launch import LaunchContext, LaunchDescription
from launch.actions import DeclareLaunchArgument, EmitEvent, ExecuteProcess, OpaqueFunction, RegisterEventHandler
from launch.event_handlers import OnProcessExit
from launch.events import Shutdown
from launch.substitutions import LaunchConfiguration, PathJoinSubstitution
from launch_ros.substitutions import FindPackagePrefix

from metrichmsr_ros.ros.launching.arguments import parameter_options, typed_parameters
from metrichmsr_ros.ros.launching.processes import ends_with_launch

# Options of `metrichmsr replay`, passed on when they are set.
OPTIONS = {
    "image": "Image topic in the bag. Empty: found by name if there is only one.",
    "camera_info": "Topic of the CameraInfo of the images. Empty: found by the name of the image topic.",
    "fov": "Horizontal field of view, for bags without CameraInfo. Unit: degrees.",
    "depth": "Topic of depth images that are registered to the images.",
    "depth_info": "Topic of the CameraInfo of the depth images.",
    "world": "Fixed frame of the camera's transforms. Empty: fixed_frame, without it the topmost.",
    "cameras": "File in TUM's format with the poses of the camera. Empty: the bag's transforms.",
    "truth": "Topic or .npz file of true people. Empty: the bag's own topic of true people, if it has one.",
    "workers": "Number of processes, for several bags.",
    "ray": "Address of a Ray cluster to use instead of processes.",
}
# Parameters of the node that are also options of `metrichmsr replay`, with the same names.
PARAMETER_OPTIONS = (
    "preset",
    "body",
    "device",
    "precision",
    "compile",
    "num_threads",
    "test_time_augmentation",
    "image_rectified",
    "ground_frame",
    "fixed_frame",
    "use_floor",
    "use_depth",
    "id_prefix",
    "min_confidence",
)

ARGUMENTS = [
    DeclareLaunchArgument("bag", description="A rosbag2, or a folder with bags."),
    DeclareLaunchArgument("out", default_value="replay", description="Folder for the results."),
    *(DeclareLaunchArgument(name, default_value="", description=text) for name, text in OPTIONS.items()),
    *parameter_options(PARAMETER_OPTIONS),
]


def option_words(context: LaunchContext) -> list[str]:
    given = {name: LaunchConfiguration(name).perform(context) for name in OPTIONS}
    given |= {name: str(value) for name, value in typed_parameters(context, PARAMETER_OPTIONS).items()}
    words = []
    for name, value in given.items():
        option = name.replace("_", "-")
        if value in ("True", "False"):
            words.append(f"--{option}" if value == "True" else f"--no-{option}")
        elif value:
            words += [f"--{option}", value]
    return words


def make_process(context: LaunchContext) -> list[object]:
    door = PathJoinSubstitution([FindPackagePrefix("metrichmsr_ros"), "lib", "metrichmsr_ros", "metrichmsr"])
    command = [door, "replay", LaunchConfiguration("bag"), "--out", LaunchConfiguration("out"), *option_words(context)]
    process = ExecuteProcess(cmd=command, name="replay", output="screen", **ends_with_launch(context, unblocks=True))
    finish = OnProcessExit(target_action=process, on_exit=[EmitEvent(event=Shutdown(reason="replay ended"))])
    return [process, RegisterEventHandler(finish)]


def generate_launch_description() -> LaunchDescription:
    return LaunchDescription([*ARGUMENTS, OpaqueFunction(function=make_process)])
