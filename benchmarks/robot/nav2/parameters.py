"""What the parameters of `config/nav2/people_costmap.yaml` do in the real costmap, where Nav2 is installed.

    python -m benchmarks.robot nav2.parameters

Two people cross and leave in real time, as in `benchmarks.robot.nav2.costmap`: once with the sample, then each time
with one parameter at another value.
"""

from __future__ import annotations

from typing import Any

from rich.table import Table

from benchmarks.robot.costmap import light_steps, score_columns, sequences, texts
from benchmarks.robot.nav2.costmap import ROLLING
from benchmarks.robot.nav2.process import InstalledCostmap
from benchmarks.robot.nav2.where_installed import where_installed
from benchmarks.robot.obstacle_layer import LayerConfig
from metrichmsr_ros.pipeline.pipeline import Pipeline

SEQUENCE = "two cross and leave"


def _of_layer(**parameters: Any) -> dict[str, Any]:
    return {"people_layer": parameters}


CHANGES: dict[str, dict[str, Any]] = {
    "the sample": {},
    "update_frequency: 5.0": {"update_frequency": 5.0},
    "bodies.observation_persistence: 2.0": _of_layer(bodies={"observation_persistence": 2.0}),
    "bodies.max_obstacle_height: 0.0": _of_layer(bodies={"max_obstacle_height": 0.0}),
    "nobody.raytrace_max_range: 3.0": _of_layer(nobody={"raytrace_max_range": 3.0}),
    "plugin: nav2_costmap_2d::VoxelLayer": _of_layer(
        plugin="nav2_costmap_2d::VoxelLayer", origin_z=-0.5, z_resolution=0.2, z_voxels=16
    ),
}
"""Parameters that differ from the sample, by what is different."""


@where_installed
def tables(installed: InstalledCostmap, domain: int) -> list[Table]:
    """Every change."""
    from benchmarks.robot.nav2.playing import play  # needs ROS and Nav2's messages
    from benchmarks.robot.nav2.session import active_costmap

    pipeline = Pipeline.from_preset("embedded", test_time_augmentation="none")
    steps = light_steps(pipeline, SEQUENCE, sequences()[SEQUENCE])
    table = Table("parameter", *score_columns(), title=f"{SEQUENCE}: the costmap of Nav2 {installed.version}")
    for name, changed in CHANGES.items():
        with active_costmap(installed, steps[0].frame.T_world_cam, domain, ROLLING | changed) as client:
            table.add_row(name, *texts(play(client, LayerConfig(), steps)))
    return [table]
