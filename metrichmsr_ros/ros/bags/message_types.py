"""Our message definitions for `rosbags`, so that bags with our topics are read and written without a ROS."""

from __future__ import annotations

from pathlib import Path

from rosbags.typesys import get_types_from_msg
from rosbags.typesys.store import Typestore

from metrichmsr_ros.assets import AssetError, config_roots

HUMANS = "metrichmsr_ros/msg/HumanMeshArray"
HUMAN = "metrichmsr_ros/msg/HumanMesh"
TOPOLOGY = "metrichmsr_ros/msg/MeshTopology"
TRANSFORMS = "tf2_msgs/msg/TFMessage"


def definition_folder() -> Path:
    """Folder with our .msg files: in the source tree, or in `share/metrichmsr_ros/msg` of an installation.

    Raises:
        AssetError: in none of the places; the message lists them.
    """
    folders = [root.parent / "msg" for root in config_roots()]
    for folder in folders:
        if (folder / "HumanMesh.msg").is_file():
            return folder
    raise AssetError(
        f"the message definitions are in none of: {', '.join(map(str, folders))}; reinstall metrichmsr_ros"
    )


def register_own_messages(types: Typestore) -> None:
    """Add HumanMesh, HumanMeshArray and MeshTopology to a type store that has ROS 2's own messages."""
    folder = definition_folder()
    for name in (HUMAN, HUMANS, TOPOLOGY):
        if name not in types.fielddefs:
            text = (folder / f"{name.rpartition('/')[2]}.msg").read_text(encoding="utf-8")
            types.register(get_types_from_msg(text, name))
