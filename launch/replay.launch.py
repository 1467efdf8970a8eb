"""Replay recorded bags through the node's conversion and pipeline, in process: every image, reproducible.

    ros2 launch metrichmsr_ros replay.launch.py bag:=/data/monday out:=/data/monday_results

Nothing is published and nothing subscribed; for a bag played through the running node use `ros2 bag play`.
"""

from launch import LaunchContext, LaunchDescription
from launch.actions import DeclareLaunchArgument, EmitEvent, ExecuteProcess, OpaqueFunction, RegisterEventHandler
from launch.event_handlers import OnProcessExit
from launch.events import Shutdown
from launch.substitutions import LaunchConfiguration, PathJoinSubstitution
from launch_ros.substitutions import FindPackagePrefix

# Options that are handed on when given; an empty argument leaves the default of `metrichmsr replay`.
OPTIONS = {
    "image": "image topic in the bag; found by name when there is one",
    "camera_info": "its CameraInfo topic",
    "fov": "horizontal field of view in degrees, for bags without CameraInfo",
    "image_rectified": "auto, true or false",
    "ground_frame": "frame of /tf whose z = 0 is the floor people stand on, as the node's parameter",
    "depth": "topic of depth images registered to the images",
    "depth_info": "its CameraInfo topic",
    "world": "fixed frame of the camera's transforms; the topmost by default",
    "cameras": "file in TUM's format with the camera's poses, instead of the bag's transforms",
    "truth": "topic or npz file of true people",
    "preset": "model preset, or path of a .safetensors checkpoint",
    "body": "body model: open_light, open or smpl:/path/to/SMPL_NEUTRAL.npz",
    "device": "torch device of the network: cpu, cuda, cuda:1",
    "num_threads": "threads of the networks",
    "workers": "processes, for several bags",
    "ray": "address of a Ray cluster to use instead",
}

ARGUMENTS = [
    DeclareLaunchArgument("bag", description="a rosbag2, or a folder with bags"),
    DeclareLaunchArgument("out", default_value="replay", description="folder for the results"),
    *(DeclareLaunchArgument(name, default_value="", description=text) for name, text in OPTIONS.items()),
]


def make_process(context: LaunchContext) -> list[object]:
    given = {name: LaunchConfiguration(name).perform(context) for name in OPTIONS}
    options = [word for name, value in given.items() if value for word in (f"--{name.replace('_', '-')}", value)]
    door = PathJoinSubstitution([FindPackagePrefix("metrichmsr_ros"), "lib", "metrichmsr_ros", "metrichmsr"])
    command = [door, "replay", LaunchConfiguration("bag"), "--out", LaunchConfiguration("out"), *options]
    process = ExecuteProcess(cmd=command, output="screen")
    finish = OnProcessExit(target_action=process, on_exit=[EmitEvent(event=Shutdown(reason="replay ended"))])
    return [process, RegisterEventHandler(finish)]


def generate_launch_description() -> LaunchDescription:
    return LaunchDescription([*ARGUMENTS, OpaqueFunction(function=make_process)])
