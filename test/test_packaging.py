"""What users install: package.xml, setup.py, requirements and CMake agree, and a bare Python can import the package."""

from __future__ import annotations

import ast
import importlib.util
import os
import re
import shutil
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
import zipfile
from pathlib import Path

import pytest
from helpers.repository import ROOT

import metrichmsr_ros

# Import name -> name on PyPI, where they differ.
DISTRIBUTION = {"cv2": "opencv-python-headless", "yaml": "pyyaml"}
# Not on PyPI: who has them installed them from their repositories. Never at import time.
BROUGHT_ALONG = {"anycalib", "mapanything"}
# Comes with ROS, never from PyPI; allowed under ros/ alone.
ROS_PACKAGES = {
    *("rclpy", "launch", "launch_ros", "builtin_interfaces", "rcl_interfaces", "std_msgs", "std_srvs", "sensor_msgs"),
    *("geometry_msgs", "diagnostic_msgs", "visualization_msgs", "lifecycle_msgs", "tf2_msgs", "tf2_ros", "vision_msgs"),
    *("hri_msgs", "people_msgs", "ament_index_python", "message_filters", "rosidl_runtime_py", "rosgraph_msgs"),
}


def requirement_names(file: str) -> set[str]:
    lines = [line.split("#")[0].strip() for line in (ROOT / file).read_text().splitlines()]
    return {re.split(r"[<>=!~ ;\[]", line)[0].lower().replace("_", "-") for line in lines if line}


def setup_py_literal(name: str):
    """A literal that setup.py assigns, read without running it (running it would compile the messages)."""
    for node in ast.parse((ROOT / "setup.py").read_text()).body:
        if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", None) == name:
            return node.value
    raise AssertionError(f"setup.py assigns no {name}")


def extra_names() -> set[str]:
    strings = [n.value for n in ast.walk(setup_py_literal("EXTRAS")) if isinstance(n, ast.Constant)]
    return {re.split(r"[<>=!~]", text)[0].lower() for text in strings}


def extras() -> set[str]:
    return {str(key.value) for key in setup_py_literal("EXTRAS").keys}


def package_files() -> list[Path]:
    return [p for p in sorted((ROOT / "metrichmsr_ros").rglob("*.py")) if "msg" not in p.relative_to(ROOT).parts]


def everything_in_the_package() -> list[Path]:
    """Also data, style sheets and py.typed; not what was generated beside them."""
    files = [p for p in (ROOT / "metrichmsr_ros").rglob("*") if p.is_file() and p.suffix not in (".pyc", ".so")]
    return [p for p in files if "msg" not in p.relative_to(ROOT).parts]


