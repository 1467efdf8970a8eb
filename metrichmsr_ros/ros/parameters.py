"""The node's parameters, declared once: type, default, allowed values, unit and text.

The node's declarations (`parameter_declaration`) and the launch arguments (`launch_arguments`) are made from this
table. `python tools/generate_parameters.py` writes `config/perception.yaml` and `docs/reference/parameters.md` from it.
This module imports only the standard library, because launch files import it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from metrichmsr_ros.ros.parameter_spec import ParameterSpec, parameter, parameter_table


@dataclass(frozen=True)
class Settings:
    """Values of all parameters, read together. The table of parameters is made from these fields."""

    autostart: bool = parameter(True, "Configure and activate the node at its start.", read_only=True)
    preset: str = parameter("embedded", "Model preset, or path of a .safetensors checkpoint.", read_only=True)
    body: str = parameter(
        "open_light", "Body model: open_light, open, or smpl:/path/to/SMPL_NEUTRAL.npz.", read_only=True
    )
    device: str = parameter("cpu", "Device of the networks: cpu, cuda, cuda:1, tensorrt, openvino, ...", read_only=True)
    precision: Literal["float32", "bf16", "fp16"] = parameter(
        "float32",
        "Precision of the products in presets with a Vision Transformer. bf16, fp16: half precision, faster on a GPU; "
        "results stay float32.",
        read_only=True,
    )
    compile: bool = parameter(
        False,
        "Compile the network of the preset in torch when the node is configured, which takes minutes; on CUDA it is "
        "also recorded as a graph for each batch size.",
        read_only=True,
    )
    num_threads: int = parameter(
        2,
        "Calls of networks at the same time; each takes a CPU thread.",
        between=(1, 64),
        read_only=True,
    )
    test_time_augmentation: Literal["none", "flip", "full"] = parameter(
        "none",
        "Views of each person that are averaged. none: one view, two of people whose legs are hidden. flip: also the "
        "mirrored image, for smaller errors at the cost of one more landmark call. full: also the larger landmark "
        "network, for the smallest errors at many times the cost.",
        read_only=True,
        was="looks",
    )
    image_transport: Literal["raw", "compressed"] = parameter(
        "raw",
        "raw: subscribe to the image topic. compressed: subscribe to <image>/compressed.",
        read_only=True,
    )
    image_rectified: Literal["auto", "true", "false"] = parameter(
        "auto",
        "true: images are rectified, P of CameraInfo applies. false: images are raw, K and D apply. auto: rectified if "
        "the topic name contains the word rect or D is zero.",
    )
    image_reliability: Literal["auto", "best_effort", "reliable"] = parameter(
        "auto",
        "Quality of service of the inputs. reliable: lose no image, but receive none of a best-effort publisher. "
        "best_effort: receive from every publisher, but lose images on a busy machine. auto: reliable until a "
        "best-effort publisher appears.",
        read_only=True,
    )
    depth_source: str = parameter(
        "auto",
        "Initial depth of the scene: fastdepth, hub[:model], map_anything[:model], topic (subscribes to depth), ground "
        "(the floor under people's feet) or people (only the surfaces of the bodies). auto: fastdepth if it was "
        "fetched, else ground.",
        read_only=True,
    )
    depth_calibration: str = parameter(
        "auto",
        "Method that brings the initial depth to the scale of the people: scale, affine, field, planes, none, or a "
        ".safetensors file. auto: the learned refiner of this package.",
        read_only=True,
    )
    depth_memory: float = parameter(
        10.0,
        "Time in which the depth calibration fades to 1/e while no person is in view.",
        unit="s",
        between=(0.1, 3600),
        read_only=True,
    )
    points_colour: bool = parameter(True, "Add a field rgb to the points of ~/points.")
    points_stride: int = parameter(
        2, "Use every n-th row and column of the depth for ~/points.", unit="px", between=(1, 64)
    )
    body_points_hidden: bool = parameter(
        False, "Also put people who are hidden into ~/body_points, where they are predicted inside the image."
    )
    ground_frame: str = parameter(
        "",
        "Frame of /tf whose z points up and whose z = 0 is the floor, e.g. base_footprint. Feet on that floor give the "
        "distance of people. Empty: unknown.",
        read_only=True,
    )
    fixed_frame: str = parameter(
        "",
        "Frame of /tf that does not move with the robot and whose z points up, e.g. odom. Positions and velocities of "
        "people are also filtered and predicted there, for ~/people_fixed and ~/predicted. Empty: off.",
        read_only=True,
    )
    predicted_min_probability: float = parameter(
        0.05, "Leave out points of ~/predicted that are covered with a lower probability.", between=(0, 1)
    )
    use_floor: bool = parameter(
        True,
        "Correct size and distance of people by the floor of ground_frame, which tells where up is either way.",
    )
    use_depth: bool = parameter(
        True, "Correct size and distance of people by the depth topic. Set false if a network estimated that depth."
    )
    detections_class: str = parameter(
        "person",
        "class_id of people on the detections topic (YOLO models often use 0). Empty: use every class.",
    )
    detections_min_score: float = parameter(
        0.5, "Ignore hypotheses of the detections topic with a lower score.", between=(0, 1)
    )
    max_age: float = parameter(
        0.0,
        "Drop images that are older than this by the node's clock, but less than 60 s: a stamp farther from it is of "
        "another clock, and the image is processed. 0: drop none.",
        unit="s",
        between=(0, 60),
    )
    max_megapixels: float = parameter(
        64.0,
        "Drop larger images by their header, before memory is taken for them. One megapixel is 2^20 pixels.",
        between=(0.01, 1024),
    )
    lazy: bool = parameter(True, "Run the network only while a topic of this node has a subscriber.")
    tf_keeps_awake: bool = parameter(
        False, "With lazy: also run the network while another node subscribes to /tf, as most nodes of a robot do."
    )
    min_confidence: float = parameter(0.0, "Leave out people of lower confidence.", between=(0, 1))
    id_prefix: str = parameter(
        "",
        "Prefix of every id. Use a different one for each camera, so that no two cameras share a frame body_<id>.",
        read_only=True,
    )
    unique_ids: bool = parameter(
        True,
        "Put a random tag, new at every start, between id_prefix and the number of every id, e.g. k3fa_p1: no id of an "
        "earlier run comes back for another person. false: ids begin with p1 at every start.",
        read_only=True,
    )
    publish_tf: bool = parameter(True, "Broadcast body_<id> for people seen in the image.")
    joint_frames: bool = parameter(
        False, "Also broadcast <joint>_<id> under body_<id>: all 24 joints with their orientations."
    )
    link_frames: bool = parameter(
        False,
        "Also broadcast <link>_<id> under body_<id>: the links of REP-155's kinematic tree, as a robot_state_publisher "
        "of each body would.",
    )
    publish_hri: bool = parameter(
        True,
        "Publish /humans/bodies/<id>/* of REP-155: URDF, joint states, position and velocity; with hri_msgs installed "
        "also the list of ids, regions, crops and skeletons.",
        read_only=True,
    )
    publish_vertices: bool = parameter(True, "Fill HumanMesh.vertices.")

    @property
    def max_pixels(self) -> int:
        """`max_megapixels` in pixels."""
        return int(self.max_megapixels * 2**20)

    @property
    def rectified(self) -> bool | None:
        """`image_rectified` as `camera_from_info` takes it; None is auto."""
        return {"auto": None, "true": True, "false": False}[self.image_rectified]


PARAMETERS: Mapping[str, ParameterSpec] = parameter_table(Settings)
"""All parameters by name, in the order of the documentation."""

FORMER_NAMES: Mapping[str, str] = {spec.was: spec.name for spec in PARAMETERS.values() if spec.was}
"""Current name of each renamed parameter, by its former name."""
