"""image_proc rectifies a raw camera, and the perception node processes the rectified images.

    ros2 launch metrichmsr_ros rectified.launch.py camera:=/cam

image_proc subscribes to /cam/image_raw and /cam/camera_info and publishes /cam/image_rect. Use this file when other
nodes need /cam/image_rect too: the perception node itself also takes raw images.
"""

from launch import LaunchContext, LaunchDescription
from launch.actions import DeclareLaunchArgument, OpaqueFunction
from launch.substitutions import LaunchConfiguration
from launch_ros.actions import ComposableNodeContainer
from launch_ros.descriptions import ComposableNode

from metrichmsr_ros.ros.launching.arguments import (
    OTHER_TOPICS,
    forwarded,
    node_arguments,
    parameter_arguments,
    perception_when_run,
)
from metrichmsr_ros.ros.launching.processes import check_start, ends_with_launch, require_package

CAMERA = LaunchConfiguration("camera")
SHARED = [
    *node_arguments(*OTHER_TOPICS, "namespace", "name", "params_file", "use_sim_time", "log_level", "respawn"),
    *node_arguments("rviz", "rviz_frame"),
    # Both are fixed: image_proc publishes uncompressed, rectified images.
    *parameter_arguments(without=("image_rectified", "image_transport")),
]
FIXED = {
    "image": [CAMERA, "/image_rect"],
    "camera_info": [CAMERA, "/camera_info"],
    "image_rectified": "true",
    "image_transport": "raw",
}


def check(context: LaunchContext) -> None:
    """Before anything is started: launch would not end it."""
    for package in ("image_proc", "rclcpp_components"):
        require_package(package, f"install ros-$ROS_DISTRO-{package.replace('_', '-')}, or use perception.launch.py")
    check_start(context)


def rectifier(context: LaunchContext) -> list[ComposableNodeContainer]:
    rectify = ComposableNode(
        package="image_proc",
        plugin="image_proc::RectifyNode",
        name="rectify",
        remappings=[
            ("image", [CAMERA, "/image_raw"]),
            ("camera_info", [CAMERA, "/camera_info"]),
            ("image_rect", [CAMERA, "/image_rect"]),
        ],
        parameters=[
            {
                "use_sim_time": LaunchConfiguration("use_sim_time"),
                # When it starts before the camera, its default is best effort, which loses images on a busy machine.
                ("qos_overrides.", CAMERA, "/image_rect.publisher.reliability"): "reliable",
            }
        ],
    )
    container = ComposableNodeContainer(
        package="rclcpp_components",
        executable="component_container",
        name="image_proc",
        namespace="",
        composable_node_descriptions=[rectify],
        exec_name="component_container",
        output="screen",
        **ends_with_launch(context),
    )
    return [container]


def generate_launch_description() -> LaunchDescription:
    camera = DeclareLaunchArgument("camera", default_value="/camera", description="Namespace of the camera's topics.")
    chain = OpaqueFunction(function=rectifier)
    perception = perception_when_run({**FIXED, **forwarded(SHARED)})
    return LaunchDescription([camera, *SHARED, OpaqueFunction(function=check), chain, perception])
