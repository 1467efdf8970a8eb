"""Load a body model by name."""

from __future__ import annotations

from pathlib import Path

from metrichmsr_ros.body.base import BodyModel
from metrichmsr_ros.body.engine import BodyError
from metrichmsr_ros.body.open_body import OpenBody
from metrichmsr_ros.body.smpl import SmplBody


def load_body(spec: str) -> BodyModel:
    """Load a body model: "open" (12,272 vertices), "open_light" (1,229) or "smpl:/path/to/model.npz|pkl".

    Raises:
        BodyError: unknown spec, or the file is not a body model.
        BodyFileError: the SMPL file does not exist.
        MissingPackageError: SMPL is requested and `smplx` is not installed; names the extra to install.
    """
    if spec in ("open", "open_light"):
        return OpenBody.load(spec)
    kind, _, path = spec.partition(":")
    if kind == "smpl" and path:
        return SmplBody(Path(path).expanduser())
    raise BodyError(f"body: unknown model {spec!r}; use 'open', 'open_light' or 'smpl:/path/to/SMPL_NEUTRAL.npz'")
