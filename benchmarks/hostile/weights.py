"""Weights files whose headers, configurations or values are made to hurt."""

from __future__ import annotations

import json
import struct
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import load_file, save_file

from benchmarks.hostile.case import Case, file_of, sparse_file
from metrichmsr_ros.assets import asset_path
from metrichmsr_ros.hmr.network.checkpoint import load_model
from metrichmsr_ros.hmr.weights import FORMAT, read_metadata


def header(entries: Any, content: bytes = b"") -> bytes:
    """A safetensors file with this header."""
    text = entries if isinstance(entries, bytes) else json.dumps(entries).encode()
    return struct.pack("<Q", len(text)) + text + content


def configured(**changed: Any) -> bytes:
    """The shipped network's configuration with changes, such as moe={"width": 3}, and one tensor."""
    config = json.loads(read_metadata(asset_path("embedded.safetensors"))["config"])
    for name, value in changed.items():
        config[name] = {**config[name], **value} if isinstance(value, dict) else value
    about = {"format": FORMAT, "config": json.dumps(config)}
    return header({"__metadata__": about, "a": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}}, bytes(4))


def one(shape: list[int], offsets: list[int], dtype: str = "F32") -> bytes:
    """One tensor of this place and shape."""
    return header({"a": {"dtype": dtype, "shape": shape, "data_offsets": offsets}}, bytes(64))


WEIGHTS: Mapping[str, bytes | Callable[[], bytes]] = {
    "a header of 2**60 bytes": struct.pack("<Q", 2**60) + b"{}",
    "a header of 2**63 bytes": struct.pack("<Q", 2**63) + b"{}",
    "a header nested 100,000 times": header(b"[" * 100_000),
    "a header of a million lists": header(b"[" + b"[]," * 1_000_000 + b"[]]"),
    "a number of 100,000 digits": header(b'{"a": ' + b"9" * 100_000 + b"}"),
    "an offset of infinity": header(b'{"a": {"dtype": "F32", "shape": [1], "data_offsets": [0, 1e999]}}'),
    "a negative place": one([1], [-8, -4]),
    "an end before its beginning": one([1], [8, 4]),
    "a shape of a terabyte": one([2**38], [0, 64]),
    "a negative shape": one([-4, -4], [0, 64]),
    "a tensor beyond the end": one([2**38], [0, 2**40]),
    "ten million layers": lambda: configured(moe={"patch_layers": 10_000_000}),
    "a width of 40,000": lambda: configured(moe={"width": 40_000}),
    "a width of 8192, which no tensor has": lambda: configured(moe={"width": 8192, "patch_layers": 64}),
    "no heads": lambda: configured(moe={"heads": 0}),
    "minus four layers": lambda: configured(moe={"patch_layers": -4}),
    "a dropout of NaN": lambda: configured(moe={"dropout": float("nan")}),
    "an unknown key of a megabyte": lambda: configured(x="y" * 10, **{"k" * 2**20: 1}),
    "weights from elsewhere": lambda: configured(image_encoder={"kind": "vitpose", "weights": "/etc"}),
    "another configuration": lambda: configured(body="/etc/passwd"),
    "nothing": b"",
}


def cases() -> list[Case]:
    """Weights of the network, as `--preset FILE` reads them with torch."""
    made = [
        Case(f"weights: {name}", file_of("w.safetensors", content), load_model) for name, content in WEIGHTS.items()
    ]
    return [
        *made,
        Case("weights: NaN", lambda folder: changed(folder, _with_nan), load_model),
        Case("weights: half of the shipped file", _cut, load_model),
        Case("weights: 64 GiB of zeros", lambda folder: sparse_file(folder / "w.safetensors", 2**36), load_model),
    ]


def changed(folder: Path, change: Callable[[dict[str, Any]], None]) -> Path:
    """The shipped weights after `change`."""
    source, path = asset_path("embedded.safetensors"), folder / "w.safetensors"
    tensors = load_file(source)
    change(tensors)
    save_file(tensors, path, metadata=read_metadata(source))
    return path


def _with_nan(tensors: dict[str, Any]) -> None:
    name = sorted(tensors)[0]
    values = np.array(tensors[name])
    values.reshape(-1)[-1] = np.nan
    tensors[name] = values


def _cut(folder: Path) -> Path:
    content, path = asset_path("embedded.safetensors").read_bytes(), folder / "w.safetensors"
    path.write_bytes(content[: len(content) // 2])
    return path
