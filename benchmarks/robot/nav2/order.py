"""Updates of the real costmap between the two clouds of an image, where Nav2 is installed.

    python -m benchmarks.robot nav2.order

Somebody is seen, then hidden, again and again. The marks of who is hidden are to stay: the rays of that image end
before them. They are lost when an update has the bodies of that image already and still the rays of the image before.
Transforms are there before the clouds, and the costmap updates at 100 Hz: ten times as often as with the sample.
"""

from __future__ import annotations

from rich.table import Table

from benchmarks.robot.costmap import sequences, steps_of
from benchmarks.robot.nav2.process import InstalledCostmap
from benchmarks.robot.nav2.where_installed import where_installed
from metrichmsr_ros.pipeline.pipeline import Pipeline

SEQUENCE = "two cross and leave"
HZ = 100.0
ORDERS = (("bodies nobody", True), ("bodies nobody", False), ("nobody bodies", True), ("nobody bodies", False))
"""Order of the layer's sources, and whether the bodies are sent first. The last one is the sample's and the node's."""


@where_installed
def tables(installed: InstalledCostmap, domain: int) -> list[Table]:
    """Every order."""
    from benchmarks.robot.nav2.hiding import TIMES, lost  # needs ROS and Nav2's messages
    from benchmarks.robot.nav2.session import active_costmap

    pipeline = Pipeline.from_preset("embedded", test_time_augmentation="none")
    step = next(step for step in steps_of(pipeline, sequences()[SEQUENCE]) if step.scene.people)
    table = Table(
        "observation_sources", "sent first", f"lost of {TIMES}", title=f"Nav2 {installed.version}, {HZ:.0f} Hz"
    )
    for sources, bodies_first in ORDERS:
        changed = {"update_frequency": HZ, "people_layer": {"observation_sources": sources}}
        with active_costmap(installed, step.frame.T_world_cam, domain, changed) as client:
            count = lost(client, step, bodies_first)
        table.add_row(sources, "body_points" if bodies_first else "clearing_points", str(count))
    return [table]
