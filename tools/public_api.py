"""Writes docs/reference/public_api.txt, the public interface: one line for each thing that users may rely on.

    python tools/public_api.py                    # write the file; needs neither ROS nor a network
    python tools/public_api.py --since OLD.txt    # print what OLD.txt has and the code lacks; exit code 1 if any

Python names with their signatures, commands with their arguments, messages with their fields, parameters with their
types, topics and services with theirs, and launch files. All else may change in any version.
"""

from __future__ import annotations

import argparse
import inspect
import re
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "tools")]

from generate_reference import MESSAGES, arguments_of, command_names, help_of  # noqa: E402

import metrichmsr_ros  # noqa: E402
from metrichmsr_ros.ros.following.parameters import FOLLOW_PARAMETERS  # noqa: E402
from metrichmsr_ros.ros.fusion.parameters import FUSION_PARAMETERS  # noqa: E402
from metrichmsr_ros.ros.parameters import PARAMETERS  # noqa: E402

FILE = ROOT / "docs" / "reference" / "public_api.txt"
NODES = {"perception": PARAMETERS, "fusion": FUSION_PARAMETERS, "follow": FOLLOW_PARAMETERS}


def main() -> int:
    """Write the file, or compare with an older one; the exit status."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--since", type=Path, help="an older file, for example of the last release")
    since: Path | None = parser.parse_args().since
    if since is None:
        FILE.write_text(interface(), encoding="utf-8")
        return 0
    gone = gone_since(since.read_text(encoding="utf-8"))
    for line in gone:
        print(f"no longer there: {line}")
    return 1 if gone else 0


def interface() -> str:
    """The text of the file."""
    parts = (python_lines(), command_lines(), message_lines(), parameter_lines(), topic_lines(), launch_lines())
    return "\n".join(line for part in parts for line in part) + "\n"


def gone_since(before: str) -> list[str]:
    """Lines of an older file that the code no longer has."""
    return sorted(set(before.splitlines()) - set(interface().splitlines()))


def python_lines() -> Iterator[str]:
    """Names that the package exports, their parameters, and the public members of its classes."""
    for name in sorted(metrichmsr_ros.__all__):
        value = getattr(metrichmsr_ros, name)
        yield from _callable_lines(name, value)
        if inspect.isclass(value):
            for member in sorted(vars(value)):
                if not member.startswith("_"):
                    yield from _callable_lines(f"{name}.{member}", getattr(value, member))


def _callable_lines(name: str, value: object) -> Iterator[str]:
    """The name, and one line for each of its parameters, so that a new optional one changes no line."""
    yield f"python {name}"
    if not callable(value) or (inspect.isclass(value) and issubclass(value, Exception)):
        return
    signature = inspect.signature(value)
    for parameter in signature.parameters.values():
        if parameter.name != "self":
            left_out = "" if parameter.default is inspect.Parameter.empty else ", may be left out"
            yield f"python {name}({parameter.name}) {_text(parameter.annotation)}{left_out}"
    if not inspect.isclass(value):
        yield f"python {name} -> {_text(signature.return_annotation)}"


def _text(annotation: object) -> str:
    return str(annotation).strip("'\"")


def command_lines() -> Iterator[str]:
    """Commands with their arguments and options."""
    for command in command_names():
        yield f"command {command}"
        for argument in arguments_of(help_of(command)):
            yield f"command {command} {argument.written}"


def message_lines() -> Iterator[str]:
    """Messages with their fields."""
    for name in MESSAGES:
        for line in (ROOT / "msg" / f"{name}.msg").read_text(encoding="utf-8").splitlines():
            if field := re.match(r"(\w\S*)\s+(\S+)", line):
                yield f"message {name}.{field[2]} {field[1]}"


def parameter_lines() -> Iterator[str]:
    """Parameters of the nodes with their types."""
    for node, parameters in NODES.items():
        for parameter in parameters.values():
            yield f"parameter {node}.{parameter.name} {parameter.type_name}"


def topic_lines() -> Iterator[str]:
    """Topics and services, as their page lists them; a test compares the page with running nodes."""
    node = "perception"
    for line in (ROOT / "docs" / "reference" / "topics.md").read_text(encoding="utf-8").splitlines():
        if heading := re.match(r"## (?:The (\w+) node)?", line):
            node = heading[1] or "perception"
        elif row := re.match(r"\| (`[^|]+) \| `(\w+/\w+)`", line):
            for name in re.findall(r"`([^`]+)`", row[1]):
                yield f"topic {node} {name} {row[2]}"


def launch_lines() -> Iterator[str]:
    """Launch files; each takes the parameters of its node as arguments."""
    for path in sorted((ROOT / "launch").glob("*.launch.py")):
        yield f"launch {path.name}"


if __name__ == "__main__":
    sys.exit(main())
