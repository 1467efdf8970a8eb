"""Several cameras: one perception process per camera, with separate topics, frames and ids.

    ros2 launch metrichmsr_ros cameras.launch.py cameras:=left,right

The node of camera NAME subscribes to /NAME/image_raw and /NAME/camera_info and publishes on /NAME/perception/....
The frames of its people on /tf are body_NAME_<id>.
"""

from launch import LaunchContext, LaunchDescription
from launch.actions import DeclareLaunchArgument, IncludeLaunchDescription, OpaqueFunction
from launch.substitutions import LaunchConfiguration

from metrichmsr_ros.ros.launching.arguments import (
    OTHER_TOPICS,
    forwarded,
    node_arguments,
    parameter_arguments,
    perception,
)

TOPICS = [
    DeclareLaunchArgument("image", default_value="image_raw", description="Image topic under each camera's name."),
    DeclareLaunchArgument("camera_info", default_value="camera_info", description="CameraInfo topic under it."),
]
SHARED = [
    *node_arguments(*OTHER_TOPICS, "name", "params_file", "use_sim_time", "log_level", "respawn"),
    *parameter_arguments(without=("id_prefix",)),
]


def one_camera(name: str, context: LaunchContext) -> IncludeLaunchDescription:
    topics = {topic.name: f"/{name}/{LaunchConfiguration(topic.name).perform(context)}" for topic in TOPICS}
    return perception({"namespace": name, "id_prefix": f"{name}_", **topics, **forwarded(SHARED)})


def every_camera(context: LaunchContext) -> list[IncludeLaunchDescription]:
    names = [name.strip() for name in LaunchConfiguration("cameras").perform(context).split(",") if name.strip()]
    if not names or len(names) != len(set(names)):
        raise RuntimeError(f"cameras is {names}; name at least one camera, none of them twice: cameras:=left,right")
    return [one_camera(name, context) for name in names]


def generate_launch_description() -> LaunchDescription:
    cameras = DeclareLaunchArgument("cameras", description="Names of the cameras, separated by commas.")
    return LaunchDescription([cameras, *TOPICS, *SHARED, OpaqueFunction(function=every_camera)])
