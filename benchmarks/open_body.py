"""Statistics of the open body: its population, its first beta, and the agreement of its two meshes.

    python -m benchmarks.open_body

Prints height and BMI of women, men and children in `open_body_population.npz`, the height that +1 of betas[0] adds to
the mean body, and the distances between the joints of `open` and `open_light` over that population.
"""

from __future__ import annotations

import numpy as np
import torch
from rich.console import Console
from rich.table import Table

from metrichmsr_ros.body.base import BodyModel
from metrichmsr_ros.body.joints import JOINT_NAMES, NUM_JOINTS
from metrichmsr_ros.body.load import load_body
from metrichmsr_ros.body.open_body import Population


def population_table(people: Population) -> Table:
    """Share, height and BMI of each group."""
    adult = ~people.is_child
    groups = {
        "women": adult & people.is_female,
        "men": adult & ~people.is_female,
        "children": people.is_child,
    }
    table = Table("", "share", "height, m", "from", "to", "BMI", "age, from", "to")
    for name, rows in groups.items():
        height, bmi, age = people.height[rows], people.bmi[rows], people.age[rows]
        table.add_row(
            name,
            f"{100 * rows.mean():.1f} %",
            f"{height.mean():.2f} +- {height.std():.3f}",
            f"{height.min():.2f}",
            f"{height.max():.2f}",
            f"{bmi.mean():.1f} +- {bmi.std():.1f}",
            f"{age.min():.0f}",
            f"{age.max():.0f}",
        )
    return table


@torch.inference_mode()
def rest_joints(body: BodyModel, betas: torch.Tensor) -> torch.Tensor:
    """Joints (N, 24, 3) of N shapes in the rest pose."""
    return body.joints(betas, betas.new_zeros(len(betas), 3 * NUM_JOINTS), betas.new_zeros(len(betas), 3))


def main() -> None:
    """Run the command in the module's docstring."""
    people, large, light = Population.load(), load_body("open"), load_body("open_light")
    Console(width=120).print(population_table(people))
    taller = large.height(torch.eye(10)[:1]) - large.height(torch.zeros(1, 10))
    print(f"betas[0] = 1 adds {taller.item():.3f} m to the mean body")
    betas = torch.from_numpy(np.asarray(people.betas, np.float32))
    distance = 1000 * (rest_joints(large, betas) - rest_joints(light, betas)).norm(dim=-1)
    worst = JOINT_NAMES[int(distance.max(dim=0).values.argmax())]
    print(f"joints of both meshes: mean distance {distance.mean():.2f} mm, maximum {distance.max():.1f} mm ({worst})")


if __name__ == "__main__":
    main()
