"""Provenance of a result: code, versions, machine, weights and configuration."""

from __future__ import annotations

import hashlib
import os
import platform
from dataclasses import asdict, is_dataclass
from functools import lru_cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

_PACKAGES = ("numpy", "torch", "opencv-python-headless", "onnxruntime", "rosbags", "scipy")


@lru_cache(maxsize=1)
def code_hash() -> str:
    """Hex sha256 over this package's modules, page templates and weights; more exact than a version number."""
    package = Path(__file__).parents[1]
    sha = hashlib.sha256()
    files = [file for kind in ("*.py", "*.j2", "*.css") for file in package.rglob(kind)]
    files += package.glob("assets/*.safetensors")
    for path in sorted(file for file in files if file.is_file()):  # a workspace of symbolic links may have dead ones
        sha.update(path.relative_to(package).as_posix().encode() + path.read_bytes())
    return sha.hexdigest()


def model_config(engine: Any) -> dict[str, Any]:
    """The network's configuration; empty if it has none."""
    config = getattr(engine, "config", None)
    return asdict(config) if is_dataclass(config) and not isinstance(config, type) else {}


def versions() -> dict[str, str]:
    """Versions of this package, Python and the packages that affect the estimates."""
    found = {"python": platform.python_version()}
    for name in ("metrichmsr-ros", *_PACKAGES):
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "not installed"
    return found


def machine() -> dict[str, str | int]:
    """Processor, cores available to this process, and operating system."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else (os.cpu_count() or 1)
    return {"processor": _processor(), "cores": cores, "system": platform.platform(terse=True)}


def _processor() -> str:
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.is_file():
        for line in cpuinfo.read_text(encoding="utf-8", errors="replace").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()
