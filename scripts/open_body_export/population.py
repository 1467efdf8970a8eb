"""Draw a population of phenotypes: adults of both sexes with real distributions of height and weight, and children.

The phenotypes of anny are sliders without statistics: uniform values give people of 1.2 to 2.4 m. So heights and
body-mass indices are drawn from population statistics, and the sliders `height` and `weight` are then solved for, for
all bodies in one batch.
"""

from __future__ import annotations

from dataclasses import dataclass

import anny
import numpy as np
import torch
from anny.shape_distribution import SimpleShapeDistribution

FloatArray = np.ndarray

CHILD_SHARE = 0.18
WOMAN_HEIGHT, MAN_HEIGHT = (1.63, 0.065), (1.76, 0.070)  # mean and standard deviation, metres
BMI_LOG_SIGMA, CHILD_BMI_LOG_SIGMA = 0.16, 0.12

# Mean height (m) and median BMI (kg/m^2) by age, rounded from public growth charts.
GROWTH_AGE = np.array([3.0, 5.0, 7.0, 9.0, 11.0, 13.0, 15.0, 17.0])
GROWTH_HEIGHT = {
    "boy": np.array([0.96, 1.10, 1.22, 1.33, 1.43, 1.56, 1.69, 1.75]),
    "girl": np.array([0.95, 1.09, 1.21, 1.33, 1.45, 1.565, 1.615, 1.63]),
}
GROWTH_BMI = np.array([15.7, 15.4, 15.7, 16.6, 17.7, 19.0, 20.3, 21.4])
CHILD_HEIGHT_SPREAD = 0.043  # standard deviation as a share of the mean

# The light mesh of 1,200 vertices lies inside the round body: its volume is too small by this factor.
LIGHT_MESH_VOLUME_GAIN = 1.03
BODY_DENSITY = 1000.0  # kg/m^3


@dataclass(frozen=True)
class Population:
    """One row per body: its target values (years, metres, kg/m^2) and the phenotype sliders that reach them."""

    age: FloatArray  # (N,)
    is_child: FloatArray  # (N,) bool
    is_female: FloatArray  # (N,) bool
    height: FloatArray  # (N,)
    bmi: FloatArray  # (N,)
    phenotypes: dict[str, torch.Tensor]

    def take(self, rows: FloatArray) -> Population:
        """The population of these rows."""
        return Population(
            self.age[rows],
            self.is_child[rows],
            self.is_female[rows],
            self.height[rows],
            self.bmi[rows],
            {name: value[torch.as_tensor(rows)] for name, value in self.phenotypes.items()},
        )


def draw_population(model: anny.Anny, count: int, rng: np.random.Generator) -> Population:
    """`count` bodies with height and BMI within 5 mm and 0.5 kg/m^2 of their targets. `model` may be the light mesh.

    Raises RuntimeError if too few targets could be reached.
    """
    targets = _draw_targets(int(count * 1.3), rng)
    population = _solve_sliders(model, targets, rng)
    height, bmi = measure(model, population.phenotypes)
    reached = (np.abs(height - targets.height) < 0.005) & (np.abs(bmi - targets.bmi) < 0.5)
    rows = np.flatnonzero(reached)[:count]
    if len(rows) < count:
        raise RuntimeError(f"only {len(rows)} of {count} bodies reached their targets; draw more targets")
    return population.take(rows)


def measure(model: anny.Anny, phenotypes: dict[str, torch.Tensor]) -> tuple[FloatArray, FloatArray]:
    """Standing height (N,) in metres and body-mass index (N,) in kg/m^2 of each body, from its mesh."""
    vertices = rest_vertices(model, phenotypes)[0]
    height = vertices[:, :, 2].amax(1) - vertices[:, :, 2].amin(1)
    a, b, c = (vertices[:, model.faces[:, k]] for k in range(3))
    volume = (torch.linalg.cross(a, b) * c).sum((1, 2)).abs() / 6.0 * LIGHT_MESH_VOLUME_GAIN
    return height.numpy().astype(np.float64), (volume * BODY_DENSITY / height**2).numpy().astype(np.float64)


def rest_vertices(model: anny.Anny, phenotypes: dict[str, torch.Tensor]) -> tuple[torch.Tensor, torch.Tensor]:
    """Bodies in anny's rest pose: vertices (N, V, 3) and bone heads (N, bones, 3), z up, metres."""
    count = len(next(iter(phenotypes.values())))
    identity = torch.eye(4).expand(count, model.bone_count, 4, 4)
    with torch.no_grad():
        output = model(pose_parameters=identity, phenotype_kwargs=phenotypes)
    return output["rest_vertices"], output["rest_bone_heads"]


