"""Parameters of the fusion node.

`python tools/generate_parameters.py` writes `config/fusion.yaml` and `docs/reference/fusion_parameters.md` from it.
This module imports only the standard library, because launch files import it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from metrichmsr_ros.ros.parameter_spec import ParameterError, ParameterSpec, parameter, parameter_table

FEWEST_CAMERAS, MOST_CAMERAS = 2, 8


@dataclass(frozen=True)
class FusionSettings:
    """Values of all parameters. The table of parameters is made from these fields."""

    autostart: bool = parameter(True, "Configure and activate the node at its start.", read_only=True)
    cameras: str = parameter(
        "",
        "Names of 2 to 8 cameras, separated by commas, e.g. left,right: people of camera NAME are received on "
        "/NAME/perception/humans.",
        read_only=True,
    )
    humans_topic: str = parameter(
        "perception/humans", "Topic of the people, under the name of each camera.", read_only=True
    )
    fixed_frame: str = parameter(
        "odom",
        "Frame of /tf that does not move with the cameras. Everything that this node publishes is in this frame.",
        read_only=True,
    )
    tf_timeout: float = parameter(
        0.5,
        "Longest wait for the transform of a camera at an image's stamp. Without it, its people are left out.",
        unit="s",
        between=(0, 10),
        read_only=True,
    )
    forget_after: float = parameter(
        3.0,
        "Time for which a person who is seen by no camera is predicted and keeps the id.",
        unit="s",
        between=(0.1, 60),
        read_only=True,
    )
    extrinsics_stddev: float = parameter(
        0.1,
        "Standard deviation of the cameras' positions in the fixed frame. It decides how far apart two cameras may see "
        "the same person.",
        unit="m",
        between=(0, 2),
        read_only=True,
    )
    min_confidence: float = parameter(0.0, "Leave out people of lower confidence.", between=(0, 1), read_only=True)
    id_prefix: str = parameter("", "Prefix of every id.", read_only=True)
    unique_ids: bool = parameter(
        True,
        "Put a random tag, new at every start, between id_prefix and the number of every id, e.g. k3fa_p1. false: ids "
        "begin with p1 at every start.",
        read_only=True,
    )
    publish_tf: bool = parameter(
        True, "Broadcast body_<id> under fixed_frame for people whom a camera sees.", read_only=True
    )

    @property
    def camera_names(self) -> list[str]:
        """The names in `cameras`.

        Raises:
            ParameterError: too few or too many, or one of them twice.
        """
        names = [name.strip().strip("/") for name in self.cameras.split(",") if name.strip().strip("/")]
        if not FEWEST_CAMERAS <= len(names) <= MOST_CAMERAS or len(names) != len(set(names)):
            raise ParameterError(
                f"parameter cameras is {self.cameras!r}; name {FEWEST_CAMERAS} to {MOST_CAMERAS} cameras, none of them "
                "twice, e.g. left,right"
            )
        return names


FUSION_PARAMETERS: Mapping[str, ParameterSpec] = parameter_table(FusionSettings)
"""All parameters by name, in the order of the documentation."""
