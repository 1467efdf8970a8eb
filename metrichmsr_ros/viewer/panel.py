"""The panel beside the scene: timeline, what is shown, ruler, people. What users do becomes actions in a queue."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import PurePath
from queue import SimpleQueue
from typing import Any

from metrichmsr_ros.viewer.player import SPEEDS
from metrichmsr_ros.viewer.scene.nodes import PARTS

Action = tuple[str, Any]  # name and value
_RULER = "Press Measure, then click two points on bodies, cloud or floor. The squares of the floor are 0.5 m, the "
_RULER += "darker ones 1 m."


class Panel:
    """The widgets of a viser server.

    Args:
        gui: `ViserServer.gui`.
        name: of what is shown. notes: what the user should know about it.
        is_playing: whether it plays at first.

    Attributes:
        actions: what users did: ("seek", frame), ("play", on), ("speed", x), ("show", (part, on)), ("measure", None),
            ("clear", None), ("look", None).
    """

    def __init__(self, gui: Any, name: str, notes: tuple[str, ...], is_playing: bool) -> None:
        self.actions: SimpleQueue[Action] = SimpleQueue()
        gui.set_panel_label(PurePath(name).name or name)
        self._notes = notes
        self._note = gui.add_markdown("\n\n".join(notes), visible=bool(notes))
        with gui.add_folder("Timeline"):
            self._timeline(gui, is_playing)
        with gui.add_folder("People"):
            self._people = gui.add_markdown("Waiting for the first frame.")
        with gui.add_folder("Ruler"):
            self._ruler = gui.add_markdown(_RULER)
            buttons = gui.add_button_group("ruler", ("Measure", "Clear"))
            buttons.on_click(lambda event: self._put(event.target.value.lower(), None))
        with gui.add_folder("Show"):
            for part in PARTS:
                box = gui.add_checkbox(part, True)
                self._tell(box, partial(_pair, "show", part))
            gui.add_button("Look from the camera").on_click(lambda event: self._put("look", event.client_id))

    def _timeline(self, gui: Any, is_playing: bool) -> None:
        self._play = gui.add_checkbox("play", is_playing)
        self._tell(self._play, lambda value: ("play", bool(value)))
        self._slider = gui.add_slider("frame", min=0, max=1, step=1, initial_value=0, disabled=True)
        self._tell(self._slider, lambda value: ("seek", int(value)))
        speeds = gui.add_dropdown("speed", tuple(f"{speed:g} x" for speed in SPEEDS), initial_value="1 x")
        self._tell(speeds, lambda value: ("speed", float(value.split()[0])))
        self._status = gui.add_markdown("")

    def _put(self, name: str, value: Any) -> None:
        self.actions.put((name, value))

    def _tell(self, widget: Any, action: Callable[[Any], Action]) -> None:
        """Queue the action of what a user does with a widget; not of what this program does with it."""

        def on_update(event: Any) -> None:
            if event.client is not None:
                self.actions.put(action(event.target.value))

        widget.on_update(on_update)

    def show_time(self, index: int, first: int, count: int, status: str) -> None:
        """Show the frame that is on, the oldest that can be shown, how many there are, and the line below."""
        if self._slider.max != max(1, count - 1):
            self._slider.max, self._slider.disabled = max(1, count - 1), count < 2
        if self._slider.min != min(first, self._slider.max - 1):
            self._slider.min = min(first, self._slider.max - 1)
        if self._slider.value != index:
            self._slider.value = index
        if self._status.content != status:
            self._status.content = status

    def show_people(self, table: str) -> None:
        """Show the table of people."""
        if self._people.content != table:
            self._people.content = table

    def show_ruler(self, text: str) -> None:
        """Show what the ruler says; empty: how to use it."""
        self._ruler.content = text or _RULER

    def show_note(self, text: str) -> None:
        """Show one more note above everything."""
        content = "\n\n".join(filter(None, (*self._notes, text)))
        if self._note.content != content:
            self._note.content, self._note.visible = content, bool(content)


def _pair(name: str, first: Any, second: Any) -> Action:
    return name, (first, second)
