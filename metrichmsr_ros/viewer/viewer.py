"""Show a source: reads it in a thread, plays it, and does what users do in the panel."""

from __future__ import annotations

import threading
from collections.abc import Callable
from queue import Empty
from typing import Any

import numpy as np

from metrichmsr_ros.body.engine import BodyEngine
from metrichmsr_ros.types import Float64Array
from metrichmsr_ros.viewer.panel import Panel
from metrichmsr_ros.viewer.people_table import people_table
from metrichmsr_ros.viewer.player import Player
from metrichmsr_ros.viewer.ruler import Ruler
from metrichmsr_ros.viewer.scene.drawn import Drawer, DrawnFrame
from metrichmsr_ros.viewer.scene.nodes import SceneNodes, Shown
from metrichmsr_ros.viewer.scene.paths import Paths
from metrichmsr_ros.viewer.sources.source import ViewSource
from metrichmsr_ros.viewer.timeline import Timeline

TICK_S = 0.03
_LONGEST_FRAME_S = 30.0
_WORLD, _CAMERA = "fixed frame of the camera's poses", "frame of the camera, which stands still"


class Viewer:
    """Shows one source on one server; everybody who opens the page sees the same.

    Args:
        server: of `start_server`.
        source: what to show.
        most: frames to keep.
        load_body: loads the body by its name.
    """

    def __init__(self, server: Any, source: ViewSource, most: int, load_body: Callable[[str], BodyEngine]) -> None:
        self.timeline = Timeline(most, forgets=source.is_live)
        self.player = Player(source.is_video, source.is_live)
        self.shown = Shown(paths=source.is_video)
        self._server, self._source, self._load_body = server, source, load_body
        self._panel = Panel(server.gui, source.name, source.notes, source.is_video)
        self._ruler = Ruler(server.scene)
        self._drawer: Drawer | None = None
        self._drawn: DrawnFrame | None = None
        self._state: tuple[int, bool] | None = None  # frame that is on, whether it must be drawn again
        self._measuring = False
        self._wake = threading.Event()
        self._reader: threading.Thread | None = None
        server.scene.on_click()(self._clicked)

    def start_reading(self) -> None:
        """Read the source in a thread."""
        reading = (self._source.frames, self._wake.set)
        self._reader = threading.Thread(target=self.timeline.fill, args=reading, name="viewer source", daemon=True)
        self._reader.start()

    def close(self) -> None:
        """Read no more, and wait for the frame that is being read: a network must not outlive the process."""
        self.timeline.close()
        self._source.close()
        if self._reader is not None:
            self._reader.join(_LONGEST_FRAME_S)

    def wait(self) -> None:
        """Wait for a new frame, or for the next tick of the clock."""
        self._wake.wait(TICK_S if len(self.timeline) else None)
        self._wake.clear()

    def step(self, now_s: float) -> None:
        """Do what users asked for, and show the frame that is on at `now_s`."""
        self._act()
        self._panel.show_note(self.timeline.note)
        if not len(self.timeline):
            return
        self._prepare()
        index = max(self.timeline.first, self.player.advance(now_s, self.timeline.times(), self.timeline.ended))
        if self._state != (index, False):
            self._draw(index)
            self._state = (index, False)
        self._panel.show_time(index, self.timeline.first, len(self.timeline), self._status(index))

    def _prepare(self) -> None:
        """Begin with the first frame, and add new ones to the paths."""
        if self._drawer is None:
            first = self.timeline[0]
            in_world = first.world_from_camera is not None
            body = self._load_body(self._source.body) if self._source.body else None
            self._drawer = Drawer(body, in_world, self._source.is_video)
            self._paths = Paths(in_world)
            self._nodes = SceneNodes(self._server.scene, self._drawer.faces, self.shown)
            self._frame_name = _WORLD if in_world else _CAMERA
            self._look(self._drawer.draw(first), None)
        while len(self._paths) < len(self.timeline):
            self._paths.add(self.timeline[len(self._paths)])
        self._paths.forget_before(self.timeline.first)

    def _draw(self, index: int) -> None:
        assert self._drawer is not None
        self._drawn = self._drawer.draw(self.timeline[index])
        with self._server.atomic():
            self._nodes.draw(self._drawn, self._paths, index)
        self._panel.show_people(people_table(self._drawn.frame))

    def _status(self, index: int) -> str:
        frame, count = self.timeline[index], len(self.timeline)
        lines = [f"{frame.time_s:.2f} s, frame {index + 1} of {count}" + self._what_comes()]
        if self._source.is_video:
            lines.append(f"Axes: {self._frame_name}, z up.")
        if self._drawn is not None and self._drawn.pose is None:
            lines.append("The camera's pose is not known at this time.")
        if self._drawn is not None and self._drawn.floor is not None:
            lines.append(f"Floor: {'measured' if self._drawn.floor.is_measured else 'under the feet'}.")
        return "  \n".join(lines)

    def _what_comes(self) -> str:
        if self.timeline.ended:
            return ""
        return ", live" if self._source.is_live else ", reading"

    def _act(self) -> None:
        while True:
            try:
                name, value = self._panel.actions.get_nowait()
            except Empty:
                return
            self._do(name, value)

    def _do(self, name: str, value: Any) -> None:
        if name == "seek":
            self.player.seek(value)
        elif name == "play":
            self.player.play(value)
        elif name == "speed":
            self.player.set_speed(value)
        elif name == "show":
            setattr(self.shown, *value)
            self._state = None
        elif name == "look" and self._drawn is not None:
            self._look(self._drawn, value)
        elif name == "measure":
            self._measuring = True
            self._panel.show_ruler("Click the first point.")
        elif name == "clear":
            self._measuring = False
            self._ruler.clear()
            self._panel.show_ruler("")
        elif name == "click":
            self._measure(*value)

    def _clicked(self, event: Any) -> None:
        self._panel.actions.put(("click", (np.array(event.ray_origin), np.array(event.ray_direction))))
        self._wake.set()

    def _measure(self, origin: Float64Array, direction: Float64Array) -> None:
        if not self._measuring or self._drawn is None or self._drawer is None:
            return
        point = self._drawn.hit(origin, direction / np.linalg.norm(direction), self._drawer.faces)
        text = "There is nothing to measure at this point." if point is None else self._ruler.put(point)
        self._panel.show_ruler(text)

    def _look(self, drawn: DrawnFrame, client_id: int | None) -> None:
        """Look over the camera's shoulder at the people, in every new page or in one that is open."""
        pose = np.eye(4) if drawn.pose is None else drawn.pose
        places = [person.joints[0] for person in drawn.people]
        target = np.mean(places, axis=0) if places else pose[:3, 3] + 3 * pose[:3, 2]
        away = pose[:3, 3] - target
        side, length = np.array([-away[1], away[0], 0.0]), float(np.linalg.norm(away))
        eye = target + 1.25 * away + 0.6 * side + [0.0, 0.0, 0.45 * length]
        target = target + 0.2 * side - [0.0, 0.0, 0.1 * length]  # the panel covers the right
        clients = self._server.get_clients()
        cameras = [clients[client_id].camera] if client_id in clients else [self._server.initial_camera]
        for camera in cameras:
            camera.position, camera.look_at = eye, target
