"""Two processes that train together, on one machine."""

from __future__ import annotations

import socket
import subprocess
import sys

from helpers.repository import environment


def run_two(script: str) -> None:
    """Runs `script` in two processes as torchrun starts them."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = str(probe.getsockname()[1])
    where = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port, "WORLD_SIZE": "2", "OMP_NUM_THREADS": "1"}
    workers = [
        subprocess.Popen(
            [sys.executable, "-c", script], env=environment(**where, RANK=str(rank)), stderr=subprocess.PIPE
        )
        for rank in range(2)
    ]
    errors = [worker.communicate(timeout=900)[1].decode() for worker in workers]
    assert [worker.returncode for worker in workers] == [0, 0], "\n".join(errors)
