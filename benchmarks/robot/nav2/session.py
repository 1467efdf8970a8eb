"""An active costmap with the sample's parameters, and a client that talks with it."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml

from benchmarks.robot.nav2.client import CostmapClient
from benchmarks.robot.nav2.process import ROBOT, SAMPLE, CostmapProcess, InstalledCostmap
from benchmarks.robot.obstacle_layer import LayerConfig
from metrichmsr_ros.types import Float64Array

_TAIL = 4000  # characters of the output in an error


@contextmanager
def active_costmap(
    installed: InstalledCostmap,
    T_world_cam: Float64Array,
    domain: int,
    changed: Mapping[str, Any] | None = None,
) -> Iterator[CostmapClient]:
    """A costmap of its own, which ends with the context.

    Args:
        installed: the program.
        T_world_cam: (4, 4) pose of the camera while it is activated.
        domain: ROS domain.
        changed: parameters that differ from those of the robot and the sample.

    Raises:
        RuntimeError: the program ended, or something did not come within the client's deadline; with the end of what
            the program wrote.
    """
    with tempfile.TemporaryDirectory() as folder:
        overrides, log = Path(folder, "overrides.yaml"), Path(folder, "output.txt")
        named = {"local_costmap": {"local_costmap": {"ros__parameters": dict(changed or {})}}}
        files = [ROBOT, SAMPLE]
        if changed:
            overrides.write_text(yaml.safe_dump(named))
            files.append(overrides)
        with log.open("w") as output, CostmapProcess(installed, files, domain, output) as process:
            client = CostmapClient(domain, LayerConfig(), process.is_running)
            try:
                client.activate(T_world_cam)
                yield client
            except RuntimeError as error:
                raise RuntimeError(f"{error}\n{log.read_text()[-_TAIL:]}") from error
            finally:
                client.close()
