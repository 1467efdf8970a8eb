"""The open body as a graph in ONNX Runtime: what robots run, without torch."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from metrichmsr_ros.assets import asset_path
from metrichmsr_ros.body.engine import NUM_BETAS, PosedBodies
from metrichmsr_ros.body.joints import JOINT_NAMES, NUM_JOINTS, PARENTS
from metrichmsr_ros.body.open_tables import OpenTables
from metrichmsr_ros.runtime.providers import CPU, Providers
from metrichmsr_ros.runtime.session import OnnxNetwork
from metrichmsr_ros.types import AnyArray, Float32Array

GRAPH = "body.onnx"
OF_PEOPLE = ("betas", "rotmats", "transl")
OUTPUTS = ("vertices", "joints", "height")


class OnnxBody:
    """A `BodyEngine`. One graph serves all open bodies, whose tables are among its inputs.

    Args:
        name: "open" or "open_light".
        num_threads: CPU threads of one call.
        providers: what computes; see `providers_of`.

    Raises:
        BodyError: another name.
        AssetError: the package was installed without the body's files.
    """

    joint_names: tuple[str, ...] = JOINT_NAMES
    parents: tuple[int, ...] = PARENTS

    def __init__(self, name: str, num_threads: int = 1, providers: Providers = CPU) -> None:
        tables = OpenTables.load(name)
        self.name: str = tables.name
        self.faces: NDArray[np.int64] = tables.faces
        self.num_vertices: int = len(tables.template)
        self._tables = graph_tables(tables)
        self._network = OnnxNetwork(asset_path(GRAPH), num_threads, providers)

    def posed(self, betas: Float32Array, rotmats: Float32Array, transl: Float32Array) -> PosedBodies:
        """Pose bodies; see `BodyEngine`."""
        return PosedBodies(*self._run(("vertices", "joints"), betas, rotmats, transl))

    def joints(self, betas: Float32Array, rotmats: Float32Array, transl: Float32Array) -> Float32Array:
        """Joints (B, 24, 3) equal to those of `posed`; posing the light body's mesh as well takes no longer."""
        (joints,) = self._run(("joints",), betas, rotmats, transl)
        return joints

    def rest_joints(self, betas: Float32Array) -> Float32Array:
        """Joints (B, 24, 3) of betas (B, 10) in the rest pose, metres."""
        (joints,) = self._run(("joints",), betas, *_rest(len(betas)))
        return joints

    def height(self, betas: Float32Array) -> Float32Array:
        """Standing height (B,) in metres."""
        (height,) = self._run(("height",), betas, *_rest(len(betas)))
        return height

    def _run(self, outputs: tuple[str, ...], *people: Float32Array) -> list[AnyArray]:
        if not len(people[0]):  # ONNX Runtime needs somebody
            return [found[:0] for found in self._run(outputs, np.zeros((1, NUM_BETAS), np.float32), *_rest(1))]
        named = {name: np.ascontiguousarray(array) for name, array in zip(OF_PEOPLE, people, strict=True)}
        return self._network.run(named | self._tables, outputs)


def _rest(count: int) -> tuple[Float32Array, Float32Array]:
    return np.tile(np.eye(3, dtype=np.float32), (count, NUM_JOINTS, 1, 1)), np.zeros((count, 3), np.float32)


def graph_tables(tables: OpenTables) -> dict[str, Float32Array]:
    """The graph's inputs beside those of people: template (V, 3), directions (10, V, 3), weights (V, 24), ..."""
    arrays = {
        "template": tables.template,
        "directions": np.moveaxis(tables.directions, 2, 0),
        "weights": tables.weights,
        "joint_template": tables.joint_template,
        "joint_directions": tables.joint_directions,
    }
    return {name: np.ascontiguousarray(array, np.float32) for name, array in arrays.items()}
