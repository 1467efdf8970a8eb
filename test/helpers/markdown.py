"""What tests read in a Markdown page: fenced blocks, links, headings and inline code."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from helpers.repository import ROOT

ROOT_PAGES = ("README", "CONTRIBUTING", "QUALITY_DECLARATION", "SECURITY")
_FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_NOT_RUN = re.compile(r"<!-- not run: (.+?) -->\s*\Z")


@dataclass(frozen=True)
class Block:
    """One fenced block: its page, the line it starts at, its language and text, and why tests must not run it or ""."""

    page: Path
    line: int
    language: str
    text: str
    not_run: str

    def __str__(self) -> str:
        """Where it stands."""
        return f"{self.page.relative_to(ROOT)}:{self.line}"


def pages() -> list[Path]:
    """The pages of the root folder and all of docs/."""
    return [*(ROOT / f"{name}.md" for name in ROOT_PAGES), *sorted((ROOT / "docs").rglob("*.md"))]


def blocks(page: Path) -> list[Block]:
    """The fenced blocks of `page`, in order. `<!-- not run: REASON -->` before one keeps tests from running it."""
    text = page.read_text(encoding="utf-8")
    found = []
    for match in _FENCE.finditer(text):
        before = text[: match.start()]
        reason = _NOT_RUN.search(before)
        found.append(Block(page, before.count("\n") + 1, match[1], match[2], reason[1] if reason else ""))
    return found


def prose(page: Path) -> str:
    """The text of `page` without fenced blocks."""
    return _FENCE.sub("", page.read_text(encoding="utf-8"))


def links(page: Path) -> list[str]:
    """Targets of links and images that lie in this repository."""
    targets = re.findall(r"\]\(([^)\s]+)\)", prose(page)) + re.findall(r'src="([^"]+)"', prose(page))
    return [target for target in targets if not re.match(r"[a-z]+:", target)]


def anchors(page: Path) -> set[str]:
    """What `page#...` may name: its headings, as GitHub and MkDocs write them."""
    headings = re.findall(r"^#+ (.+)$", prose(page), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading).strip().lower().replace(" ", "-") for heading in headings}


def inline_code(page: Path) -> Iterator[str]:
    """The code spans of `page`, and the words of its shell blocks."""
    yield from re.findall(r"`([^`\n]+)`", prose(page))
    for block in blocks(page):
        if block.language == "bash":
            yield block.text


def shell_commands(page: Path) -> list[str]:
    """Commands in fenced, indented and inline code that start one of our programs, each on one line."""
    text = re.sub(r"\\\n\s*", " ", page.read_text(encoding="utf-8"))
    starts = r"(?:metrichmsr \w|ros2 launch metrichmsr_ros |python -m (?:benchmarks|metrichmsr_ros)\b)"
    return [command.strip() for command in re.findall(rf"(?:^|[`\s])({starts}[^\n`#]*)", text, re.MULTILINE)]
