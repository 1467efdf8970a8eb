"""The command `metrichmsr`: a thin door to the library. Each subcommand imports only what it needs."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import tyro

app = tyro.extras.SubcommandApp()


@app.command
def predict(
    photo: Annotated[Path, tyro.conf.Positional],
    out: Path = Path("out/predict"),
    fov: float | None = None,
    intrinsics: tuple[float, float, float, float] | None = None,
    preset: str = "embedded",
    body: str = "open",
    device: str = "cpu",
) -> None:
    """Estimate everybody in one photograph; write overlay PNG, JSON and GLB (metres).

    Args:
        photo: JPEG, PNG, ... of at least one person.
        out: folder for the results.
        fov: horizontal field of view in degrees, when you know it.
        intrinsics: fx fy cx cy in pixels, when you know them; wins over --fov.
        preset: preset name or path of a .safetensors checkpoint.
        body: open (12,000 vertices), open_light (1,200) or smpl:/path/to/your/SMPL file.
        device: torch device, e.g. cpu or cuda.
    """
    from rich.console import Console

    from metrichmsr_ros.pipeline import Pipeline
    from metrichmsr_ros.predict import people_table, predict_photo

    pipeline = Pipeline.from_preset(preset, device, body)
    scene, files = predict_photo(pipeline, photo, out, fov, intrinsics)
    console = Console()
    console.print(people_table(scene))
    for path in (files.overlay, files.numbers, files.mesh):
        if path is not None:
            console.print(f"wrote {path}", highlight=False)


@app.command
def demo(out: Path = Path("out/demo"), frames: int = 120) -> None:
    """Play a rendered sequence with truth through the node over ROS 2 and print how well it did.

    Args:
        out: folder for the bags, the overlay video, the table and the photograph's results.
        frames: length of the sequence, at 10 frames per second.
    """
    from metrichmsr_ros.demo import run_demo

    run_demo(out, frames)


@app.command
def setup() -> None:
    """Fetch the networks that the embedded preset needs (once, checked by sha256) into the per-user cache."""
    from metrichmsr_ros.assets import main as fetch_all

    fetch_all()


def _user_errors() -> tuple[type[Exception], ...]:
    """Errors whose message already tells the user what to do; everything else is a bug and keeps its traceback."""
    from metrichmsr_ros.assets import AssetError
    from metrichmsr_ros.geometry.camera import CameraError
    from metrichmsr_ros.hmr.checkpoint import CheckpointError
    from metrichmsr_ros.hmr.config import ConfigError
    from metrichmsr_ros.people.blazepose import ImageError
    from metrichmsr_ros.predict import InputError

    return AssetError, CameraError, CheckpointError, ConfigError, ImageError, InputError


def main() -> None:
    """Entry point: errors that the user can mend are one line and exit code 2."""
    try:
        app.cli(prog="metrichmsr", description="People in metres from one camera.")
    except _user_errors() as error:
        print(f"metrichmsr: error: {error}", file=sys.stderr)
        sys.exit(2)
    except KeyboardInterrupt:
        sys.exit(130)
