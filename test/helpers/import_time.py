"""What Python files import when they are imported themselves, followed through this repository's own modules."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from helpers.repository import ROOT, TESTS

OWN = {"metrichmsr_ros": ROOT, "benchmarks": ROOT, "helpers": TESTS}


def packages_at_import(path: Path) -> set[str]:
    """Top-level names of the packages that importing a file imports, its own modules' imports included."""
    packages: set[str] = set()
    seen: set[Path] = set()
    todo = [path]
    while todo:
        file = todo.pop()
        if file in seen:
            continue
        seen.add(file)
        names = names_at_import(file)
        packages |= {name.partition(".")[0] for name in names}
        todo += [own for name in names for own in own_files(name)]
    return packages


@cache
def names_at_import(path: Path) -> tuple[str, ...]:
    """Dotted names in the import statements that run when a file is imported; "a.b" and "a" for `from a import b`."""
    names: list[str] = []
    for statement in statements_at_import(ast.parse(path.read_text(encoding="utf-8")).body):
        if isinstance(statement, ast.Import):
            names += [alias.name for alias in statement.names]
        elif isinstance(statement, ast.ImportFrom) and statement.module:
            names += [statement.module, *(f"{statement.module}.{alias.name}" for alias in statement.names)]
    return tuple(names)


def statements_at_import(body: list[ast.stmt]) -> Iterator[ast.stmt]:
    """The statements outside functions and outside `if TYPE_CHECKING`."""
    for statement in body:
        if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        yield statement
        typing_only = isinstance(statement, ast.If) and "TYPE_CHECKING" in ast.unparse(statement.test)
        for part in ("orelse",) if typing_only else ("body", "orelse", "finalbody"):
            yield from statements_at_import(getattr(statement, part, []))
        for handler in getattr(statement, "handlers", []):
            yield from statements_at_import(handler.body)


def own_files(name: str) -> list[Path]:
    """The repository's files that importing a dotted name runs: those of its parents too; none for other packages."""
    parts = name.split(".")
    if parts[0] not in OWN:
        return []
    places = [OWN[parts[0]].joinpath(*parts[:count]) for count in range(1, len(parts) + 1)]
    files = [file for place in places for file in (place / "__init__.py", place.with_suffix(".py"))]
    return [file for file in files if file.is_file()]