def _draw_targets(count: int, rng: np.random.Generator) -> Population:
    is_child = rng.random(count) < CHILD_SHARE
    is_female = rng.random(count) < 0.5
    age = np.where(is_child, rng.uniform(3.0, 17.0, count), 18.0 + 57.0 * rng.beta(1.2, 1.8, count))
    mean = np.where(is_female, WOMAN_HEIGHT[0], MAN_HEIGHT[0])
    sigma = np.where(is_female, WOMAN_HEIGHT[1], MAN_HEIGHT[1])
    grown = np.where(
        is_female,
        np.interp(age, GROWTH_AGE, GROWTH_HEIGHT["girl"]),
        np.interp(age, GROWTH_AGE, GROWTH_HEIGHT["boy"]),
    )
    mean, sigma = np.where(is_child, grown, mean), np.where(is_child, CHILD_HEIGHT_SPREAD * grown, sigma)
    height = mean + sigma * np.clip(rng.standard_normal(count), -3.0, 3.0)
    median_bmi = np.where(is_child, np.interp(age, GROWTH_AGE, GROWTH_BMI), np.where(is_female, 24.0, 25.0))
    log_sigma = np.where(is_child, CHILD_BMI_LOG_SIGMA, BMI_LOG_SIGMA)
    bmi = median_bmi * np.exp(log_sigma * np.clip(rng.standard_normal(count), -2.2, 3.0))
    return Population(age, is_child, is_female, height, bmi, {})


def _solve_sliders(model: anny.Anny, targets: Population, rng: np.random.Generator) -> Population:
    """Newton's method on (height slider, weight slider) for all bodies at once, with numerical derivatives."""
    sliders = _draw_other_sliders(model, targets, rng)
    count, step = len(targets.age), 0.02
    solution = np.tile([0.4, 0.5], (count, 1))
    target = np.stack([targets.height, targets.bmi], 1)

    def evaluate(point: FloatArray) -> FloatArray:
        named = {"height": torch.from_numpy(point[:, 0]).float(), "weight": torch.from_numpy(point[:, 1]).float()}
        return np.stack(measure(model, {**sliders, **named}), 1)

    for _ in range(8):
        here = evaluate(solution)
        slope = np.stack([(evaluate(solution + step * axis) - here) / step for axis in np.eye(2)], 2)
        update = np.linalg.solve(slope, (target - here)[:, :, None])[:, :, 0]
        solution = np.clip(solution + np.clip(update, -0.3, 0.3), [0.0, -0.2], [1.0, 1.3])
    solved = {"height": torch.from_numpy(solution[:, 0]).float(), "weight": torch.from_numpy(solution[:, 1]).float()}
    phenotypes = {**sliders, **solved}
    return Population(targets.age, targets.is_child, targets.is_female, targets.height, targets.bmi, phenotypes)


def _draw_other_sliders(model: anny.Anny, targets: Population, rng: np.random.Generator) -> dict[str, torch.Tensor]:
    count = len(targets.age)
    years = torch.from_numpy(targets.age).to(torch.float64)
    age = SimpleShapeDistribution(model).morphological_age_mapping.double().morphological_to_anny_age(years)
    # Heavier bodies get less muscle: very muscular bodies of the model cannot be heavy.
    muscle = np.clip(0.45 - 0.03 * (targets.bmi - 22.0), 0.05, 0.6) + 0.1 * rng.standard_normal(count)
    drawn = {
        "gender": np.where(targets.is_female, 1.0, 0.0)
        + np.where(targets.is_female, -1, 1) * rng.uniform(0, 0.15, count),
        "muscle": np.clip(muscle, 0.0, 0.9),
        "proportions": rng.uniform(0.0, 1.0, count),
        "cupsize": rng.uniform(0.2, 0.8, count),
        "firmness": rng.uniform(0.2, 0.8, count),
    }
    ancestry = rng.dirichlet([0.5, 0.5, 0.5], count)
    drawn.update({name: ancestry[:, k] for k, name in enumerate(("african", "asian", "caucasian"))})
    return {"age": age.float(), **{name: torch.from_numpy(value).float() for name, value in drawn.items()}}
