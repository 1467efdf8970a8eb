"""Several cameras: one perception process each, with topics, frames and ids of its own.

    ros2 launch metrichmsr_ros cameras.launch.py cameras:=left,right

Camera NAME is read from /NAME/image_raw and /NAME/camera_info and answers on /NAME/perception/...; its people are
body_NAME_<id> on /tf.
"""

from launch import LaunchContext, LaunchDescription
from launch.actions import DeclareLaunchArgument, IncludeLaunchDescription, OpaqueFunction
from launch.launch_description_sources import PythonLaunchDescriptionSource
from launch.substitutions import LaunchConfiguration, PathJoinSubstitution
from launch_ros.substitutions import FindPackageShare

SHARE = FindPackageShare("metrichmsr_ros")
HANDED_ON = {
    "params_file": (PathJoinSubstitution([SHARE, "config", "perception.yaml"]), "YAML file of parameters, for all"),
    "device": ("", "torch device of the networks: cpu, cuda, cuda:1; empty: as params_file says"),
    "image_transport": ("", "raw or compressed; empty: as params_file says"),
    "ground_frame": ("", "frame of /tf whose z = 0 is the floor, e.g. base_footprint"),
    "use_sim_time": ("false", "use /clock"),
    "log_level": ("info", "debug, info, warn, error or fatal"),
}

ARGUMENTS = [
    DeclareLaunchArgument("cameras", description="names of the cameras, separated by commas"),
    DeclareLaunchArgument("image", default_value="image_raw", description="image topic under each camera's name"),
    DeclareLaunchArgument("camera_info", default_value="camera_info", description="CameraInfo topic under it"),
    *(
        DeclareLaunchArgument(name, default_value=default, description=text)
        for name, (default, text) in HANDED_ON.items()
    ),
]


def one_camera(name: str, context: LaunchContext) -> IncludeLaunchDescription:
    topics = {topic: f"/{name}/{LaunchConfiguration(topic).perform(context)}" for topic in ("image", "camera_info")}
    return IncludeLaunchDescription(
        PythonLaunchDescriptionSource(PathJoinSubstitution([SHARE, "launch", "perception.launch.py"])),
        launch_arguments={
            "namespace": name,
            "id_prefix": f"{name}_",
            **topics,
            **{argument: LaunchConfiguration(argument) for argument in HANDED_ON},
        }.items(),
    )


def every_camera(context: LaunchContext) -> list[IncludeLaunchDescription]:
    names = [name.strip() for name in LaunchConfiguration("cameras").perform(context).split(",") if name.strip()]
    if not names or len(names) != len(set(names)):
        raise RuntimeError(f"cameras is {names}; name at least one camera, none of them twice: cameras:=left,right")
    return [one_camera(name, context) for name in names]


def generate_launch_description() -> LaunchDescription:
    return LaunchDescription([*ARGUMENTS, OpaqueFunction(function=every_camera)])
