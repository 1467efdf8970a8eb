"""A release passes only where version, changelog and public interface agree."""

from __future__ import annotations

import sys

import pytest
from helpers.tools import load_tool

import metrichmsr_ros

VERSION = metrichmsr_ros.__version__


@pytest.fixture(scope="module")
def release():
    return load_tool("release")


def run(release, monkeypatch, *arguments: str) -> int:
    monkeypatch.setattr(sys, "argv", ["release.py", *arguments])
    return release.main()


def test_the_version_of_the_code_passes_and_prints_its_notes(release, monkeypatch, capsys):
    assert run(release, monkeypatch, f"v{VERSION}") == 0
    assert capsys.readouterr().out.strip() == release.section(VERSION)


def test_another_version_names_every_file(release, monkeypatch, capsys):
    assert run(release, monkeypatch, "v99.0.0") == 1
    printed = capsys.readouterr().out
    for file in ("package.xml", "setup.py", "metrichmsr_ros/__init__.py"):
        assert f"error: {file} has version {VERSION}, the tag 99.0.0" in printed
    assert "CHANGELOG.md has no section '## 99.0.0'" in printed


def test_a_removal_needs_a_new_major_version(release, monkeypatch, capsys, tmp_path):
    before = tmp_path / "public_api.txt"
    before.write_text(release.public_api.interface() + "topic perception ~/gone std_msgs/String\n")
    major = int(VERSION.split(".")[0])
    same = run(release, monkeypatch, VERSION, "--before", str(before), "--before-version", f"{major}.0.0")
    assert same == 1
    assert "~/gone" in capsys.readouterr().out
    assert run(release, monkeypatch, VERSION, "--before", str(before), "--before-version", f"{major - 1}.9.0") == 0


def test_a_section_ends_where_the_next_begins(release):
    assert "## " not in release.section(VERSION).replace("### ", "")
    assert release.section("0.1.0")
    assert release.section("0.1") == ""
