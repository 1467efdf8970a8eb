"""Two nodes of Ray on this machine, of which one can be killed."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from benchmarks.processes import kill_tree

_PORT = 6391
ADDRESS = f"127.0.0.1:{_PORT}"
_RAY = [sys.executable, "-c", "from ray.scripts.scripts import main; main()", "start", "--block", "--num-cpus=1"]
_SMALL = ["--disable-usage-stats", "--object-store-memory=200000000"]
_HEAD = ["--head", f"--port={_PORT}", "--node-ip-address=127.0.0.1", "--include-dashboard=false"]


class Nodes:
    """The head and a second node, one core each."""

    def __init__(self) -> None:
        self._head = _started(*_HEAD)
        try:
            self._second = _started(f"--address={ADDRESS}")
        except RuntimeError:
            kill_tree(self._head.pid)
            raise

    def kill_second(self) -> None:
        """Kill -9 every process of the second node."""
        kill_tree(self._second.pid)
        self._second.wait()

    def start_second(self) -> None:
        """Start the second node again."""
        self._second = _started(f"--address={ADDRESS}")

    def close(self) -> None:
        """End both."""
        for node in (self._second, self._head):
            kill_tree(node.pid)
            node.wait()


@contextmanager
def two_nodes() -> Iterator[Nodes]:
    """Two nodes that end with the block; this process and those that it starts may use them without a token."""
    os.environ["RAY_AUTH_MODE"] = "disabled"
    nodes = Nodes()
    try:
        yield nodes
    finally:
        nodes.close()


def _started(*options: str) -> subprocess.Popen[str]:
    command = [*_RAY, *_SMALL, *options]
    node = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    said = []
    assert node.stdout is not None
    for line in node.stdout:
        said.append(line)
        if "Ray runtime started" in line:
            return node
    raise RuntimeError(f"`ray start {' '.join(options)}` ended: {''.join(said)}")
