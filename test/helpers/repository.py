"""Where this repository's folders are, for tests that read its files or start processes."""

from __future__ import annotations

import os
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
TESTS = ROOT / "test"


def environment(**more: str) -> dict[str, str]:
    """Variables of a Python process that imports this package and `helpers`."""
    folders = [str(ROOT), str(TESTS), os.environ.get("PYTHONPATH", "")]
    return os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, folders)), **more}


def clean_environment(**changes: str) -> dict[str, str]:
    """Variables of a process that finds no package beyond those installed for its own Python."""
    hidden = ("PYTHONPATH", "PYTHONHOME", "_ROS_WHEELS_BOOTSTRAP_COMPLETE", "LD_LIBRARY_PATH")
    return {name: value for name, value in os.environ.items() if name not in hidden} | changes
