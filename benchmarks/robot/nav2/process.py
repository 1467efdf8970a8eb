"""The program `nav2_costmap_2d` of an installed Nav2, in a process of its own."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import IO

PACKAGE = "nav2_costmap_2d"
NO_NAV2 = f"Nav2's costmap is not installed: no prefix in AMENT_PREFIX_PATH has the package {PACKAGE}"
NAME, NAMESPACE = "local_costmap", "/local_costmap"  # as Nav2's controller server calls its costmap
SAMPLE = Path(__file__).resolve().parents[3] / "config" / "nav2" / "people_costmap.yaml"
ROBOT = Path(__file__).resolve().parent / "robot.yaml"


@dataclass(frozen=True)
class InstalledCostmap:
    """A program and the version of its package."""

    program: Path
    version: str


def installed_costmap() -> InstalledCostmap | None:
    """The program of the first prefix in `AMENT_PREFIX_PATH` that has Nav2's costmap; None if there is none."""
    for prefix in map(Path, filter(None, os.environ.get("AMENT_PREFIX_PATH", "").split(os.pathsep))):
        program = prefix / "lib" / PACKAGE / PACKAGE
        if (prefix / "share" / "ament_index" / "resource_index" / "packages" / PACKAGE).exists() and program.exists():
            package = (prefix / "share" / PACKAGE / "package.xml").read_text()
            version = re.search(r"<version>\s*(.*?)\s*</version>", package)
            return InstalledCostmap(program, version[1] if version else "unknown")
    return None


class CostmapProcess:
    """A running local costmap, unconfigured at first; a context manager that ends it.

    Args:
        installed: the program.
        parameter_files: the later ones override the earlier ones.
        domain: ROS domain.
        output: gets what the program writes.
    """

    def __init__(
        self, installed: InstalledCostmap, parameter_files: Sequence[Path], domain: int, output: IO[str]
    ) -> None:
        words = [str(installed.program), "--ros-args", "-r", f"__node:={NAME}", "-r", f"__ns:={NAMESPACE}"]
        for path in parameter_files:
            words += ["--params-file", str(path)]
        environment = os.environ | {"ROS_DOMAIN_ID": str(domain)}
        self._process = subprocess.Popen(words, env=environment, stdout=output, stderr=subprocess.STDOUT)

    def __enter__(self) -> CostmapProcess:
        """Itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End the program."""
        self._process.kill()
        self._process.wait()

    def is_running(self) -> bool:
        """Whether the program has not ended by itself."""
        return self._process.poll() is None
