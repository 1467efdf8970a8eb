"""Programs that the launch files start: missing ones are named before any is started, and none outlives its launch."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ament_index_python.packages import PackageNotFoundError, get_package_prefix
from launch import LaunchContext
from launch.substitutions import LaunchConfiguration, SubstitutionFailure
from launch_ros.actions import Node
from launch_ros.substitutions import ExecutableInPackage

from metrichmsr_ros.ros.launching.arguments import flag, given_parameters, typed_parameters
from metrichmsr_ros.ros.parameter_spec import ParameterSpec
from metrichmsr_ros.ros.parameters import PARAMETERS

PROGRAM = "perception"
RESPAWN_DELAY_S = 2.0
_DIES_WITH_PARENT = ("setpriv", "--pdeathsig=TERM")
_BLOCKED = ("env", "--block-signal=INT,TERM")  # GNU coreutils 8.31 and newer


def node_of(
    context: LaunchContext, program: str, table: Mapping[str, ParameterSpec], remappings: Mapping[str, str]
) -> Node:
    """A node of this package, as the launch arguments say.

    Args:
        context: with the arguments name, namespace, params_file, use_sim_time, log_level and respawn.
        program: of the package.
        table: its parameters, which are launch arguments too.
        remappings: the node's name of a topic -> the launch argument with its new name.
    """
    given = {**given_parameters(context, table), "use_sim_time": flag(context, "use_sim_time")}
    return Node(
        package="metrichmsr_ros",
        executable=program,
        name=LaunchConfiguration("name"),
        namespace=LaunchConfiguration("namespace"),
        parameters=[str(params_file(context)), given],
        remappings=[(topic, LaunchConfiguration(argument)) for topic, argument in remappings.items()],
        arguments=["--ros-args", "--log-level", LaunchConfiguration("log_level")],
        exec_name=program,
        output="screen",
        **ends_with_launch(context, unblocks=True),
        respawn=flag(context, "respawn"),
        respawn_delay=RESPAWN_DELAY_S,
    )


def ends_with_launch(context: LaunchContext, unblocks: bool = False) -> dict[str, Any]:
    """Keyword arguments of a process that gets SIGTERM when launch itself is killed.

    Launch ends what it started after a SIGINT, but not after a SIGTERM or SIGKILL. `setpriv` of util-linux sets the
    signal that the kernel sends when the parent dies. A `launch-prefix` of the user, e.g. for a debugger, goes first.

    Args:
        context: of the launch.
        unblocks: the program unblocks SIGINT and SIGTERM as soon as it handles them. They wait until then, where Python
            itself would answer with a traceback.
    """
    if context.launch_configurations.get("launch-prefix"):
        return {}
    wrappers = [_DIES_WITH_PARENT, _BLOCKED] if unblocks else [_DIES_WITH_PARENT]
    words = [word for wrapper in wrappers if _runs([*wrapper, "true"]) for word in wrapper]
    return {"prefix": " ".join(words)} if words else {}


def _runs(command: list[str]) -> bool:
    try:
        return subprocess.run(command, capture_output=True).returncode == 0
    except FileNotFoundError:
        return False


def params_file(context: LaunchContext) -> Path:
    """The file of the argument params_file.

    Raises:
        RuntimeError: it is not a file; launch itself would only warn, and the node would start with its defaults.
    """
    path = Path(LaunchConfiguration("params_file").perform(context)).expanduser()
    if not path.is_file():
        raise RuntimeError(f"params_file is {path.absolute()}, which is not a file; pass a YAML file")
    return path


def check_start(context: LaunchContext) -> None:
    """Whether the perception node, and RViz if it is asked for, can be started with the arguments.

    To be called before anything is started: launch can leave behind what it has just started when an error comes.

    Raises:
        RuntimeError: a file or a program is missing.
        ParameterError: an argument has a value that it cannot have.
    """
    params_file(context)
    typed_parameters(context, PARAMETERS.keys() & context.launch_configurations.keys())
    flags = {n: flag(context, n) for n in ("use_sim_time", "respawn", "rviz") if n in context.launch_configurations}
    require_program(context, "metrichmsr_ros", PROGRAM, "build the workspace and source its setup.bash")
    if flags.get("rviz"):
        require_program(context, "rviz2", "rviz2", "install ros-$ROS_DISTRO-rviz2, or set rviz:=false")


def require_package(package: str, remedy: str) -> None:
    """Raise an error before anything is started, where a package is not installed.

    Raises:
        RuntimeError: it is not; the message ends with `remedy`.
    """
    try:
        get_package_prefix(package)
    except PackageNotFoundError:
        raise RuntimeError(f"the package {package} is not installed: {remedy}") from None


def require_program(context: LaunchContext, package: str, program: str, remedy: str) -> None:
    """The same, where a program of a package is not installed.

    Raises:
        RuntimeError: it is not; the message ends with `remedy`.
    """
    require_package(package, remedy)
    try:
        ExecutableInPackage(executable=program, package=package).perform(context)
    except SubstitutionFailure:
        raise RuntimeError(f"the package {package} has no program {program}: {remedy}") from None
