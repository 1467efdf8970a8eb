"""`tools/house.py` on small synthetic repositories, each with one fault, and on this one."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from helpers.repository import ROOT

HOUSE = ROOT / "tools" / "house.py"
CLEAN = "0 circles, 0 upward arrows, 0 folders over 16 modules, 0 names defined twice, README 3 words (limit 600)"
CONTRACT = """
[tool.importlinter]
root_package = "metrichmsr_ros"

[[tool.importlinter.contracts]]
name = "Layers [top to bottom]"
type = "layers"
containers = ["metrichmsr_ros"]
layers = [
    "cli",              # the command line, "ros" is below [it]
    "ros | evaluation",
    "(data) : training",
    "body",
]

[tool.other]
layers = ["body", "cli"]
"""


def build(root: Path, files: dict[str, str], contracts: str = CONTRACT, readme: str = "Three words here") -> Path:
    """Create a repository at `root` whose package contains `files`; every folder is a package."""
    package = root / "metrichmsr_ros"
    for name, text in {"__init__.py": "", **files}.items():
        path = package / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        for folder in path.relative_to(root).parents[:-1]:
            (root / folder / "__init__.py").touch()
    (root / "pyproject.toml").write_text('[project]\nname = "metrichmsr_ros"\n' + contracts)
    (root / "README.md").write_text(readme)
    return root


def run(*arguments: Path, cwd: Path | None = None) -> tuple[int, str]:
    """Exit code and output of the tool, run with the standard library only."""
    done = subprocess.run(
        [sys.executable, "-I", "-S", HOUSE, *arguments], capture_output=True, text=True, check=False, cwd=cwd
    )
    return done.returncode, done.stdout + done.stderr


def lines(text: str) -> list[str]:
    return [line.strip() for line in text.splitlines()]


def summary(text: str) -> str:
    return text.splitlines()[-1]


def test_a_repository_without_faults_passes(tmp_path):
    files = {
        "errors.py": "class HouseError(Exception): ...",
        "body/load.py": "from metrichmsr_ros.errors import HouseError",
        "data/crops.py": "from ..body import load\nfrom ..errors import HouseError",
        "cli/main.py": "import metrichmsr_ros.data.crops\nfrom metrichmsr_ros import errors, __version__",
    }
    code, text = run(build(tmp_path, files))
    assert summary(text) == CLEAN
    assert code == 0


def test_folders_are_counted_without_init_and_generated_messages(tmp_path):
    files = {f"data/formats/f{index}.py": "" for index in range(17)} | {f"data/d{index}.py": "" for index in range(16)}
    files |= {f"msg/_m{index}.py": "class Header: ..." for index in range(20)}
    code, text = run(build(tmp_path, files | {"errors.py": ""}))
    counts = lines(text)[1:4]
    assert counts == ["1  metrichmsr_ros", "16  metrichmsr_ros/data", "17  metrichmsr_ros/data/formats  TOO MANY"]
    assert summary(text) == CLEAN.replace("0 folders", "1 folders")
    assert code == 1


def test_a_circle_of_modules_is_printed_with_its_imports(tmp_path):
    files = {
        "body/base.py": "def load():\n    from metrichmsr_ros.body.smpl import Smpl\n",
        "body/smpl.py": "from metrichmsr_ros.body import pickles",
        "body/pickles.py": "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from .base import load\n",
        "body/joints.py": "from . import base",  # leads into the circle, and is not part of it
    }
    code, text = run(build(tmp_path, files))
    assert "Circles of modules (imports inside functions and under TYPE_CHECKING count): 1" in text
    start = lines(text).index("metrichmsr_ros.body.base <-> metrichmsr_ros.body.pickles <-> metrichmsr_ros.body.smpl")
    assert lines(text)[start + 1 : start + 5] == [
        "metrichmsr_ros/body/base.py:2 imports metrichmsr_ros.body.smpl",
        "metrichmsr_ros/body/pickles.py:3 imports metrichmsr_ros.body.base",
        "metrichmsr_ros/body/smpl.py:1 imports metrichmsr_ros.body.pickles",
        "",
    ]
    assert summary(text) == CLEAN.replace("0 circles", "1 circles")
    assert code == 1


def test_a_circle_of_folders_without_a_circle_of_modules_is_found(tmp_path):
    files = {
        "data/formats/labels.py": "",
        "data/formats/crops.py": "from ..rendering.room import Room",
        "data/rendering/room.py": "from ..formats.labels import Label",
    }
    code, text = run(build(tmp_path, files))
    assert "metrichmsr_ros/data/formats <-> metrichmsr_ros/data/rendering" in lines(text)
    assert "metrichmsr_ros/data/rendering/room.py:1 imports metrichmsr_ros.data.formats.labels" in lines(text)
    assert summary(text) == CLEAN.replace("0 circles", "1 circles")
    assert code == 1


def test_imports_between_a_folder_and_its_subfolders_are_not_circles(tmp_path):
    files = {
        "data/labels.py": "",
        "data/crops.py": "from .rendering.room import Room",
        "data/rendering/room.py": "from ..labels import Label",
    }
    code, text = run(build(tmp_path, files))
    assert (code, summary(text)) == (0, CLEAN)


def test_two_circles_are_two_findings(tmp_path):
    files = {
        "body/a.py": "from . import b",
        "body/b.py": "from . import a",
        "data/c.py": "from . import d\nfrom metrichmsr_ros.body import a",
        "data/d.py": "from . import c",
    }
    _, text = run(build(tmp_path, files))
    assert {"metrichmsr_ros.body.a <-> metrichmsr_ros.body.b", "metrichmsr_ros.data.c <-> metrichmsr_ros.data.d"} < {
        *lines(text)
    }
    assert summary(text) == CLEAN.replace("0 circles", "2 circles")


def test_the_init_of_the_package_may_import_from_all_layers(tmp_path):
    files = {
        "__init__.py": "if TYPE_CHECKING:\n    from metrichmsr_ros.data.crops import Crop",
        "errors.py": "",
        "data/crops.py": "from metrichmsr_ros import errors, msg",  # msg is generated; errors is a module
    }
    code, text = run(build(tmp_path, files))
    assert summary(text) == CLEAN
    assert code == 0
    (tmp_path / "metrichmsr_ros/data/crops.py").write_text("from metrichmsr_ros import Crop")
    _, text = run(tmp_path)
    assert "metrichmsr_ros <-> metrichmsr_ros.data.crops" in lines(text)


@pytest.mark.parametrize(
    ("file", "imports", "up"),
    [
        ("body/base.py", "metrichmsr_ros.cli.main", True),
        ("cli/main.py", "metrichmsr_ros.body.base", False),
        ("ros/node.py", "metrichmsr_ros.evaluation.metrics", True),  # independent siblings
        ("ros/node.py", "metrichmsr_ros.ros.inputs", False),
        ("data/crops.py", "metrichmsr_ros.training.human", False),  # siblings that may import each other
        ("training/human.py", "metrichmsr_ros.evaluation.metrics", True),
        ("errors.py", "metrichmsr_ros.body.base", True),  # root modules without a layer are below all
        ("body/base.py", "metrichmsr_ros.errors", False),
        ("errors.py", "metrichmsr_ros.types", False),
        ("bodyguard.py", "metrichmsr_ros.body.base", True),  # a name that only begins as a layer's does
    ],
)
def test_arrows_against_the_layers_of_the_contract(tmp_path, file, imports, up):
    target = imports.removeprefix("metrichmsr_ros.").replace(".", "/") + ".py"
    code, text = run(build(tmp_path, {target: "", file: f"import {imports}"}))
    assert (f"metrichmsr_ros/{file}:1 imports {imports}" in lines(text)) == up
    assert summary(text) == CLEAN.replace("0 upward", f"{int(up)} upward")
    assert code == int(up)


def test_layers_inside_another_container_are_read_too(tmp_path):
    inner = """