def imports(path: Path) -> list[tuple[str, bool]]:
    """Top-level names that a file imports, and whether it does so at import time."""
    tree = ast.parse(path.read_text())
    lazy = {
        child
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Try)
        or (isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test))
        for child in ast.walk(node)
    }
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found += [(alias.name.split(".")[0], node not in lazy) for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            found.append((node.module.split(".")[0], node not in lazy))
    return [(name, eager) for name, eager in found if name not in sys.stdlib_module_names | {"metrichmsr_ros"}]


@pytest.fixture(scope="module")
def bare_python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Python with nothing installed: no ROS, no torch, not even NumPy or pip."""
    folder = tmp_path_factory.mktemp("bare")
    base = Path(sys.base_prefix, "bin", f"python{sys.version_info.major}.{sys.version_info.minor}")
    subprocess.run([base, "-m", "venv", "--without-pip", folder], check=True)
    return folder / "bin" / "python"


@pytest.fixture(scope="module")
def sources(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of what is in the repository, without what was built or fetched into it."""
    to = tmp_path_factory.mktemp("workspace") / "src" / "metrichmsr_ros"
    built = shutil.ignore_patterns(
        ".*", "build", "install", "log", "out", "runs", "dist", "*.egg-info", "__pycache__", "*.so"
    )

    def ignore(folder: str, names: list[str]) -> set[str]:
        generated = {"msg"} if Path(folder) == ROOT / "metrichmsr_ros" else set()
        return set(built(folder, names)) | generated

    shutil.copytree(ROOT, to, ignore=ignore)
    return to


def clean_environment(**changes: str) -> dict[str, str]:
    hidden = ("PYTHONPATH", "PYTHONHOME", "_ROS_WHEELS_BOOTSTRAP_COMPLETE", "LD_LIBRARY_PATH")
    return {name: value for name, value in os.environ.items() if name not in hidden} | changes


def test_import_needs_nothing(bare_python):
    code = "import sys, metrichmsr_ros, metrichmsr_ros.assets\nprint(metrichmsr_ros.__version__)\n"
    code += "print([n for n in ('rclpy', 'torch', 'numpy', 'cv2') if n in sys.modules])\n"
    result = subprocess.run(
        [bare_python, "-c", code], env=clean_environment(PYTHONPATH=str(ROOT)), capture_output=True, text=True
    )
    assert result.stdout.splitlines() == [metrichmsr_ros.__version__, "[]"], result.stderr


def test_import_reaches_for_no_heavy_package():
    """Where everything is installed, importing the package alone still loads none of it."""
    code = "import sys, metrichmsr_ros; print([n for n in ('rclpy', 'torch', 'numpy', 'cv2') if n in sys.modules])"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"


def test_versions_agree():
    package = ElementTree.parse(ROOT / "package.xml").getroot()
    assert package.attrib["format"] == "3"
    assert package.findtext("version") == metrichmsr_ros.__version__
    assert f'version="{metrichmsr_ros.__version__}"' in (ROOT / "setup.py").read_text()
    assert f"## {metrichmsr_ros.__version__}" in (ROOT / "CHANGELOG.md").read_text()


def depends(*tags: str, conditional: bool = False) -> set[str]:
    """Names of package.xml's dependencies of these kinds, those with a condition or those without."""
    package = ElementTree.parse(ROOT / "package.xml").getroot()
    return {str(d.text) for d in package if d.tag in tags and ("condition" in d.attrib) == conditional}


def test_package_xml_names_what_is_imported_and_nothing_else():
    package_of = {"tf2_ros": "tf2_ros_py"}  # the Python half of tf2_ros is a package of its own
    python_keys = {"python3-numpy", "python3-opencv", "python3-scipy", "python3-yaml", "python3-jinja2"}
    paths = [*package_files(), *(ROOT / "launch").glob("*.py")]
    imported = {package_of.get(name, name) for path in paths for name, _ in imports(path) if name in ROS_PACKAGES}
    run = depends("depend", "exec_depend") - python_keys - {"rosidl_default_runtime", "ros2launch"}
    assert run == imported
    assert python_keys <= depends("exec_depend")


def test_package_xml_makes_optional_what_the_node_does_without():
    started = {
        name for path in (ROOT / "launch").glob("*.py") for name in re.findall(r'package="(\w+)"', path.read_text())
    }
    tools = started - {"metrichmsr_ros"} | {"ros2bag", "rosbag2_storage_mcap"}
    assert depends("exec_depend", conditional=True) == tools | {"vision_msgs", "hri_msgs"}


def test_package_xml_names_what_the_tests_compare_with():
    skipped_for = {
        name
        for path in (ROOT / "test" / "ros").rglob("test_*.py")
        for name in re.findall(r'importorskip\("(\w+)[".]', path.read_text())
    }
    assert {"cv_bridge", "message_filters", "sensor_msgs_py", "tf_transformations"} <= skipped_for
    assert depends("test_depend") - {"python3-pytest", "lifecycle_msgs", "ament_cmake_pytest"} <= skipped_for


def test_package_xml_declares_an_interface_package():
    package = ElementTree.parse(ROOT / "package.xml").getroot()
    assert "rosidl_default_runtime" in depends("exec_depend")
    assert "rosidl_interface_packages" in [g.text for g in package.findall("member_of_group")]


def test_every_message_is_built_and_described():
    cmake = (ROOT / "CMakeLists.txt").read_text()
    for path in (ROOT / "msg").glob("*.msg"):
        assert f'"msg/{path.name}"' in cmake
        assert path.read_text().startswith("# ")


def test_constraints_pin_every_requirement():
    pinned = requirement_names("constraints.txt")
    for file in ("requirements.txt", "requirements-test.txt", "requirements-ros.txt"):
        assert requirement_names(file) <= pinned, file
    lines = [line for line in (ROOT / "constraints.txt").read_text().splitlines() if not line.startswith("#")]
    assert all(re.fullmatch(r"[a-z0-9-]+==[^ ]+( ; python_version (<|>=) \"3\.11\")?", line) for line in lines)


def test_every_extra_that_a_text_names_exists():
    """A remedy that an error, a comment or a page of the documentation names has to work."""
    paths = [*package_files(), *ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / "config").rglob("*.yaml")]
    named = {
        (extra, path.relative_to(ROOT))
        for path in paths
        for extra in re.findall(r"metrichmsr[-_]ros\[(\w+)\]|the `(\w+)` extra", path.read_text())
    }
    assert {path for _, path in named} >= {
        Path("metrichmsr_ros/hmr/vit_encoders.py"),
        Path("metrichmsr_ros/body/smpl.py"),
    }
    assert {(extra, path) for pair, path in named for extra in pair if extra and extra not in extras()} == set()


