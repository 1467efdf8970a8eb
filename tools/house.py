"""Measures how this repository is built: folders, import circles, arrows that run up, names defined twice, README.

Every import counts: at the top of a module, inside a function, and under `if TYPE_CHECKING`. The layers are those of
the import-linter contracts of type "layers" in pyproject.toml. The generated messages are left out.

    python tools/house.py [REPOSITORY]     # standard library only, any Python >= 3.10; exit code 1: a limit is broken
"""

from __future__ import annotations

import argparse
import ast
import re
import sys
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

PACKAGE = "metrichmsr_ros"
GENERATED = f"{PACKAGE}.msg"
MOST_MODULES = 16  # in a folder
MOST_README_WORDS = 600
NAMED_LIKE_A_CLASS = re.compile(r"[A-Z]\w*[a-z]\w*")
TYPE_WORDS = {"NDArray", "Literal", "Callable", "Mapping", "Sequence", "Union", "Optional", "Annotated", "TypeAlias"}


@dataclass(frozen=True)
class Module:
    """One Python file of the package: dotted name, path relative to the repository, syntax tree."""

    name: str
    path: Path
    tree: ast.Module

    @property
    def is_package(self) -> bool:
        """Whether this is the `__init__` of its folder."""
        return self.path.name == "__init__.py"

    @property
    def folder(self) -> str:
        """The folder, "metrichmsr_ros/data"; the `__init__` of the whole package is its public face, a folder alone."""
        return str(self.path if self.name == PACKAGE else self.path.parent)


@dataclass(frozen=True)
class Arrow:
    """Module `source` imports module `target`; `text` says so with the file and the line of the first such import."""

    source: Module
    target: Module
    text: str


@dataclass(frozen=True)
class Contract:
    """Layers of one container, top to bottom: each one or more siblings as import-linter writes them, "a | b"."""

    container: str
    layers: tuple[str, ...]

    def position(self, module: Module) -> tuple[int, str] | None:
        """How many layers are above the module, and its sibling in its own layer; None for a module without a layer.

        Modules of the package's root that no layer lists are below all; elsewhere such modules have no layer. Nor has
        the `__init__` of the container.
        """
        if not module.name.startswith(f"{self.container}."):
            return None
        name = module.name[len(self.container) :] + "."
        for level, layer in enumerate(self.layers):
            for sibling in re.findall(r"[\w.]+", layer):
                if name.startswith(f".{sibling}."):
                    return level, sibling
        return (len(self.layers), "") if self.container == PACKAGE else None

    def runs_up(self, arrow: Arrow) -> bool:
        """Whether a lower layer imports a higher one, or one of two independent siblings ("a | b") the other."""
        source, target = self.position(arrow.source), self.position(arrow.target)
        if source is None or target is None or source == target:
            return False
        return source[0] > target[0] or (source[0] == target[0] and "|" in self.layers[source[0]])


def read_modules(root: Path) -> dict[str, Module]:
    """All modules of the repository's package by dotted name, without the generated ones."""
    modules = {}
    for path in sorted((root / PACKAGE).rglob("*.py")):
        relative = path.relative_to(root)
        name = ".".join(relative.with_suffix("").parts).removesuffix(".__init__")
        if not f"{name}.".startswith(f"{GENERATED}."):
            modules[name] = Module(name, relative, ast.parse(path.read_text(encoding="utf-8"), str(path)))
    return modules


def imported(node: ast.Import | ast.ImportFrom, module: Module) -> Iterator[tuple[str, ...]]:
    """For each name that an import statement of `module` brings, the modules that it may mean, best first."""
    if isinstance(node, ast.Import):
        yield from ((alias.name,) for alias in node.names)
        return
    parents = module.name.split(".")
    steps_up = node.level - module.is_package
    start = parents[: len(parents) - steps_up] if node.level else []
    base = ".".join([*start, *filter(None, [node.module])])
    yield from ((f"{base}.{alias.name}", base) for alias in node.names if f"{base}.{alias.name}" != GENERATED)


def read_arrows(modules: Mapping[str, Module]) -> list[Arrow]:
    """Imports between the modules, one for each pair of modules."""
    arrows: dict[tuple[str, str], Arrow] = {}
    for module in modules.values():
        for node in ast.walk(module.tree):
            if isinstance(node, (ast.Import, ast.ImportFrom)):
                targets = [next((name for name in names if name in modules), "") for names in imported(node, module)]
                for name in {*targets} - {"", module.name}:
                    text = f"{module.path}:{node.lineno} imports {name}"
                    arrows.setdefault((module.name, name), Arrow(module, modules[name], text))
    return [arrows[pair] for pair in sorted(arrows)]


def find_circles(pairs: Iterable[tuple[str, str]]) -> list[list[str]]:
    """Strongly connected components of two or more nodes; `pairs` are (source, target)."""
    reached: dict[str, set[str]] = defaultdict(set)
    for source, target in pairs:
        reached[source].add(target)
    for middle in list(reached):  # Warshall: afterwards every node has all nodes that a path leads to
        for targets in reached.values():
            if middle in targets:
                targets |= reached[middle]
    circles = {frozenset(other for other in reached[node] if node in reached.get(other, ())) for node in reached}
    return sorted(sorted(circle) for circle in circles if circle)


