"""When stamps begin anew, and how far apart two are in words."""

from __future__ import annotations

JUMP_BACK_S = 1.0
"""Stamps that jump back by more begin anew, as where a bag loops; by less, something only came late."""


def older_or_newer(behind_s: float, digits: int = 2) -> str:
    """How much older, or newer, something is that is `behind_s` seconds behind, e.g. `0.63 s older`."""
    return f"{abs(behind_s):.{digits}f} s {'older' if behind_s > 0 else 'newer'}"
