"""Seconds from the command `metrichmsr view` to the first bodies, as a page receives them and in a browser.

    python -m benchmarks.view [BAG] [--browser PATH]

BAG is out/demo/sequence of `make demo` by default: its people are estimated while the page is open. The first time is
that of the link on the terminal, the second that of the first body's mesh at a client of the page, the third that of
the table of people in Chromium, which is open before and follows the link (needs playwright; drawn by software).
Exit status 1: over 10 s.
"""

from __future__ import annotations

import argparse
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

MOST_S = 10.0
BROWSERS = ("chromium", "chromium-browser", "google-chrome")
_SOFTWARE = ("--no-sandbox", "--use-gl=angle", "--use-angle=swiftshader", "--enable-unsafe-swiftshader")
_WAIT_S = 120.0
_HEAD_BYTES = 16  # sizes of the messages before and after compression


@contextmanager
def viewing(bag: Path) -> Iterator[tuple[int, float]]:
    """Port of the page, and the moment of the command; the viewer ends with the block."""
    started = time.monotonic()
    command = [sys.executable, "-m", "metrichmsr_ros.cli.main", "view", str(bag), "--port", "0"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        found = (re.search(r"http://127\.0\.0\.1:(\d+)", line) for line in process.stdout)
        port = next((int(match[1]) for match in found if match), None)
        if port is None:
            raise SystemExit(f"metrichmsr view {bag} ended with status {process.wait()}")
        yield port, started
    finally:
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=60)


def first_body_s(bag: Path) -> tuple[float, float]:
    """Seconds to the link, and to the first body's mesh at a client."""
    with viewing(bag) as (port, started):
        link_s = time.monotonic() - started
        received(port, lambda found: any(re.match(r"/people/.*/body", name) for name in found), _WAIT_S)
        return link_s, time.monotonic() - started


def received(port: int, is_enough: Callable[[dict[str, Any]], bool], timeout_s: float = 30.0) -> dict[str, Any]:
    """Messages of a scene that a new page gets, read as the page does: by the name of their node, the last of each.

    Args:
        port: of the server, on this machine.
        is_enough: called with all messages so far after each batch.
        timeout_s: raises TimeoutError if nothing more comes for so long.
    """
    import msgspec
    import viser
    import zstandard
    from websockets.sync.client import connect

    found: dict[str, Any] = {}
    version: Any = f"viser-v{viser.__version__}"
    with connect(f"ws://127.0.0.1:{port}", subprotocols=[version], max_size=None) as page:
        while not is_enough(found):
            data = page.recv(timeout_s)
            assert isinstance(data, bytes)
            packed = data[_HEAD_BYTES : _HEAD_BYTES + int.from_bytes(data[8:_HEAD_BYTES], "little")]
            content = msgspec.msgpack.decode(zstandard.ZstdDecompressor().decompress(packed))
            for message in content["messages"] if isinstance(content, dict) else content:
                if message["type"].endswith("Message") and "props" in message and "name" in message:
                    found[message["name"]] = message
    return found


def browser_s(bag: Path, browser: str) -> float:
    """Seconds to the first row of the table of people in a browser that is open before the command."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as tool:
        page = tool.chromium.launch(executable_path=browser, args=list(_SOFTWARE)).new_page()
        with viewing(bag) as (port, started):
            page.goto(f"http://127.0.0.1:{port}", timeout=1000 * _WAIT_S)
            page.wait_for_selector("td", state="attached", timeout=1000 * _WAIT_S)
            return time.monotonic() - started


def main() -> int:
    """Run the command in the module's docstring; the exit status."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("bag", type=Path, nargs="?", default=Path("out/demo/sequence"))
    parser.add_argument("--browser", default=next(filter(None, map(shutil.which, BROWSERS)), ""), help="Chromium")
    options = parser.parse_args()
    if not options.bag.exists():
        parser.error(f"{options.bag} does not exist; `make demo` makes it")
    link_s, body_s = first_body_s(options.bag)
    print(f"link {link_s:.1f} s, first body at a client {body_s:.1f} s (<= {MOST_S:g})", flush=True)
    times = [body_s]
    if options.browser:
        try:
            times.append(browser_s(options.bag, options.browser))
            print(f"first people in {Path(options.browser).name} {times[-1]:.1f} s (<= {MOST_S:g})")
        except ImportError:
            print("playwright is not installed: no time in a browser")
    return 0 if max(times) <= MOST_S else 1


if __name__ == "__main__":
    sys.exit(main())
