"""Every `metrichmsr` command of the documentation and of the configurations' comments parses, as it is written."""

from __future__ import annotations

import functools
import re
import shlex
from collections.abc import Callable
from typing import Any, get_type_hints

import pytest
import tyro
from helpers.markdown import pages, shell_commands
from helpers.repository import ROOT

from metrichmsr_ros.cli import main

FILES = [*pages(), ROOT / "CHANGELOG.md", *sorted((ROOT / "config").rglob("*.yaml"))]
# Words that stand for one of a few that the command line takes.
GIVEN = {"COMMAND": "eval"}


def commands() -> list[tuple[str, str]]:
    """(file, command) of those with arguments; a command's bare name in a sentence is not one."""
    found = set()
    for file in FILES:
        for command in shell_commands(file):
            command = re.sub(r"\s+\|.*|[\\)]$", "", command.replace("\\ # ", " "))
            if len(command.split()) > 2 and command.startswith("metrichmsr ") and "..." not in command:
                found.add((str(file.relative_to(ROOT)), command))
    return sorted(found)


def without_effect(command: Callable[..., None]) -> Callable[..., None]:
    """A function with the same arguments that does nothing."""

    @functools.wraps(command)
    def nothing(*args: Any, **kwargs: Any) -> None:
        return None

    nothing.__annotations__ = get_type_hints(command, include_extras=True)
    return nothing


@pytest.mark.parametrize(("file", "command"), commands())
def test_commands_parse(file: str, command: str, capsys: pytest.CaptureFixture[str]) -> None:
    name, *words = [GIVEN.get(word, word) for word in shlex.split(command)[1:]]
    function = getattr(main, {"eval": "evaluate"}.get(name, name).replace("-", "_"))
    try:
        tyro.cli(without_effect(function), args=words)
    except SystemExit as stop:
        if stop.code:
            pytest.fail(f"{file}: {command}\n{capsys.readouterr().err}")
