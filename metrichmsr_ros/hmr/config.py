"""Configuration of MetricHMR: frozen dataclasses, one YAML file per preset, unknown keys are errors.

The same dataclasses describe the paper's model, every row of its ablation table and the embedded default; a
checkpoint carries its own configuration as JSON, so weights and configuration cannot drift apart.
"""

from __future__ import annotations

import dataclasses
import difflib
import types
import typing
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, TypeVar

import yaml

from metrichmsr_ros.errors import MetricHMRError

T = TypeVar("T")


class ConfigError(MetricHMRError, ValueError):
    """A configuration names an unknown key or gives a value of the wrong kind."""


@dataclass(frozen=True)
class ImageEncoderConfig:
    """What turns a person's crop into image tokens.

    `blazepose` makes one token per BlazePose landmark (39) and `summary_tokens` dense ones; with `reads_heavy` it has
    maps of its own for what BlazePose's heavier landmark network says, else it may not be shown that. `vitpose` runs
    `VitPoseBackbone` of transformers from `weights` (hub id or local folder) or, when `weights` is empty, from the
    architecture numbers below with random parameters; `dataset_index` is required by the "plus" models alone.
    """

    kind: Literal["blazepose", "vitpose"] = "blazepose"
    summary_tokens: int = 4
    reads_heavy: bool = False
    weights: str = ""
    crop_size: tuple[int, int] = (256, 256)  # width, height in pixels
    hidden_size: int = 768
    layers: int = 12
    heads: int = 12
    dataset_index: int | None = None
    frozen: bool = False


@dataclass(frozen=True)
class RayEncoderConfig:
    """What turns the bounding camera ray map into ray tokens.

    `sampled` takes rays at the landmarks and on a `grid` x `grid` raster, `rays_per_token` of them to a token; `vit`
    is a Vision Transformer over the whole 3-channel map, resized to `image_size` (width, height) by evaluating K' at
    that size.
    """

    kind: Literal["sampled", "vit"] = "sampled"
    grid: int = 4
    rays_per_token: int = 4
    image_size: tuple[int, int] = (224, 224)
    patch_size: int = 16
    hidden_size: int = 1024
    layers: int = 24
    heads: int = 16
    weights: str = ""


@dataclass(frozen=True)
class MoEConfig:
    """HumanMoE: Patch MoE blocks over all tokens, then Global MoE blocks over aggregated global tokens."""

    width: int = 128
    heads: int = 4
    patch_layers: int = 3
    global_layers: int = 2
    global_tokens: int = 8
    routed_experts: int = 4
    shared_expert: bool = True
    slots_per_expert: int = 4
    expert_ratio: int = 2  # hidden width of one expert over `width`
    dropout: float = 0.0


@dataclass(frozen=True)
class HeadConfig:
    """The three MLP heads. See docs/decisions.md for what each choice was measured to bring."""

    hidden: int = 512
    translation: Literal["direct", "crop_ray"] = "crop_ray"
    orientation_frame: Literal["camera", "crop"] = "crop"


@dataclass(frozen=True)
class ModelConfig:
    """One MetricHMR network."""

    preset: str = "embedded"
    body: str = "open_light"  # the body whose betas are regressed; see body.model.load_body
    conditioning: Literal["none", "cliff", "ray_map"] = "ray_map"
    image_encoder: ImageEncoderConfig = field(default_factory=ImageEncoderConfig)
    ray_encoder: RayEncoderConfig = field(default_factory=RayEncoderConfig)
    moe: MoEConfig = field(default_factory=MoEConfig)
    head: HeadConfig = field(default_factory=HeadConfig)

    def __post_init__(self) -> None:
        """Refuses combinations that cannot work."""
        if self.moe.patch_layers + self.moe.global_layers < 1:
            raise ConfigError("moe: patch_layers and global_layers are both 0; keep at least one")
        if self.moe.routed_experts == 0 and not self.moe.shared_expert:
            raise ConfigError("moe: no routed and no shared expert leaves image tokens without any; keep one")
        if self.moe.width % self.moe.heads:
            raise ConfigError(f"moe: width {self.moe.width} is not a multiple of heads {self.moe.heads}")
        sampled = self.conditioning == "ray_map" and self.ray_encoder.kind == "sampled"
        if sampled and self.image_encoder.kind != "blazepose":
            raise ConfigError("ray_encoder: 'sampled' needs BlazePose landmarks; use kind: vit")


def build(cls: type[T], values: Mapping[str, Any], where: str = "") -> T:
    """Builds the frozen dataclass `cls` from a mapping, recursively; `where` is the path named in errors.

    Raises ConfigError on an unknown key (naming the nearest one) or on a value of the wrong kind.
    """
    if not isinstance(values, Mapping):
        raise ConfigError(f"{where or cls.__name__}: expected a mapping of keys, got {values!r}")
    hints = typing.get_type_hints(cls)
    known = [f.name for f in dataclasses.fields(cls)]  # type: ignore[arg-type]
    arguments = {}
    for key, value in values.items():
        path = f"{where}.{key}" if where else str(key)
        if key not in known:
            near = difflib.get_close_matches(str(key), known, n=1)
            hint = f"did you mean {near[0]!r}?" if near else f"known: {known}"
            raise ConfigError(f"{path}: unknown key; {hint}")
        arguments[key] = _convert(hints[key], value, path)
    try:
        return cls(**arguments)
    except ConfigError as error:
        raise ConfigError(f"{where}.{error}" if where else str(error)) from None
    except TypeError as error:
        raise ConfigError(f"{where or cls.__name__}: {error}") from None


def _convert(kind: Any, value: Any, path: str) -> Any:
    origin, args = typing.get_origin(kind), typing.get_args(kind)
    if dataclasses.is_dataclass(kind):
        return build(typing.cast(type, kind), value, path)
    if origin is Literal:
        if value not in args:
            raise ConfigError(f"{path}: {value!r} is not one of {list(args)}")
        return value
    if origin in (typing.Union, types.UnionType):
        return None if value is None else _convert(next(a for a in args if a is not type(None)), value, path)
    if origin is tuple:
        if not isinstance(value, (list, tuple)) or (args[-1] is not Ellipsis and len(value) != len(args)):
            raise ConfigError(f"{path}: expected a list of {len(args)} values, got {value!r}")
        return tuple(_convert(args[0], item, f"{path}[{i}]") for i, item in enumerate(value))
    if kind is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
        raise ConfigError(f"{path}: expected {kind.__name__}, got {value!r}")
    return value


def load_config(cls: type[T], path: str | Path) -> T:
    """Reads the YAML file `path` into the dataclass `cls`; ConfigError names the file and the key."""
    path = Path(path)
    try:
        values = yaml.safe_load(path.read_text())
    except FileNotFoundError:
        raise ConfigError(f"{path}: no such configuration file") from None
    except yaml.YAMLError as error:
        raise ConfigError(f"{path}: not valid YAML: {error}") from None
    try:
        return build(cls, values or {})
    except ConfigError as error:
        raise ConfigError(f"{path}: {error}") from None


def to_mapping(config: Any) -> dict[str, Any]:
    """A dataclass configuration as plain nested values (for JSON or YAML); `build` reads it back."""
    return dataclasses.asdict(config)
