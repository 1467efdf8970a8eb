"""A process whose output is read while it runs, so that tests wait for lines instead of for time."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
import time
from collections.abc import Sequence
from pathlib import Path

from helpers.fake_pipeline import DEADLINE_S


class WatchedProcess:
    """A process in a session of its own; both of its outputs together, line by line.

    Args:
        command: program and arguments. environment: its variables.
    """

    def __init__(self, command: Sequence[str | Path], environment: dict[str, str]) -> None:
        self.lines: list[str] = []
        self._changed = threading.Condition()
        self._is_over = False
        self._process = subprocess.Popen(
            command,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        self.pid = self._process.pid
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def __enter__(self) -> WatchedProcess:
        """Itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Kill all of its session that is left."""
        for pid in session_of(self.pid):
            os.kill(pid, signal.SIGKILL)
        self._process.wait()
        self._reader.join()

    @property
    def output(self) -> str:
        """All that it has written."""
        with self._changed:
            return "".join(self.lines)

    def wait_for(self, text: str) -> None:
        """Wait until it has written a line with `text`."""
        with self._changed:
            found = self._changed.wait_for(lambda: any(text in x for x in self.lines) or self._is_over, DEADLINE_S)
            assert found, f"waited {DEADLINE_S} s for {text!r}"
            assert any(text in line for line in self.lines), f"ended without {text!r}:\n{''.join(self.lines)}"

    def send(self, number: signal.Signals) -> None:
        """Send a signal to the process alone."""
        self._process.send_signal(number)

    def send_to_all(self, number: signal.Signals) -> None:
        """Send a signal to its process group, as a terminal does."""
        os.killpg(self.pid, number)

    def exit_code(self) -> int:
        """Its exit code, once it has ended and all that held its output too."""
        code = self._process.wait(DEADLINE_S)
        self._reader.join(DEADLINE_S)
        assert not self._reader.is_alive(), f"still running: {session_of(self.pid)}"
        return code

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            with self._changed:
                self.lines.append(line)
                self._changed.notify_all()
        with self._changed:
            self._is_over = True
            self._changed.notify_all()


def session_of(leader: int) -> list[int]:
    """Processes of the session that `leader` began, whoever their parents are now; zombies do not count."""
    found = []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            state, _, _, session = (entry / "stat").read_text().rpartition(")")[2].split()[:4]
        except OSError:  # it has just ended
            continue
        if int(session) == leader and state != "Z":
            found.append(int(entry.name))
    return found


def wait_until_empty(leader: int) -> None:
    """Wait until nothing of a session runs any more."""
    deadline = time.monotonic() + DEADLINE_S
    while left := session_of(leader):
        assert time.monotonic() < deadline, [Path(f"/proc/{pid}/cmdline").read_text() for pid in left]
        time.sleep(0.05)  # between two looks
