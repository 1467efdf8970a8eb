"""Tables that need the real costmap: measured where Nav2 is installed, and one that says so elsewhere."""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import wraps

from rich.table import Table

from benchmarks.robot.nav2.process import NO_NAV2, InstalledCostmap, installed_costmap


def where_installed(measure: Callable[[InstalledCostmap, int], list[Table]]) -> Callable[[], list[Table]]:
    """`measure`, called with the installed costmap and the ROS domain; an empty table with the reason if there is none.

    `measure` imports what needs ROS and Nav2's messages itself.
    """

    @wraps(measure)
    def tables() -> list[Table]:
        installed = installed_costmap()
        if installed is None:
            return [Table(NO_NAV2)]
        return measure(installed, int(os.environ.get("ROS_DOMAIN_ID", "0")))

    return tables
