"""The tables of a body model that formats with a skeleton or a mesh need, as float64 arrays."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from metrichmsr_ros.body.load import load_body
from metrichmsr_ros.body.open_tables import FILES, OpenTables
from metrichmsr_ros.conversion.recording import ConvertError, SourceRecording
from metrichmsr_ros.types import Float64Array


@dataclass(frozen=True, eq=False)
class Skin:
    """A body at rest.

    Attributes:
        name: "open", "open_light" or "smpl".
        template: (V, 3) m. directions: (V, 3, 10) m per unit of betas.
        weights: (V, 24) of linear blend skinning.
        joint_template, joint_directions: (24, 3) and (24, 3, 10).
        faces: (F, 3).
    """

    name: str
    template: Float64Array
    directions: Float64Array
    weights: Float64Array
    joint_template: Float64Array
    joint_directions: Float64Array
    faces: NDArray[np.int64]

    def shaped(self, betas: Float64Array) -> Float64Array:
        """The mesh (V, 3) of betas (10,) at rest, m."""
        mesh: Float64Array = self.template + self.directions @ betas
        return mesh

    def rest_joints(self, betas: Float64Array) -> Float64Array:
        """The joints (24, 3) of betas (10,) at rest, m."""
        joints: Float64Array = self.joint_template + self.joint_directions @ betas
        return joints


def body_spec(recording: SourceRecording, body: str | None) -> str:
    """The body model to load for a recording: what the user named, or what its files say.

    Raises:
        ConvertError: neither says it, both differ, or it is SMPL, whose file only the user has.
    """
    spec = body or recording.body
    if not spec:
        raise ConvertError(f"{recording.source} does not say which body model it is of; give --body open or smpl:PATH")
    if body and recording.body and (body in FILES) != (recording.body in FILES):
        raise ConvertError(
            f"--body {body}: the shapes of {recording.source} are of the body '{recording.body}'; betas of the open "
            "body and of SMPL are not the same numbers"
        )
    if spec == "smpl":
        raise ConvertError(f"{recording.source} is of SMPL; give your own file: --body smpl:/path/SMPL_NEUTRAL.npz")
    return spec


def load_skin(spec: str) -> Skin:
    """Tables of "open", "open_light" or "smpl:PATH". Errors as `load_body`."""
    if spec in FILES:
        t = OpenTables.load(spec)
        joints = (t.joint_template, t.joint_directions)
        return Skin(t.name, t.template, t.directions, t.weights, *joints, t.faces)
    model = load_body(spec)
    smpl: Any = model.smpl
    return Skin(
        name="smpl",
        template=_float64(smpl.v_template),
        directions=_float64(smpl.shapedirs),
        weights=_float64(smpl.lbs_weights),
        joint_template=_float64(model.joint_template),
        joint_directions=_float64(model.joint_directions),
        faces=model.faces.numpy(),
    )


def _float64(tensor: Any) -> Float64Array:
    return np.asarray(tensor.numpy(), np.float64)
