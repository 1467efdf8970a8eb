"""A raw camera through image_proc, whose rectified images other nodes want too, and on to the perception node.

    ros2 launch metrichmsr_ros rectified.launch.py camera:=/cam

Subscribes /cam/image_raw and /cam/camera_info, publishes /cam/image_rect. The perception node alone does not need this:
it rectifies raw images by itself.
"""

from launch import LaunchDescription
from launch.actions import DeclareLaunchArgument, IncludeLaunchDescription
from launch.launch_description_sources import PythonLaunchDescriptionSource
from launch.substitutions import LaunchConfiguration, PathJoinSubstitution
from launch_ros.actions import ComposableNodeContainer
from launch_ros.descriptions import ComposableNode
from launch_ros.substitutions import FindPackageShare

CAMERA = LaunchConfiguration("camera")
SIM_TIME = LaunchConfiguration("use_sim_time")


def generate_launch_description() -> LaunchDescription:
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
                "use_sim_time": SIM_TIME,
                # Started before the camera it would else be best effort, and lose images on a busy machine.
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
        output="screen",
    )
    perception = IncludeLaunchDescription(
        PythonLaunchDescriptionSource(
            PathJoinSubstitution([FindPackageShare("metrichmsr_ros"), "launch", "perception.launch.py"])
        ),
        launch_arguments={
            "image": [CAMERA, "/image_rect"],
            "camera_info": [CAMERA, "/camera_info"],
            "image_rectified": "true",
            "use_sim_time": SIM_TIME,
        }.items(),
    )
    return LaunchDescription(
        [
            DeclareLaunchArgument("camera", default_value="/camera", description="namespace of the camera's topics"),
            DeclareLaunchArgument("use_sim_time", default_value="false", description="use /clock"),
            container,
            perception,
        ]
    )
