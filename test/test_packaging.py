"""What users install is declared: package.xml, setup.py, requirements and CMake agree; a bare Python imports it."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest
from helpers.declared import depends, extras, requirement_names
from helpers.repository import ROOT, clean_environment

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
    *("cv_bridge", "sensor_msgs_py", "tf_transformations"),
}


def package_files() -> list[Path]:
    return [p for p in sorted((ROOT / "metrichmsr_ros").rglob("*.py")) if "msg" not in p.relative_to(ROOT).parts]


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


def test_import_needs_nothing(bare_python):
    code = "import sys, metrichmsr_ros, metrichmsr_ros.assets\nprint(metrichmsr_ros.__version__)\n"
    code += "print([n for n in ('rclpy', 'torch', 'numpy', 'cv2') if n in sys.modules])\n"
    result = subprocess.run(
        [bare_python, "-c", code], env=clean_environment(PYTHONPATH=str(ROOT)), capture_output=True, text=True
    )
    assert result.stdout.splitlines() == [metrichmsr_ros.__version__, "[]"], result.stderr


def test_import_loads_no_heavy_package():
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


def test_package_xml_names_what_is_imported_and_nothing_else():
    package_of = {"tf2_ros": "tf2_ros_py"}  # the Python half of tf2_ros is a package of its own
    paths = [*package_files(), *(ROOT / "launch").glob("*.py")]
    imported = {package_of.get(name, name) for path in paths for name, _ in imports(path) if name in ROS_PACKAGES}
    run = {name for name in depends("depend", "exec_depend") if not name.startswith("python3-")}
    assert run - {"rosidl_default_runtime", "ros2launch"} == imported


def test_package_xml_makes_optional_what_the_node_does_without():
    started = {
        name for path in (ROOT / "launch").glob("*.py") for name in re.findall(r'package="(\w+)"', path.read_text())
    }
    tools = started - {"metrichmsr_ros"} | {"ros2bag", "rosbag2_storage_mcap"}
    assert depends("exec_depend", conditional=True) == tools | {"vision_msgs", "hri_msgs", "python3-torch"}


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
    for file in (f"requirements{part}.txt" for part in ("", "-train", "-test", "-ros")):
        assert requirement_names(file) <= pinned, file
    lines = [line for line in (ROOT / "constraints.txt").read_text().splitlines() if not line.startswith("#")]
    assert all(
        re.fullmatch(r"[a-z0-9-]+==[^ ]+( ; python(_full)?_version (<|>=) \"3\.11(\.5)?\")?", line) for line in lines
    )


def test_every_extra_that_a_text_names_exists():
    """A remedy that an error, a comment or a page of the documentation names has to work."""
    paths = [*package_files(), *ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / "config").rglob("*.yaml")]
    named = {
        (extra, path.relative_to(ROOT))
        for path in paths
        for extra in re.findall(r"metrichmsr[-_]ros\[(\w+)\]|the `(\w+)` extra", path.read_text())
    }
    assert {path for _, path in named} >= {
        Path("metrichmsr_ros/hmr/network/vit_encoders.py"),
        Path("metrichmsr_ros/body/smpl.py"),
    }
    assert {(extra, path) for pair, path in named for extra in pair if extra and extra not in extras()} == set()


@pytest.mark.parametrize("path", package_files(), ids=lambda p: str(p.relative_to(ROOT / "metrichmsr_ros")))
def test_imports_are_declared(path):
    """At import time only what requirements.txt installs; extras and ROS only inside functions or under ros/.

    The extra `train` may be imported at once, where import-linter's contract on torch allows it.
    """
    core = requirement_names("requirements.txt") | {"torch", "roma", "safetensors"}
    in_extras = requirement_names("requirements-train.txt").union(*extras().values())
    in_ros = (ROOT / "metrichmsr_ros" / "ros") in path.parents
    for name, eager in imports(path):
        if name in ROS_PACKAGES:
            assert in_ros or not eager, f"{path} needs ROS ({name}) to be imported"
            continue
        known = core if eager else core | in_extras | BROUGHT_ALONG
        assert DISTRIBUTION.get(name, name.replace("_", "-")).lower() in known, f"{path} imports {name}"


def test_messages_survive_serialization():
    pytest.importorskip("rclpy")
    serialization = pytest.importorskip("rclpy.serialization")
    message = pytest.importorskip("metrichmsr_ros.msg").HumanMesh()
    message.id = "a1"
    message.pose[:] = 0.25
    message.vertices.extend([1.0, -2.0, 3.5])
    back = serialization.deserialize_message(serialization.serialize_message(message), type(message))
    assert back == message
    assert (len(back.pose), len(back.joints), len(back.betas)) == (72, 72, 10)
