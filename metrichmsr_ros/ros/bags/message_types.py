"""Message definitions for `rosbags`: this package's own without ROS, others from installed packages."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path

from rosbags.typesys import TypesysError, get_types_from_msg
from rosbags.typesys.store import Typestore

from metrichmsr_ros.assets import AssetError, config_roots
from metrichmsr_ros.ros.bags.errors import UnreadableBagError

HUMANS = "metrichmsr_ros/msg/HumanMeshArray"
HUMAN = "metrichmsr_ros/msg/HumanMesh"
TOPOLOGY = "metrichmsr_ros/msg/MeshTopology"
_NEEDED = {HUMANS: {"header", "humans"}, HUMAN: {"id", "joints"}, TOPOLOGY: {"faces"}}  # fields of every version
TRANSFORMS = "tf2_msgs/msg/TFMessage"
PEOPLE = "people_msgs/msg/People"


def definition_folder() -> Path:
    """Folder with this package's .msg files: in the source tree, or in `share/metrichmsr_ros/msg` of an installation.

    Raises:
        AssetError: no place has them; the message lists the places.
    """
    folders = [root.parent / "msg" for root in config_roots()]
    for folder in folders:
        if (folder / "HumanMesh.msg").is_file():
            return folder
    raise AssetError(
        f"the message definitions are in none of: {', '.join(map(str, folders))}; reinstall metrichmsr_ros"
    )


def register_own_messages(types: Typestore) -> None:
    """Add HumanMesh, HumanMeshArray and MeshTopology to a type store with the standard messages of ROS 2."""
    _register_files(types, definition_folder(), [HUMAN, HUMANS, TOPOLOGY])


def register_recorded_messages(types: Typestore, definitions: Mapping[str, str]) -> None:
    """As `register_own_messages`, but as a bag defines them, which an earlier version of this package may have written.

    Args:
        types: the store. definitions: text by type, with the types that it uses; those that the bag lacks, or that
            cannot be read, are today's.
    """
    for kind in (HUMANS, HUMAN, TOPOLOGY):
        if kind in definitions and kind not in types.fielddefs:
            _register_text(types, definitions[kind], kind)
    register_own_messages(types)


def _register_text(types: Typestore, text: str, kind: str) -> None:
    """Register the new types of a definition; a text that is none of our messages registers nothing."""
    try:
        defined = get_types_from_msg(text, kind)
    except TypesysError:
        return
    if all(needed <= {name for name, _ in defined[own][1]} for own, needed in _NEEDED.items() if own in defined):
        types.register({name: fields for name, fields in defined.items() if name not in types.fielddefs})


def register(types: Typestore, type_name: str) -> None:
    """Add a type of this or an installed package to a type store, unless it has it already.

    Raises:
        UnreadableBagError: no definition of it is installed; the message lists the searched folders.
    """
    if type_name in (HUMAN, HUMANS, TOPOLOGY):
        register_own_messages(types)
    if type_name in types.fielddefs:
        return
    package, kind, message = type_name.split("/")
    prefixes = [*os.environ.get("AMENT_PREFIX_PATH", "").split(os.pathsep), sys.prefix]
    folders = [Path(prefix, "share", package, kind) for prefix in prefixes if prefix]
    for folder in folders:
        if (folder / f"{message}.msg").is_file():
            neighbours = [f"{package}/{kind}/{file.stem}" for file in sorted(folder.glob("*.msg"))]
            _register_files(types, folder, neighbours)  # its fields may use them
            return
    raise UnreadableBagError(
        f"no definition of {type_name} in {', '.join(map(str, folders))}: install {package}, or source the workspace "
        "that has it"
    )


def has_definition(types: Typestore, type_name: str) -> bool:
    """Whether a type is known or its definition is installed; it is known afterwards."""
    try:
        register(types, type_name)
    except UnreadableBagError:
        return False
    return True


def _register_files(types: Typestore, folder: Path, type_names: list[str]) -> None:
    """Register `folder/Name.msg` for each type that is not in the store."""
    new = [name for name in type_names if name not in types.fielddefs]
    texts = {name: (folder / f"{name.rpartition('/')[2]}.msg").read_text(encoding="utf-8") for name in new}
    types.register({k: v for name, text in texts.items() for k, v in get_types_from_msg(text, name).items()})
