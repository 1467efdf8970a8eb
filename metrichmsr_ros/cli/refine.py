"""`metrichmsr refine`: what was refined, and what was left as it is."""

from __future__ import annotations

from pathlib import Path

from rich.console import Console
from rich.table import Table

from metrichmsr_ros.body.load import load_body_engine
from metrichmsr_ros.data.formats.annotations.folder import AnnotationFolder
from metrichmsr_ros.refinement.annotation_folder import FolderRefineOptions, refine_folder


def refine_command(folder: Path, out: Path, floor_z: float | None, static_camera: bool, body: str | None) -> None:
    """Refine a folder and print one line for each input.

    Args:
        folder: annotation folder. out: of the result. floor_z: of the floor in the world, m.
        static_camera: whether cameras without poses stand still. body: as for `load_body_engine`.
    """
    options = FolderRefineOptions(floor_z, static_camera)
    engine = load_body_engine(body or AnnotationFolder(folder).manifest.body_model)
    results = refine_folder(folder, out, engine, options)
    table = Table("input", "people", "estimates", "front and back exchanged", "")
    for result in results:
        table.add_row(
            result.source, str(result.people), str(result.images), str(result.turned), result.skipped or result.unused
        )
    console = Console()
    console.print(table)
    console.print(f"wrote {out}", markup=False, highlight=False, soft_wrap=True)
