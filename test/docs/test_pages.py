"""The documentation names only what exists: links, files, modules, commands and their options."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
from helpers.markdown import anchors, inline_code, links, pages, shell_commands
from helpers.repository import ROOT
from helpers.tools import load_tool

PATHS = re.compile(
    r"(?<![\w/.~-])(?:benchmarks|cmake|config|docs|launch|metrichmsr_ros|msg|scripts|test|tools)/[\w./*-]*[\w*]"
)
MODULES = re.compile(r"\b(?:metrichmsr_ros|benchmarks)(?:\.\w+)+")
NOT_FILES = re.compile(r"metrichmsr_ros[./](?:msg\b|[A-Z]\w*$)|^metrichmsr_ros\.egg")  # generated; message types


def name(page: Path) -> str:
    return str(page.relative_to(ROOT))


@pytest.fixture(scope="module")
def reference():
    return load_tool("generate_reference")


def test_readme_is_short():
    assert len((ROOT / "README.md").read_text(encoding="utf-8").split()) <= 600


@pytest.mark.parametrize("page", pages(), ids=name)
def test_links_lead_somewhere(page):
    for target in links(page):
        file, _, anchor = target.partition("#")
        path = (page.parent / file).resolve() if file else page
        assert path.is_file(), f"{name(page)} links to {target}, and there is no such file"
        if anchor:
            assert anchor in anchors(path), f"{name(page)} links to {target}; headings: {sorted(anchors(path))}"


@pytest.mark.parametrize("page", pages(), ids=name)
def test_files_and_modules_that_are_named_exist(page):
    for code in inline_code(page):
        for path in PATHS.findall(code):
            if not NOT_FILES.search(path):
                assert list(ROOT.glob(path)), f"{name(page)} names {path}, and there is no such file"
        for module in MODULES.findall(code):
            if not NOT_FILES.search(module):
                assert _module_exists(module), f"{name(page)} names {module}, and there is no such module"


def _module_exists(dotted: str) -> bool:
    """Whether `dotted` is a module, or a name that its parent module mentions."""
    path = ROOT.joinpath(*dotted.split("."))
    if path.is_dir() or path.with_suffix(".py").is_file():
        return True
    parent = next((p for p in (path.parent.with_suffix(".py"), path.parent / "__init__.py") if p.is_file()), None)
    return parent is not None and re.search(rf"\b{path.name}\b", parent.read_text(encoding="utf-8")) is not None


@pytest.mark.parametrize("page", pages(), ids=name)
def test_modules_that_are_run_exist(page):
    for command in shell_commands(page):
        if command.startswith("python -m "):
            assert _module_exists(command.split()[2]), f"{name(page)}: {command}"


@pytest.mark.parametrize("page", pages(), ids=name)
def test_launch_files_have_the_arguments_that_are_given(page):
    parameters = (ROOT / "config" / "perception.yaml").read_text(encoding="utf-8")
    for command in shell_commands(page):
        _, kind, *words = shlex.split(command.replace("'", " "))
        if kind != "launch" or "FILE" in words:
            continue
        file = ROOT / "launch" / words[1]
        assert file.is_file(), f"{name(page)}: {command}"
        declared = file.read_text(encoding="utf-8") + parameters
        for argument in (word.partition(":=")[0] for word in words[2:] if ":=" in word):
            assert re.search(rf"\b{argument}\b", declared), f"{name(page)}: {words[1]} has no argument {argument}"


def test_generated_pages_are_those_of_the_code(reference):
    for file, text in reference.pages().items():
        path = reference.REFERENCE / file
        assert path.read_text(encoding="utf-8") == text, f"{name(path)} is old: run tools/generate_reference.py"


def test_every_option_of_every_command_is_in_the_reference(reference):
    """The tables are parsed from the help texts; the options are counted in them here in another way."""
    page = (ROOT / "docs" / "reference" / "cli.md").read_text(encoding="utf-8")
    sections = dict(re.findall(r"^## metrichmsr (\S+)\n(.*?)(?=^## |\Z)", page, re.MULTILINE | re.DOTALL))
    usage = re.search(r"\{([\w,-]+)\}", reference.help_of().splitlines()[0])
    assert usage is not None
    assert list(sections) == reference.command_names() == usage[1].split(",")
    assert "Exit code 1: an input was not annotated" in sections["annotate"]  # of the second paragraph
    for command, section in sections.items():
        shown = set(re.findall(r"(?<!\w)--[a-z][a-z-]*", reference.help_of(command))) - {"--help"}
        in_table = set(re.findall(r"--[a-z][a-z-]*", section))
        assert shown <= in_table, f"{command}: {sorted(shown - in_table)} missing in docs/reference/cli.md"


def test_the_site_lists_every_page():
    listed = set(
        re.findall(r"(\w+/\w+\.md|index\.md)$", (ROOT / "mkdocs.yml").read_text(encoding="utf-8"), re.MULTILINE)
    )
    assert listed == {str(page.relative_to(ROOT / "docs")) for page in (ROOT / "docs").rglob("*.md")}
