"""Configuration of MetricHMR: frozen dataclasses, one YAML file per preset, unknown keys are errors.

The same dataclasses describe the paper's model, every row of its ablation table and the embedded default; a
checkpoint includes its configuration as JSON, so weights and configuration stay consistent.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from metrichmsr_ros.acceleration.execution import ExecutionError, Precision
from metrichmsr_ros.config import ConfigError, check_ranges

_SIZES = (1, 8192)  # several times the paper's; a weights file may state any
_COUNTS = (1, 256)
_SOME_OR_NONE = (0, 256)


@dataclass(frozen=True)
class ImageEncoderConfig:
    """The encoder of a person's crop to image tokens.

    `blazepose` makes one token per BlazePose landmark (39) and `summary_tokens` dense ones; with `reads_heavy` it has
    separate weights for landmarks of BlazePose's heavy landmark network, else it rejects them. `blazepose_pixels` is
    the same, and a second branch estimates position and shape from maps of BlazePose's trunk too
    (hmr/network/pixels/branch.py). `vitpose` runs `VitPoseBackbone` of transformers from `weights` (hub id or local
    folder) or, if `weights` is empty, with the architecture below and random parameters; only the "plus"
    models need `dataset_index`.
    """

    kind: Literal["blazepose", "blazepose_pixels", "vitpose"] = "blazepose"
    summary_tokens: int = 4
    reads_heavy: bool = False
    weights: str = ""
    crop_size: tuple[int, int] = (256, 256)  # width, height in pixels
    hidden_size: int = 768
    layers: int = 12
    heads: int = 12
    dataset_index: int | None = None
    frozen: bool = False

    def __post_init__(self) -> None:
        """Reject sizes out of range with a ConfigError."""
        check_ranges(self, hidden_size=_SIZES, crop_size=_SIZES, layers=_COUNTS, heads=_COUNTS)
        check_ranges(self, summary_tokens=_SOME_OR_NONE, dataset_index=(0, 5))

    @property
    def reads_landmarks(self) -> bool:
        """Whether the tokens are made of BlazePose's landmarks."""
        return self.kind != "vitpose"

    @property
    def reads_maps(self) -> bool:
        """Whether a branch of the network reads maps of BlazePose's trunk."""
        return self.kind == "blazepose_pixels"


@dataclass(frozen=True)
class RayEncoderConfig:
    """The encoder of the bounding camera ray map to ray tokens.

    `sampled` takes rays at the landmarks and on a `grid` x `grid` raster, `rays_per_token` of them per token; `vit`
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

    def __post_init__(self) -> None:
        """Reject sizes out of range with a ConfigError."""
        check_ranges(self, hidden_size=_SIZES, image_size=_SIZES, layers=_COUNTS, heads=_COUNTS)
        check_ranges(self, grid=(1, 64), rays_per_token=_SIZES, patch_size=_COUNTS)


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
    expert_ratio: int = 2  # hidden width of one expert divided by `width`
    dropout: float = 0.0

    def __post_init__(self) -> None:
        """Reject sizes out of range with a ConfigError."""
        check_ranges(self, width=_SIZES, heads=_COUNTS, patch_layers=_SOME_OR_NONE, global_layers=_SOME_OR_NONE)
        check_ranges(self, global_tokens=_COUNTS, routed_experts=_SOME_OR_NONE, slots_per_expert=_COUNTS)
        check_ranges(self, expert_ratio=(1, 64), dropout=(0.0, 1.0))


@dataclass(frozen=True)
class PixelPositionConfig:
    """The second branch of `image_encoder.kind: blazepose_pixels`.

    Attributes:
        width, layers, heads: of the transformer.
        correlation: of its error of the distance with the landmarks' error: nobody's true height is known.
        blind_share: weight, 0 to 1, of a second look at the same person without the pixels, to which training accustoms
            the branch. Pixels of drawn people promise more than those of real ones hold. Above 0, the pixels of people
            whose feet lie outside the image do not count at all.
        reads: which tokens of people it reads.
        conditioning: what it knows of the camera: nothing, CLIFF's vector, or rays. The geometry of the output knows
            the camera in any case.
        mixer: a transformer over all tokens, or HumanMoE with the configuration `moe`, whose image tokens are those of
            landmarks and pixels and whose ray tokens are the camera's.
    """

    width: int = 160
    layers: int = 3
    heads: int = 4
    correlation: float = 0.74
    blind_share: float = 0.0
    reads: Literal["both", "landmarks", "pixels"] = "both"
    conditioning: Literal["none", "cliff", "ray_map"] = "ray_map"
    mixer: Literal["transformer", "human_moe"] = "transformer"
    moe: MoEConfig = field(default_factory=MoEConfig)

    def __post_init__(self) -> None:
        """Reject sizes out of range with a ConfigError."""
        check_ranges(self, width=_SIZES, layers=_COUNTS, heads=_COUNTS, correlation=(-1.0, 1.0), blind_share=(0.0, 1.0))
        if self.blind_share and self.reads != "both":
            raise ConfigError(
                f"blind_share is {self.blind_share:g}, but reads is '{self.reads}'; set blind_share: 0 or reads: both"
            )

    @property
    def token_width(self) -> int:
        """Features of a token."""
        return self.width if self.mixer == "transformer" else self.moe.width


@dataclass(frozen=True)
class HeadConfig:
    """The three MLP heads. See docs/explanation/decisions.md for the measured effect of each choice."""

    hidden: int = 512
    translation: Literal["direct", "crop_ray"] = "crop_ray"
    orientation_frame: Literal["camera", "crop"] = "crop"

    def __post_init__(self) -> None:
        """Reject sizes out of range with a ConfigError."""
        check_ranges(self, hidden=_SIZES)


@dataclass(frozen=True)
class ModelConfig:
    """One MetricHMR network."""

    preset: str = "embedded"
    body: str = "open_light"  # the body whose betas are regressed; see body.load.load_body
    conditioning: Literal["none", "cliff", "ray_map"] = "ray_map"
    image_encoder: ImageEncoderConfig = field(default_factory=ImageEncoderConfig)
    ray_encoder: RayEncoderConfig = field(default_factory=RayEncoderConfig)
    moe: MoEConfig = field(default_factory=MoEConfig)
    head: HeadConfig = field(default_factory=HeadConfig)
    pixel_position: PixelPositionConfig = field(default_factory=PixelPositionConfig)

    def __post_init__(self) -> None:
        """Reject contradictory combinations with a ConfigError."""
        if self.moe.patch_layers + self.moe.global_layers < 1:
            raise ConfigError("moe: patch_layers and global_layers are both 0; keep at least one")
        if self.moe.routed_experts == 0 and not self.moe.shared_expert:
            raise ConfigError(
                "moe: image tokens need an expert, but routed_experts is 0 and shared_expert is false; keep one"
            )
        if self.moe.width % self.moe.heads:
            raise ConfigError(f"moe: width {self.moe.width} is not a multiple of heads {self.moe.heads}")
        sampled = self.conditioning == "ray_map" and self.ray_encoder.kind == "sampled"
        if sampled and not self.image_encoder.reads_landmarks:
            raise ConfigError("ray_encoder: 'sampled' needs BlazePose landmarks; use kind: vit")


def check_precision(config: ModelConfig, precision: Precision) -> None:
    """Reject half precision for networks over landmarks.

    Raises:
        ExecutionError: names the setting and the preset.
    """
    if precision != "float32" and config.image_encoder.reads_landmarks:
        raise ExecutionError(
            f"precision is {precision!r}, but the network of preset {config.preset!r} reads landmarks and runs in "
            "float32 alone: set precision to float32, or choose a preset with a Vision Transformer"
        )
