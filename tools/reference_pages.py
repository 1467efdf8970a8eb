"""Writes the generated pages of docs/reference: the command line, from every `--help`, and the messages, from msg/.

python tools/reference_pages.py     # needs neither ROS nor a network; `make docs` runs it
"""

from __future__ import annotations

import contextlib
import io
import os
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

REFERENCE = ROOT / "docs" / "reference"
MESSAGES = ("HumanMeshArray", "HumanMesh", "MeshTopology")
_WIDE = "1000"  # columns: no text of a help is broken into lines


@dataclass(frozen=True)
class Argument:
    """One argument of a command: how it is written, what it does, its default, "required", or "" for none."""

    written: str
    meaning: str
    default: str


def main() -> None:
    """Write every generated page."""
    for name, text in pages().items():
        path = REFERENCE / name
        path.write_text(text, encoding="utf-8")
        print(f"wrote {path.relative_to(ROOT)}")


def pages() -> dict[str, str]:
    """Text of every generated page by its file name."""
    return {"cli.md": command_line_page(), "messages.md": messages_page()}


# command line ---------------------------------------------------------------------------------------------------------


def command_line_page() -> str:
    """One section a command of `metrichmsr`."""
    head = (
        "# Command line\n\n<!-- written by tools/reference_pages.py -->\n\n"
        "`metrichmsr COMMAND --help` prints the same. In a colcon workspace the command is\n"
        "`ros2 run metrichmsr_ros metrichmsr COMMAND`. A wrong input ends with one line and exit code 2; the codes of\n"
        "`replay` are under [Replay bags](../how_to/replay.md).\n"
    )
    return "\n".join([head, *(_command_section(name) for name in command_names())])


def command_names() -> list[str]:
    """The subcommands, in the order of `metrichmsr --help`."""
    return re.findall(r"^\W+• (\w+) ", help_of(), re.MULTILINE)


def help_of(*command: str) -> str:
    """What `metrichmsr COMMAND --help` prints, on a terminal so wide that no text is broken."""
    from metrichmsr_ros.cli.main import app

    before, printed = os.environ.get("COLUMNS"), io.TextIOWrapper(io.BytesIO(), "utf-8")  # boxes need UTF-8
    os.environ["COLUMNS"] = _WIDE
    try:
        with contextlib.redirect_stdout(printed), contextlib.suppress(SystemExit):
            app.cli(prog="metrichmsr", args=[*command, "--help"])
    finally:
        os.environ.pop("COLUMNS")
        if before is not None:
            os.environ["COLUMNS"] = before
    printed.seek(0)
    return printed.read()


def arguments_of(text: str) -> list[Argument]:
    """The arguments in a help text, without --help."""
    rows: list[list[str]] = []  # as written, and the lines of the meaning
    for is_positional, line in _box_lines(text):
        if line.startswith(" "):
            if rows:
                rows[-1].append(line.strip())
        elif is_positional or line.startswith("-"):
            written, _, meaning = line.partition("  ")
            rows.append([written, meaning.strip()])
    return [_argument(written, " ".join(filter(None, lines))) for written, *lines in rows if written != "-h, --help"]


def _box_lines(text: str) -> Iterator[tuple[bool, str]]:
    """(whether the box is the one of positional arguments, the line) of every line inside the boxes of a help text."""
    is_positional = False
    for line in text.splitlines():
        if line.startswith("╭"):
            is_positional = "positional" in line
        elif line.startswith("│"):
            yield is_positional, line[2:-1].rstrip()


def _argument(written: str, text: str) -> Argument:
    found = re.fullmatch(r"(.*?)\s*\((?:default: (.*)|(required))\)", text)
    meaning, default = (found[1], found[2] or found[3] or "") if found else (text, "")
    written = re.sub(r"\{None\}\|(?:\{([A-Z ]+)\})?", r"\1", written)  # {None}|INT, {None}|{INT INT}: left out is None
    return Argument(written, meaning, "" if default in ("None", "''") else default)


def _command_section(name: str) -> str:
    text = help_of(name)
    about = text.split("\n\n")[1].strip()
    rows = [f"| {_code(a.written)} | {_default(a)} | {_cell(a.meaning)} |" for a in arguments_of(text)]
    table = ["| argument | default | meaning |", "|---|---|---|", *rows, ""] if rows else []
    return "\n".join([f"## metrichmsr {name}", "", about, "", *table])


def _default(argument: Argument) -> str:
    return "required" if argument.default == "required" else _code(argument.default)


def _code(text: str) -> str:
    return f"`{_cell(text)}`" if text else ""


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


# messages -------------------------------------------------------------------------------------------------------------


def messages_page() -> str:
    """One section a message of msg/."""
    head = (
        "# Messages\n\n<!-- written by tools/reference_pages.py -->\n\n"
        "Numbers are flat arrays of `float32`, which Python fills far faster than arrays of `Point`.\n"
        "`numpy.asarray(human.joints).reshape(24, 3)` gives them their shape back. SI units and radians throughout.\n"
    )
    return "\n".join([head, *(_message_section(name) for name in MESSAGES)])


def _message_section(name: str) -> str:
    lines = (ROOT / "msg" / f"{name}.msg").read_text(encoding="utf-8").splitlines()
    about = [line.lstrip("# ") for line in lines if line.startswith("#")]
    fields = [re.fullmatch(r"(\S+)\s+(\S+)\s*(?:#\s*(.*))?", line) for line in lines if line and line[0] != "#"]
    rows = [f"| `{m[2]}` | {_code(m[1])} | {_cell(m[3] or '')} |" for m in fields if m]
    return "\n".join([f"## {name}", "", *about, "", "| field | type | meaning |", "|---|---|---|", *rows, ""])


if __name__ == "__main__":
    main()
