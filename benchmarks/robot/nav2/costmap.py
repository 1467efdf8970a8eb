"""The real costmap of Nav2 against the replica of its rule and against the truth, where Nav2 is installed.

    python -m benchmarks.robot nav2.costmap

The program `nav2_costmap_2d` runs with `config/nav2/people_costmap.yaml`, and with `robot.yaml` for what a robot
has of its own. It gets the clouds of `benchmarks.robot.costmap` as the node's messages over the middleware, and /tf.

First image by image, with a fixed window: its grids are compared with those of the replica, cell by cell. Then in real
time, with a window that rolls with the robot: clouds are published when the camera shows the image, and every grid that
comes is compared with the truth at its stamp, as in `benchmarks.robot.costmap`. The latency of the pipeline is not in
it. ROS_DOMAIN_ID should be one that no robot uses.
"""

from __future__ import annotations

from rich.table import Table

from benchmarks.robot.costmap import WAYS, light_steps, score_columns, sequences, texts
from benchmarks.robot.nav2.process import InstalledCostmap
from benchmarks.robot.nav2.where_installed import where_installed
from benchmarks.robot.obstacle_layer import LayerConfig
from metrichmsr_ros.pipeline.pipeline import Pipeline

ROLLING = {"rolling_window": True, "width": 16, "height": 16}  # m; wide enough for `obstacle_max_range`


@where_installed
def tables(installed: InstalledCostmap, domain: int) -> list[Table]:
    """Every sequence."""
    from benchmarks.robot.nav2.likeness import likeness  # needs ROS and Nav2's messages
    from benchmarks.robot.nav2.playing import play
    from benchmarks.robot.nav2.session import active_costmap

    pipeline = Pipeline.from_preset("embedded", test_time_augmentation="none")
    table = Table(
        "sequence",
        "clearing",
        "cells equal",
        "marked in both",
        "by Nav2 alone",
        "by replica alone",
        *score_columns(),
        title=f"people in the costmap of Nav2 {installed.version}, cells of 5 cm",
    )
    for name, sequence in sequences().items():
        steps = light_steps(pipeline, name, sequence)
        for way in WAYS[2:]:
            marks_hidden = way == WAYS[3]
            like = likeness(installed, steps, domain, marks_hidden)
            with active_costmap(installed, steps[0].frame.T_world_cam, domain, ROLLING) as client:
                played = play(client, LayerConfig(), steps, marks_hidden)
            table.add_row(
                name if way == WAYS[2] else "",
                way,
                f"{like.equal:.6f}",
                *(str(count) for count in (like.both, like.nav2_alone, like.replica_alone)),
                *texts(played),
            )
    return [table]
