"""When stamps begin anew."""

from __future__ import annotations

JUMP_BACK_S = 1.0
"""Stamps that jump back by more begin anew, as where a bag loops; by less, something only came late."""
