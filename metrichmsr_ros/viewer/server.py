"""The web server: on this machine alone unless told otherwise, and never through anybody else's."""

from __future__ import annotations

import contextlib
import io
import socket
from typing import Any

from metrichmsr_ros.errors import MissingPackageError
from metrichmsr_ros.viewer.options import ViewError

_PORT = 8080  # of viser; the next free one where it is taken

_LAST_PORT = 65535


def start_server(host: str, port: int | None) -> Any:
    """A running `viser.ViserServer`.

    Args:
        host: address to listen on.
        port: None: 8080, or the next free one; 0: any free one.

    Raises:
        MissingPackageError: viser is not installed.
        ViewError: the address is not one of this machine, or the port is taken.
    """
    viser = _viser()
    _check_address(host, port)

    class LocalServer(viser.ViserServer):  # type: ignore[name-defined]
        """Without viser's tunnel, which shows the scene to the internet through a server of others."""

        def request_share_url(self, verbose: bool = True) -> None:
            """Do nothing."""

    with contextlib.redirect_stdout(io.StringIO()):  # its banner
        server = LocalServer(host=host, port=_PORT if port is None else port, verbose=False)
    server.gui.configure_theme(show_logo=False, show_share_button=False, control_width="large")
    server.scene.set_up_direction("+z")
    server.scene.world_axes.visible = False
    # Without reflections and shadows the page opens faster, also where the browser has no GPU.
    server.scene.configure_environment_map(None)
    server.scene.configure_default_lights(cast_shadow=False)
    server.scene.add_light_ambient("/light", intensity=1.2)
    return server


def link(server: Any) -> str:
    """The address to open in a browser."""
    host = server.get_host()
    shown = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(host, f"[{host}]" if ":" in host else host)
    return f"http://{shown}:{server.get_port()}"


def _viser() -> Any:
    try:
        import viser
    except ImportError as error:
        raise MissingPackageError(f"the viewer needs viser ({error}): pip install 'metrichmsr_ros[view]'") from error
    return viser


def _check_address(host: str, port: int | None) -> None:
    """Raise ViewError where viser would wait, or take another port, without a word."""
    if port is not None and not 0 <= port <= _LAST_PORT:
        raise ViewError(f"--port {port}: ports are 0 (any free one) to {_LAST_PORT}")
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port or 0, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind, protocol) as trial:
            trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            trial.bind(address)
    except (OSError, OverflowError, UnicodeError) as error:
        text = f"--host {host}" + (f" --port {port}" if port is not None else "")
        raise ViewError(f"{text}: the viewer cannot listen there ({error}); choose another") from error
