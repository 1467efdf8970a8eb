"""When stamps begin anew, how far apart two are in words, and how much an image adds to the one before it."""

from __future__ import annotations

JUMP_BACK_S = 1.0
"""Stamps that jump back by more begin anew, as where a bag loops; by less, something only came late."""

IMAGE_S = 0.1
"""Images closer in time share their errors, and count less: what is averaged lasts as long at any rate of images."""


def news_share(elapsed_s: float, correlated_s: float = IMAGE_S) -> float:
    """How far an image counts beside one `elapsed_s` seconds before, 0 to 1; errors last for `correlated_s`."""
    return min(max(elapsed_s / correlated_s, 0.0), 1.0)


def older_or_newer(behind_s: float, digits: int = 2) -> str:
    """How much older, or newer, something is that is `behind_s` seconds behind, e.g. `0.63 s older`."""
    return f"{abs(behind_s):.{digits}f} s {'older' if behind_s > 0 else 'newer'}"
