"""Parameters of the follow node.

`python tools/generate_parameters.py` writes `config/follow.yaml` and `docs/reference/follow_parameters.md` from it.
This module imports only the standard library, because launch files import it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from metrichmsr_ros.ros.parameter_spec import ParameterSpec, parameter, parameter_table


@dataclass(frozen=True)
class FollowSettings:
    """Values of all parameters. The table of parameters is made from these fields."""

    autostart: bool = parameter(True, "Configure and activate the node at its start.", read_only=True)
    fixed_frame: str = parameter(
        "odom",
        "Frame of /tf that does not move with the robot and whose z points up. The frame of the person and the goal "
        "are in it.",
        read_only=True,
    )
    robot_frame: str = parameter(
        "base_link",
        "Frame of the robot, x forward. Without it in /tf, the camera counts as the robot.",
        read_only=True,
    )
    person_frame: str = parameter("followed_person", "Name of the frame of the person who is followed.", read_only=True)
    choose: Literal["nearest", "raised_hand", "none"] = parameter(
        "nearest",
        "Who is followed after the start. nearest: the nearest person in front of the robot, once there is one. "
        "raised_hand: the same, of those who raise a hand; also whenever nobody is followed. none: nobody until "
        "~/follow_nearest or ~/select is used.",
        read_only=True,
    )
    target_id: str = parameter(
        "", "Follow the person with this id, once seen, instead of what choose says.", read_only=True
    )
    choose_distance: float = parameter(
        4.0, "Greatest distance at which somebody is chosen.", unit="m", between=(0.1, 50), read_only=True
    )
    choose_angle: float = parameter(
        0.6,
        "Greatest angle to each side of straight ahead at which somebody is chosen.",
        unit="rad",
        between=(0.01, 3.2),
        read_only=True,
    )
    min_confidence: float = parameter(
        0.5, "People of lower confidence are not chosen; who is followed may have less.", between=(0, 1), read_only=True
    )
    distance: float = parameter(
        1.2,
        "Distance of ~/goal from the person, on the line to the robot. 0: the place of the person.",
        unit="m",
        between=(0, 20),
        read_only=True,
    )
    predict_for: float = parameter(
        0.5,
        "Time for which a person who is not seen is predicted. Then the person is lost: frame and goal are no longer "
        "published.",
        unit="s",
        between=(0, 5),
        read_only=True,
    )
    lost_timeout: float = parameter(
        10.0,
        "Time after the last sighting after which a lost person is no longer looked for. Nobody is followed then until "
        "~/follow_nearest or ~/select is used, or, with choose: raised_hand, until somebody raises a hand.",
        unit="s",
        between=(0.1, 3600),
        read_only=True,
    )
    tf_timeout: float = parameter(
        0.5,
        "Longest wait for the transform of the camera at an image's stamp. Without it, the image is left out.",
        unit="s",
        between=(0, 10),
        read_only=True,
    )


FOLLOW_PARAMETERS: Mapping[str, ParameterSpec] = parameter_table(FollowSettings)
"""All parameters by name, in the order of the documentation."""
