"""Options that the benchmarks on real pictures share."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from pathlib import Path


def parser_of(doc: str) -> ArgumentParser:
    """A parser with the pictures and the network, described by the first line of a module's documentation."""
    parser = ArgumentParser(description=doc.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help="folder of kinect_bags and realsense")
    parser.add_argument("--weights", default="embedded", help="preset with weights, or a .safetensors file")
    return parser


def parsed(parser: ArgumentParser, *counts: str) -> Namespace:
    """The options of the command line; ends the command where one of the options `counts` is below 1."""
    arguments = parser.parse_args()
    for name in counts:
        if getattr(arguments, name) < 1:
            parser.error(f"--{name} {getattr(arguments, name)}: give 1 or more")
    return arguments