@pytest.mark.parametrize("path", package_files(), ids=lambda p: str(p.relative_to(ROOT / "metrichmsr_ros")))
def test_imports_are_declared(path):
    """At import time only what requirements.txt installs; extras and ROS only inside functions or under ros/."""
    core = requirement_names("requirements.txt")
    in_ros = (ROOT / "metrichmsr_ros" / "ros") in path.parents
    for name, eager in imports(path):
        if name in ROS_PACKAGES:
            assert in_ros or not eager, f"{path} needs ROS ({name}) to be imported"
            continue
        known = core if eager else core | extra_names() | BROUGHT_ALONG
        assert DISTRIBUTION.get(name, name.replace("_", "-")).lower() in known, f"{path} imports {name}"


def test_wheel_without_ros_holds_everything(sources, tmp_path):
    command = [sys.executable, "-m", "pip", "wheel", "--no-deps", "--no-build-isolation", "-w", tmp_path, sources]
    result = subprocess.run(command, env=clean_environment(METRICHMSR_MSGS="0"), capture_output=True, text=True)
    assert result.returncode == 0, result.stderr[-2000:]
    [wheel] = tmp_path.glob("*.whl")
    assert wheel.name.endswith("-py3-none-any.whl")
    names = zipfile.ZipFile(wheel).namelist()
    for path in everything_in_the_package():
        assert str(path.relative_to(ROOT)) in names
    data = f"metrichmsr_ros-{metrichmsr_ros.__version__}.data/data"
    for folder in ("config", "launch"):
        for path in (ROOT / folder).rglob("*.*"):
            if "__pycache__" not in path.parts:
                assert f"{data}/share/metrichmsr_ros/{path.relative_to(ROOT)}" in names
    assert f"{data}/lib/metrichmsr_ros/perception" in names
    entry_points = next(name for name in names if name.endswith("entry_points.txt"))
    assert "metrichmsr = metrichmsr_ros.cli.main:main" in zipfile.ZipFile(wheel).read(entry_points).decode()