def read_contracts(text: str) -> list[Contract]:
    """The contracts of type "layers" in a pyproject.toml, one for each container."""
    text = re.sub(r"""("[^"\n]*"|'[^'\n]*')|#[^\n]*""", r"\1", text)  # without comments
    contracts = []
    for table in re.findall(r"^\[\[tool\.importlinter\.contracts\]\](.*?)(?=^\[|\Z)", text, re.MULTILINE | re.DOTALL):
        entries = re.findall(r"""^(\w+)\s*=\s*(\[[^]]*\]|"[^"\n]*"|'[^'\n]*')""", table, re.MULTILINE)
        values = {key: ast.literal_eval(value) for key, value in entries}
        if values["type"] == "layers":
            contracts += [Contract(container, tuple(values["layers"])) for container in values["containers"]]
    return contracts


def defined(parent: ast.AST) -> Iterator[str]:
    """Public classes and type aliases at the top of a module, those in an `if` or `try` too."""
    for node in ast.iter_child_nodes(parent):
        names: list[str] = []
        if isinstance(node, ast.ClassDef):
            names = [node.name]
        elif isinstance(node, (ast.If, ast.Try, ast.ExceptHandler)):
            names = list(defined(node))
        elif isinstance(node, (ast.Assign, ast.AnnAssign)):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            names = [name.id for name in targets if isinstance(name, ast.Name) and is_alias(name.id, node)]
        yield from (name for name in names if not name.startswith("_"))


def is_alias(name: str, node: ast.Assign | ast.AnnAssign) -> bool:
    """Whether an assignment makes `name` a type: it is named like a class, or its value or annotation says so."""
    hints = (getattr(node, "annotation", None), getattr(node.value, "value", None))
    words = {getattr(hint, "id", getattr(hint, "attr", None)) for hint in hints}
    return bool(NAMED_LIKE_A_CLASS.fullmatch(name) or words & TYPE_WORDS)


def show(title: str, findings: list[str]) -> int:
    """Print findings below their title; returns their number."""
    print(f"\n{title}: {len(findings)}", *findings, sep="\n  ")
    return len(findings)


def show_folders(modules: Mapping[str, Module]) -> int:
    """Print each folder's number of modules; returns how many folders hold too many."""
    sizes = Counter(str(module.path.parent) for module in modules.values() if not module.is_package)
    print(f"Modules in each folder (at most {MOST_MODULES}):")
    for folder, size in sorted(sizes.items()):
        print(f"  {size:3d}  {folder}{'  TOO MANY' if size > MOST_MODULES else ''}")
    return sum(size > MOST_MODULES for size in sizes.values())


def show_circles(kind: str, ends: Mapping[Arrow, tuple[str, str]]) -> int:
    """Print the circles among the `ends` (source, target) of arrows, and their arrows; returns their number."""
    findings = []
    for circle in find_circles(ends.values()):
        inside = [arrow.text for arrow, pair in ends.items() if {*pair} <= {*circle}]
        findings.append("\n    ".join([" <-> ".join(circle), *inside]))
    return show(f"Circles of {kind} (imports inside functions and under TYPE_CHECKING count)", findings)


def are_apart(first: str, second: str) -> bool:
    """Whether neither folder lies inside the other; a folder and its parts are one thing."""
    return not (f"{first}/".startswith(f"{second}/") or f"{second}/".startswith(f"{first}/"))


def show_upward(contracts: list[Contract], arrows: list[Arrow]) -> int | None:
    """Print the imports that run up; returns their number, None where there are no layers."""
    if not contracts:
        print("\nArrows that run up: unchecked, because pyproject.toml has no import-linter contract of type layers")
        return None
    upward = [arrow.text for arrow in arrows if any(contract.runs_up(arrow) for contract in contracts)]
    return show("Arrows that run up", upward)


def show_names(modules: Mapping[str, Module]) -> int:
    """Print public names of classes and type aliases that several modules define; returns their number."""
    files: dict[str, list[str]] = defaultdict(list)
    for module in modules.values():
        for name in {*defined(module.tree)}:
            files[name].append(str(module.path))
    twice = [f"{name}: {', '.join(paths)}" for name, paths in sorted(files.items()) if len(paths) > 1]
    return show("Names of classes and type aliases defined twice", twice)


def show_house(root: Path) -> bool:
    """Print everything about the repository at `root`; returns whether all limits hold."""
    modules = read_modules(root)
    arrows = read_arrows(modules)
    large = show_folders(modules)
    circles = show_circles("modules", {arrow: (arrow.source.name, arrow.target.name) for arrow in arrows})
    between = [arrow for arrow in arrows if are_apart(arrow.source.folder, arrow.target.folder)]
    circles += show_circles("folders", {arrow: (arrow.source.folder, arrow.target.folder) for arrow in between})
    upward = show_upward(read_contracts((root / "pyproject.toml").read_text(encoding="utf-8")), arrows)
    twice = show_names(modules)
    words = len((root / "README.md").read_text(encoding="utf-8").split())
    print(
        f"\n{circles} circles, {'unchecked' if upward is None else upward} upward arrows, {large} folders over "
        f"{MOST_MODULES} modules, {twice} names defined twice, README {words} words (limit {MOST_README_WORDS})"
    )
    return (circles, upward, large, twice) == (0, 0, 0, 0) and words <= MOST_README_WORDS


def main() -> int:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description="Folders, import circles, upward arrows, double names, README.")
    parser.add_argument("repository", nargs="?", type=Path, default=Path(__file__).resolve().parent.parent)
    root = parser.parse_args().repository
    for path in (root / PACKAGE / "__init__.py", root / "pyproject.toml", root / "README.md"):
        if not path.is_file():
            parser.error(f"{path} is not a file; give the root folder of a {PACKAGE} repository")
    return 0 if show_house(root) else 1


if __name__ == "__main__":
    sys.exit(main())
