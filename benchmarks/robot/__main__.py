"""Tables of what a robot plans with, each against truth on rendered sequences.

    python -m benchmarks.robot [TABLE ...]

Each table is a module of this package with a function `tables`, which measures and returns the tables to print.
"""

from __future__ import annotations

import argparse
import sys
from importlib import import_module

from rich.console import Console

TABLES = {
    "costmap": "people who are marked in a costmap and leave no trail",
    "nav2.costmap": "the same in the real costmap of Nav2, where it is installed, and how like the replica it is",
    "nav2.parameters": "what the parameters of a people's layer do there",
    "nav2.order": "marks that are lost there when it updates between the two clouds of an image",
    "following": "each person followed through crossings, losses and changes of id",
    "fixed_frame": "velocities of people in a fixed frame, from a camera that drives",
    "joints": "joints and orientations inside their stated deviations, and joints that are visible",
    "fusion": "four cameras: root error, ids, and extrinsics that disagree",
    "gestures": "gestures of people: precision, recall, and where they point",
    "rep155": "kinematic trees: how far links are from joints, and how often a URDF changes",
}
"""Modules by name, and what they measure."""


def main() -> None:
    listed = "\n".join(f"  {name}: {text}" for name, text in TABLES.items())
    parser = argparse.ArgumentParser(
        description=f"{__doc__}\n{listed}", formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("tables", nargs="*", metavar="TABLE", help="default: all")
    chosen = parser.parse_args().tables or list(TABLES)
    if unknown := [name for name in chosen if name not in TABLES]:
        parser.error(f"there is no table {unknown[0]}; there are {', '.join(TABLES)}")
    console = Console(width=None if sys.stdout.isatty() else 130)
    for name in chosen:
        for table in import_module(f"benchmarks.robot.{name}").tables():
            console.print(table)


if __name__ == "__main__":
    main()