def test_missing_ros_is_an_error_only_when_messages_are_demanded(sources, bare_python):
    """setup.py's own look for ROS, in a Python where none is."""
    start = (sources / "setup.py").read_text().split("MESSAGES = want_messages()")[0]
    stub = "import sys, types\nfor n in ('setuptools', 'setuptools.command', 'setuptools.command.build_py'):\n"
    stub += "    m = sys.modules[n] = types.ModuleType(n)\n"
    stub += "    m.Distribution = m.build_py = object; m.find_packages = m.setup = print\n"
    code = stub + start.replace("from __future__ import annotations", "") + "\nprint(want_messages())"
    for demand, code_expected, word in (("", 0, "False"), ("0", 0, "False"), ("1", 1, "no messages: ament_cmake")):
        env = clean_environment(METRICHMSR_MSGS=demand, AMENT_PREFIX_PATH="", PYTHONSAFEPATH="1")
        command = [bare_python, "-c", f"__file__ = {str(sources / 'setup.py')!r}\n{code}"]
        result = subprocess.run(command, env=env, capture_output=True, text=True)
        assert result.returncode == code_expected, result.stderr
        assert word in result.stdout + result.stderr


def test_messages_survive_the_wire():
    pytest.importorskip("rclpy")
    serialization = pytest.importorskip("rclpy.serialization")
    message = pytest.importorskip("metrichmsr_ros.msg").HumanMesh()
    message.id = "a1"
    message.pose[:] = 0.25
    message.vertices.extend([1.0, -2.0, 3.5])
    back = serialization.deserialize_message(serialization.serialize_message(message), type(message))
    assert back == message
    assert (len(back.pose), len(back.joints), len(back.betas)) == (72, 72, 10)


def test_colcon_builds_a_workspace(sources, tmp_path):
    """The same sources in a colcon workspace, against whatever ROS this environment has."""
    colcon = shutil.which("colcon", path=f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    if colcon is None or importlib.util.find_spec("rosidl_adapter") is None:
        pytest.skip("no colcon or no ROS message generators here")
    prefixes = [sys.prefix, os.environ.get("AMENT_PREFIX_PATH", "")]
    env = clean_environment(
        AMENT_PREFIX_PATH=os.pathsep.join(filter(None, prefixes)),
        PATH=f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
    )
    command = [
        colcon,
        "--log-base",
        tmp_path / "log",
        "build",
        "--base-paths",
        sources,
        "--build-base",
        tmp_path / "build",
    ]
    command += ["--install-base", tmp_path / "install", "--cmake-args", f"-DPython3_EXECUTABLE={sys.executable}"]
    command += ["-DBUILD_TESTING=OFF", "-DCMAKE_C_FLAGS=-O0", "-DCMAKE_CXX_FLAGS=-O0"]
    result = subprocess.run(command, env=env, capture_output=True, text=True)
    assert result.returncode == 0, result.stdout[-2000:] + result.stderr[-3000:]
    prefix = tmp_path / "install" / "metrichmsr_ros"
    share = prefix / "share" / "metrichmsr_ros"
    assert os.access(prefix / "lib" / "metrichmsr_ros" / "perception", os.X_OK)
    assert os.access(prefix / "bin" / "metrichmsr", os.X_OK)
    for pattern in ("launch/*.py", "config/**/*.yaml", "msg/*.msg"):
        assert {p.relative_to(ROOT) for p in ROOT.glob(pattern)} <= {p.relative_to(share) for p in share.glob(pattern)}
    site = next(prefix.glob("**/*-packages"))
    for path in everything_in_the_package():
        assert (site / path.relative_to(ROOT)).is_file()
    libraries = os.pathsep.join(
        [str(prefix / "lib"), str(Path(sys.prefix, "lib")), os.environ.get("LD_LIBRARY_PATH", "")]
    )
    code = "import metrichmsr_ros.msg, metrichmsr_ros; m = metrichmsr_ros.msg.HumanMeshArray()\n"
    code += "from rclpy.serialization import serialize_message; serialize_message(m); print(metrichmsr_ros.__file__)"
    env = clean_environment(PYTHONPATH=str(site), LD_LIBRARY_PATH=libraries)
    result = subprocess.run([sys.executable, "-c", code], env=env, cwd=tmp_path, capture_output=True, text=True)
    assert result.stdout.strip() == str(site / "metrichmsr_ros" / "__init__.py"), result.stderr
