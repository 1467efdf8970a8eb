"""Every pinned package has known files, and another file in its place is found."""

from __future__ import annotations

import re

import pytest
from helpers.tools import load_tool


@pytest.fixture(scope="module")
def hashes():
    return load_tool("hashes")


def chosen(file: str, digest: str) -> dict:
    info = {"url": f"https://example.org/{file}", "archive_info": {"hashes": {"sha256": digest}}}
    return {"install": [{"download_info": info}]}


def test_every_pin_has_files(hashes):
    listed = {re.sub(r"[-_.]+", "-", file).lower() for file in hashes.listed()}
    for name, _ in hashes.pins():
        start = re.sub(r"[-_.]+", "-", name).lower() + "-"
        assert any(file.startswith(start) for file in listed), f"{name}: run python tools/hashes.py --write"
    assert all(re.fullmatch(r"[0-9a-f]{64}", digest) for digest in hashes.listed().values())


def test_a_pin_without_files_is_found(hashes):
    """The list is of these versions: a pin that moved has no file."""
    for name, version in hashes.pins():
        assert any(hashes.is_of(file, version) for file in hashes.listed() if _starts(file, name)), f"{name}=={version}"


def _starts(file: str, name: str) -> bool:
    plain = [re.sub(r"[-_.]+", "-", text).lower() for text in (file, name)]
    return plain[0].startswith(plain[1] + "-")


def test_another_file_is_an_error(hashes):
    file, digest = next(iter(hashes.listed().items()))
    assert hashes.unlisted(chosen(file, digest), hashes.listed()) == []
    assert "do not install it" in hashes.unlisted(chosen(file, "0" * 64), hashes.listed())[0]
    assert "not in constraints.sha256" in hashes.unlisted(chosen("evil-1.0.tar.gz", digest), hashes.listed())[0]


@pytest.mark.parametrize(
    ("file", "version", "expected"),
    [
        ("numpy-2.2.6-cp310-cp310-manylinux_2_17_x86_64.manylinux2014_x86_64.whl", "2.2.6", True),
        ("numpy-2.2.6-cp310-cp310-win_amd64.whl", "2.2.6", False),
        ("numpy-2.2.6-cp39-cp39-manylinux_2_17_x86_64.whl", "2.2.6", False),
        ("numpy-2.2.6-cp312-cp312-musllinux_1_2_x86_64.whl", "2.2.6", False),
        ("numpy-2.2.6.tar.gz", "2.2.6", True),
        ("numpy-2.2.60.tar.gz", "2.2.6", False),
        ("roma-1.6-py3-none-any.whl", "1.6.0", True),
        ("onnx-1.18.0-cp312-abi3-manylinux_2_28_aarch64.whl", "1.18.0", True),
        ("backrefs-8.3.1-py311-none-any.whl", "8.3.1", True),
        ("old-1.0.win32.exe", "1.0", False),
    ],
)
def test_files_of_a_version_that_run_here(hashes, file, version, expected):
    assert hashes.is_of(file, version) is expected
