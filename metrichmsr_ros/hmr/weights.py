"""Weights files of the network by path or preset, and what their headers say."""

from __future__ import annotations

from pathlib import Path

from metrichmsr_ros.assets import AssetError, asset_path
from metrichmsr_ros.hmr.config import ModelConfig
from metrichmsr_ros.runtime.weights_file import WeightsFileError, WeightsHeader

FORMAT = "metrichmsr-1"


def weights_path(path_or_preset: str | Path, setting: str = "preset") -> Path:
    """The weights file of a preset, or the path itself.

    Args:
        path_or_preset: what the user gave.
        setting: as what, for the error.

    Raises:
        WeightsFileError: neither a file nor a preset with shipped weights.
    """
    path = Path(path_or_preset)
    if path.is_file():
        return path
    try:
        return asset_path(f"{path_or_preset}.safetensors")
    except AssetError:
        wrong = "is a folder" if path.is_dir() else "does not exist"
        raise WeightsFileError(
            f"{setting} is '{path_or_preset}', which {wrong}: neither a file nor a preset with shipped weights; give "
            "'embedded', or the path of a .safetensors file that `metrichmsr train human` or `train pixels` wrote"
        ) from None


def config_in(weights: WeightsHeader) -> ModelConfig:
    """The network's configuration in its weights file.

    Raises:
        WeightsFileError: of another network, its configuration cannot be read, or names weights elsewhere.
    """
    config = weights.config(ModelConfig, FORMAT, "a weights file of metrichmsr's network")
    elsewhere = config.image_encoder.weights or config.ray_encoder.weights
    if elsewhere:
        raise WeightsFileError(
            f"{weights.path}: its configuration names weights elsewhere, {elsewhere[:80]!r}, which are not read; save "
            "the network with its own weights alone"
        )
    return config


def read_metadata(path: str | Path) -> dict[str, str]:
    """The header of a weights file: format, config and the saved metadata. Raises WeightsFileError if unreadable."""
    return dict(WeightsHeader.read(path).metadata)
