"""The page in a browser without a window: it opens, plays, asks nobody but its own server, and has no error."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys

import cv2
import numpy as np
import pytest
from helpers.repository import environment

from benchmarks.conversion.moving_people import moving_person, write_replay

pytest.importorskip("viser", reason="the viewer needs the extra `view`")
playwright = pytest.importorskip("playwright.sync_api", reason="the page is opened by playwright")
BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
pytestmark = pytest.mark.skipif(BROWSER is None, reason="no Chromium is installed")
SOFTWARE_GL = ("--no-sandbox", "--use-gl=angle", "--use-angle=swiftshader", "--enable-unsafe-swiftshader")
WAIT_MS = 120_000


@pytest.fixture
def link(tmp_path):
    """The link that the command prints."""
    folder = write_replay(tmp_path / "in", [moving_person("walker", range(20), 3)], 20)
    command = [sys.executable, "-m", "metrichmsr_ros.cli.main", "view", str(folder), "--port", "0"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment())
    lines = iter(process.stdout.readline, "")
    yield next(found[0] for found in (re.search(r"http://127\.0\.0\.1:\d+", line) for line in lines) if found)
    process.terminate()
    process.communicate(timeout=60)


def test_the_page_opens_plays_and_stays_at_home(link):
    errors, asked = [], set()
    with playwright.sync_playwright() as tool:
        browser = tool.chromium.launch(executable_path=BROWSER, args=list(SOFTWARE_GL))
        page = browser.new_page(viewport={"width": 640, "height": 480})
        page.on("console", lambda message: errors.append(message.text) if message.type == "error" else None)
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.on("request", lambda request: asked.add(request.url))
        page.on("websocket", lambda socket: asked.add(socket.url))
        page.goto(link, timeout=WAIT_MS)
        page.wait_for_selector("td:has-text('walker')", timeout=WAIT_MS)
        for _ in range(2):  # it plays: the line below the slider changes twice
            before = page.locator("text=/frame \\d+ of 20/").inner_text(timeout=WAIT_MS).splitlines()[0]
            changed = "before => !document.body.innerText.includes(before)"
            page.wait_for_function(changed, arg=before, timeout=WAIT_MS)
        shot = page.screenshot(timeout=WAIT_MS)
        browser.close()
    assert errors == []
    outside = {url for url in asked if not re.match(r"(http|ws)://127\.0\.0\.1:\d+|data:|blob:", url)}
    assert outside == set()
    assert any(url.startswith("ws://") for url in asked)
    picture = cv2.imdecode(np.frombuffer(shot, np.uint8), cv2.IMREAD_COLOR)
    assert len(np.unique(picture.reshape(-1, 3), axis=0)) > 200  # a shaded body, not a page of one colour
