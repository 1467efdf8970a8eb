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
