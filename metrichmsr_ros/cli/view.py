"""`metrichmsr view`: starts the page, prints its link, and shows a source until it is stopped."""

from __future__ import annotations

import time
from pathlib import Path

from rich.console import Console

from metrichmsr_ros.body.load import load_body_engine
from metrichmsr_ros.viewer.options import ViewOptions
from metrichmsr_ros.viewer.server import link, start_server
from metrichmsr_ros.viewer.sources.choose import open_source
from metrichmsr_ros.viewer.viewer import Viewer


def view_command(
    path: Path | str, host: str, port: int | None, options: ViewOptions, console: Console | None = None
) -> None:
    """Show what is at a path until Ctrl-C.

    Args:
        path: see `open_source`.
        host, port: see `start_server`.
        options: what to show.
        console: console to print to; None: standard output.

    Raises:
        MetricHMRError: there is nothing to show at the path, or not on that address.
    """
    console = console or Console()
    source = open_source(path, options)
    server = start_server(host, port)
    viewer = Viewer(server, source, options.frames, load_body_engine)
    try:
        for note in source.notes:
            console.print(note, markup=False, highlight=False, soft_wrap=True)
        console.print(f"{source.name}: {link(server)}  (Ctrl-C ends)", markup=False, highlight=False, soft_wrap=True)
        run(viewer, console)
    except KeyboardInterrupt:
        console.print("ended")
    finally:
        viewer.close()
        server.stop()


def run(viewer: Viewer, console: Console) -> None:
    """Read and show; returns only by an error.

    Raises:
        MetricHMRError: not one frame could be read.
    """
    viewer.start_reading()
    told = ""
    while True:
        viewer.wait()
        timeline = viewer.timeline
        if timeline.error is not None and not len(timeline):
            raise timeline.error
        if timeline.note != told:
            told = timeline.note
            console.print(told, markup=False, highlight=False, soft_wrap=True)
        viewer.step(time.monotonic())
