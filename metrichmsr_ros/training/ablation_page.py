"""What ablations of all networks share: rows that change a few keys, cells of a table, and the page with the table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from metrichmsr_ros.io.whole_files import write_whole


def with_changes(values: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """`values` with the keys of `changes` replaced; mappings inside are changed key by key."""
    changed = dict(values)
    for key, value in changes.items():
        changed[key] = changed[key] | value if isinstance(value, Mapping) else value
    return changed


def cell(values: Sequence[float], digits: int) -> str:
    """Mean over seeds ± half the range."""
    return f"{np.mean(values):.{digits}f} ± {np.ptp(values) / 2:.{digits}f}"


def write_page(path: Path, title: str, table: str) -> None:
    """Writes title and table; the text that a page has from its first second-level heading on is kept."""
    _, heading, text = path.read_text(encoding="utf-8").partition("\n## ") if path.exists() else ("", "", "")
    write_whole(path, f"# {title}\n\n{table}{heading}{text}")
