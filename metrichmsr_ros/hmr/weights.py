"""Weights files by path or preset, and what their headers say."""

from __future__ import annotations

from pathlib import Path

from metrichmsr_ros.assets import AssetError, asset_path
from metrichmsr_ros.errors import MetricHMRError
from metrichmsr_ros.runtime.weights_file import WeightsFileError, WeightsHeader


class CheckpointError(MetricHMRError, ValueError):
    """A weights file is missing, is not a safetensors file, or does not fit its configuration."""


def weights_path(path_or_preset: str | Path) -> Path:
    """The weights file of a preset, or the path itself.

    Raises:
        CheckpointError: neither a file nor a preset with shipped weights.
    """
    path = Path(path_or_preset)
    if path.suffix == ".safetensors" or path.exists():
        return path
    try:
        return asset_path(f"{path_or_preset}.safetensors")
    except AssetError:
        raise CheckpointError(
            f"{path_or_preset!r} is neither a file nor a preset with shipped weights; "
            "pass a .safetensors file written by `metrichmsr train human`"
        ) from None


def read_metadata(path: str | Path) -> dict[str, str]:
    """The header of a weights file: format, config and the saved metadata. Raises CheckpointError if unreadable."""
    try:
        return dict(WeightsHeader.read(path).metadata)
    except WeightsFileError as error:
        raise CheckpointError(str(error)) from None
