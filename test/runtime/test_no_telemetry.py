"""The inference engine leaves nothing in the user's home, e.g. no device id for telemetry."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path


def test_importing_the_engine_writes_nothing_at_home(tmp_path: Path) -> None:
    environment = {**os.environ, "HOME": str(tmp_path), "XDG_CACHE_HOME": str(tmp_path / "cache")}
    code = "import onnxruntime; onnxruntime.get_available_providers(); print(onnxruntime.__version__)"
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    assert not done.stderr
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []
