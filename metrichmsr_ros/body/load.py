"""Load a body model by name."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from metrichmsr_ros.body.engine import BodyEngine, BodyError
from metrichmsr_ros.body.onnx_engine import OnnxBody
from metrichmsr_ros.body.open_tables import FILES
from metrichmsr_ros.errors import MissingPackageError
from metrichmsr_ros.io.devices import checked_device, in_place_of
from metrichmsr_ros.runtime.providers import lack_of, providers_of

if TYPE_CHECKING:
    from metrichmsr_ros.body.base import BodyModel


def load_body(spec: str) -> BodyModel:
    """Load a body model in torch: "open" (12,272 vertices), "open_light" (1,229) or "smpl:/path/to/model.npz|pkl".

    Raises:
        BodyError: unknown spec, or the file is not a body model.
        BodyFileError: the SMPL file does not exist.
        MissingPackageError: torch, or for SMPL `smplx`, is not installed; names the extra to install.
    """
    kind, _, path = spec.partition(":")
    try:
        if spec in FILES:
            from metrichmsr_ros.body.open_body import OpenBody

            return OpenBody.load(spec)
        if kind == "smpl" and path:
            from metrichmsr_ros.body.smpl import SmplBody

            return SmplBody(Path(path).expanduser())
    except ModuleNotFoundError as error:
        raise MissingPackageError(
            f"body {spec} in torch needs {error.name}: pip install 'metrichmsr_ros[train]'. Without it, "
            "`load_body_engine` poses the open bodies on the CPU"
        ) from error
    raise BodyError(f"body: unknown model {spec!r}; use 'open', 'open_light' or 'smpl:/path/to/SMPL_NEUTRAL.npz'")


def load_body_engine(spec: str, device: str = "cpu", num_threads: int = 1) -> BodyEngine:
    """Load what poses the body model `spec` of `load_body`; errors as there.

    Open bodies run in ONNX Runtime where it has the device, others in torch.

    Args:
        spec: as for `load_body`.
        device: see `providers_of`; others are torch's.
        num_threads: CPU threads of ONNX Runtime.
    """
    if spec in FILES and (providers := providers_of(device)):
        return OnnxBody(spec, num_threads, providers)
    model = load_body(spec)
    from metrichmsr_ros.body.torch_engine import TorchBody

    with in_place_of(lack_of(device) if spec in FILES else ""):
        checked_device(device)
    return TorchBody(model.to(device).eval(), device)
