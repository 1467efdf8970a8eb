"""The perception node for one camera, and RViz on request.

    ros2 launch metrichmsr_ros perception.launch.py image:=/cam/image_raw camera_info:=/cam/camera_info

For several cameras see cameras.launch.py, for an image_proc chain in front rectified.launch.py.
"""

from pathlib import Path

from launch import LaunchContext, LaunchDescription
from launch.actions import DeclareLaunchArgument, OpaqueFunction
from launch.conditions import IfCondition
from launch.substitutions import LaunchConfiguration, PathJoinSubstitution
from launch_ros.actions import Node
from launch_ros.parameter_descriptions import ParameterValue
from launch_ros.substitutions import FindPackageShare

SHARE = FindPackageShare("metrichmsr_ros")

TOPICS = ("image", "camera_info", "depth", "depth_info", "detections")
SHOWN = ("overlay", "depth/image", "markers", "mesh_markers", "body_points", "points", "poses")  # by the RViz file
# Parameters that may be given as arguments; an argument left empty leaves the word to params_file.
PARAMETER_ARGUMENTS = {
    "preset": "model preset, or path of a .safetensors checkpoint",
    "body": "body model: open_light, open or smpl:/path/to/SMPL_NEUTRAL.npz",
    "device": "torch device of the network: cpu, cuda, cuda:1",
    "image_transport": "raw or compressed",
    "image_rectified": "auto, true or false",
    "image_reliability": "auto, reliable or best_effort",
    "num_threads": "CPU threads of the people finder",
    "looks": "one, mirrored or all: how often each person is looked at; smaller errors, later answers",
    "depth_source": "auto, fastdepth, hub[:model], map_anything[:model], topic, ground or people",
    "ground_frame": "frame of /tf whose z = 0 is the floor, e.g. base_footprint",
    "use_depth": "true: the depth topic corrects how far people are; false: a network made that depth",
    "max_age": "drop images older than this many seconds; 0: never",
    "id_prefix": "put before every person's id; give each camera its own",
    "autostart": "configure and activate by itself: true or false",
}

ARGUMENTS = [
    DeclareLaunchArgument("image", default_value="image", description="image topic to subscribe to"),
    DeclareLaunchArgument("camera_info", default_value="camera_info", description="its sensor_msgs/CameraInfo topic"),
    DeclareLaunchArgument("depth", default_value="depth", description="depth image topic, if there is one"),
    DeclareLaunchArgument("depth_info", default_value="depth_info", description="its CameraInfo, if not the image's"),
    DeclareLaunchArgument(
        "detections", default_value="detections", description="vision_msgs/Detection2DArray topic, if there is one"
    ),
    DeclareLaunchArgument("namespace", default_value="", description="namespace of the node"),
    DeclareLaunchArgument("name", default_value="perception", description="name of the node, before its topics"),
    DeclareLaunchArgument(
        "params_file",
        default_value=PathJoinSubstitution([SHARE, "config", "perception.yaml"]),
        description="YAML file of parameters",
    ),
    DeclareLaunchArgument("use_sim_time", default_value="false", description="use /clock"),
    DeclareLaunchArgument("log_level", default_value="info", description="debug, info, warn, error or fatal"),
    DeclareLaunchArgument("rviz", default_value="false", description="start RViz with config/rviz/perception.rviz"),
    DeclareLaunchArgument(
        "rviz_frame", default_value="", description="fixed frame of RViz; empty: ground_frame, or map without one"
    ),
    *(
        DeclareLaunchArgument(name, default_value="", description=f"{text}; empty: as params_file says")
        for name, text in PARAMETER_ARGUMENTS.items()
    ),
]


def make_node(context: LaunchContext) -> list[Node]:
    params_file = Path(LaunchConfiguration("params_file").perform(context)).expanduser()
    if not params_file.is_file():  # launch itself would only warn, and the node start with its defaults
        raise RuntimeError(f"params_file is {params_file.absolute()}, and there is no such file")
    given = {name: LaunchConfiguration(name).perform(context) for name in PARAMETER_ARGUMENTS}
    # A substitution gets the type that YAML reads in it; a plain string would stay one, and the node refuse it.
    overrides = {name: ParameterValue(LaunchConfiguration(name)) for name, value in given.items() if value}
    overrides["use_sim_time"] = ParameterValue(LaunchConfiguration("use_sim_time"), value_type=bool)
    for name in overrides.keys() & {"id_prefix", "ground_frame"}:
        overrides[name] = ParameterValue(given[name], value_type=str)
    if "max_age" in overrides:
        overrides["max_age"] = float(given["max_age"])  # also of a 1 without a point
    return [
        Node(
            package="metrichmsr_ros",
            executable="perception",
            name=LaunchConfiguration("name"),
            namespace=LaunchConfiguration("namespace"),
            parameters=[str(params_file), overrides],
            remappings=[(topic, LaunchConfiguration(topic)) for topic in TOPICS],
            arguments=["--ros-args", "--log-level", LaunchConfiguration("log_level")],
            output="screen",
        )
    ]


def make_rviz(context: LaunchContext) -> list[Node]:
    frame, ground, name = (LaunchConfiguration(n).perform(context) for n in ("rviz_frame", "ground_frame", "name"))
    return [
        Node(
            package="rviz2",
            executable="rviz2",
            namespace=LaunchConfiguration("namespace"),  # the file's topics are relative
            parameters=[{"use_sim_time": ParameterValue(LaunchConfiguration("use_sim_time"), value_type=bool)}],
            remappings=[(f"perception/{topic}", f"{name}/{topic}") for topic in SHOWN] if name != "perception" else [],
            arguments=[
                "-d",
                PathJoinSubstitution([SHARE, "config", "rviz", "perception.rviz"]),
                "-f",
                frame or ground or "map",
            ],
            condition=IfCondition(LaunchConfiguration("rviz")),
        )
    ]


def generate_launch_description() -> LaunchDescription:
    return LaunchDescription([*ARGUMENTS, OpaqueFunction(function=make_node), OpaqueFunction(function=make_rviz)])