[[tool.importlinter.contracts]]
name = "Only ros/ imports rclpy"
type = "forbidden"
source_modules = ["metrichmsr_ros.data"]
forbidden_modules = ["rclpy"]

[[tool.importlinter.contracts]]
name = 'Inside data'
type = 'layers'
containers = ['metrichmsr_ros.data', "metrichmsr_ros.body"]
layers = ['synthesis', 'rendering']
"""
    files = {
        "data/rendering/room.py": "from metrichmsr_ros.data.synthesis import shards",
        "data/synthesis/shards.py": "from metrichmsr_ros.data import mixing",
        "data/mixing.py": "",  # no layer names it: it has none
        "data/crops.py": "from metrichmsr_ros.data.synthesis.shards import Shard",
    }
    _, text = run(build(tmp_path, files, CONTRACT + inner))
    assert "Arrows that run up: 1" in lines(text)
    assert "metrichmsr_ros/data/rendering/room.py:1 imports metrichmsr_ros.data.synthesis.shards" in lines(text)


def test_without_a_contract_upward_arrows_are_unchecked_and_the_limit_is_not_met(tmp_path):
    code, text = run(build(tmp_path, {"body/base.py": "import metrichmsr_ros.cli.main", "cli/main.py": ""}, ""))
    assert "Arrows that run up: unchecked, because pyproject.toml has no import-linter contract of type layers" in text
    assert summary(text) == CLEAN.replace("0 upward", "unchecked upward")
    assert code == 1


@pytest.mark.parametrize(
    ("first", "second", "name"),
    [
        ("class Room: ...", "class Room(Protocol): ...", "Room"),
        ("Array = NDArray[np.float64]", "Array = TypeVar('Array')", "Array"),
        ("class Mode(Enum): ...", "Mode = Literal['a', 'b']", "Mode"),
        ("Fit: TypeAlias = 'Callable[[], None]'", "try:\n    import x\nexcept ImportError:\n    class Fit: ...", "Fit"),
        ("RGB = np.typing.NDArray[np.uint8]", "if X:\n    RGB = Callable[[], int]\nelse:\n    RGB = None", "RGB"),
        ("Room = Table | None", "Room = Table", "Room"),
    ],
)
def test_names_defined_twice_are_listed_with_their_files(tmp_path, first, second, name):
    code, text = run(build(tmp_path, {"body/base.py": first, "data/crops.py": second}))
    assert f"{name}: metrichmsr_ros/body/base.py, metrichmsr_ros/data/crops.py" in lines(text)
    assert summary(text) == CLEAN.replace("0 names", "1 names")
    assert code == 1


@pytest.mark.parametrize(
    "text",
    [
        "class _Room: ...\n_Array = NDArray[np.float64]",
        "LIMIT = 3\nCELLS = SIZES[0]\nlog = logging.getLogger(__name__)",
        "def build():\n    class Room: ...",
        "class Outer_{}:\n    class Inner: ...\n    Kind = Literal['a']",
        "from .names import Room",
    ],
)
def test_private_inner_and_imported_names_and_constants_may_repeat(tmp_path, text):
    files = {f"{folder}/{folder}.py": text.format(folder) for folder in ("body", "data")}
    code, printed = run(build(tmp_path, files))
    assert summary(printed) == CLEAN
    assert code == 0


@pytest.mark.parametrize(("words", "code"), [(600, 0), (601, 1)])
def test_words_of_the_readme_are_counted_code_blocks_included(tmp_path, words, code):
    readme = "# Title\n```sh\nmake demo\n```\n" + "word\n" * (words - 6)
    found, text = run(build(tmp_path, {}, readme=readme))
    assert summary(text) == CLEAN.replace("README 3 words", f"README {words} words")
    assert found == code


def test_a_folder_that_is_not_a_repository_is_named_in_the_error(tmp_path):
    code, text = run(tmp_path)
    assert code == 2
    assert f"{tmp_path / 'metrichmsr_ros' / '__init__.py'} is not a file" in text


def test_this_repository_keeps_all_limits_measured_from_any_folder(tmp_path):
    code, text = run(cwd=tmp_path)
    assert code == 0, text
    assert summary(text).startswith("0 circles, 0 upward arrows, 0 folders over 16 modules, 0 names defined twice, ")
    assert "  metrichmsr_ros/geometry\n" in text
