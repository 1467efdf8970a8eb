"""Each requirement comes from rosdep or is listed with the reason, and package.xml names only what rosdistro has."""

from __future__ import annotations

import json
import re

import pytest
from helpers.declared import depends, extras, requirement_names
from helpers.repository import ROOT, TESTS

# Which packages and keys rosdistro has, written once from the commit that `origin` names: `packages` gives the
# distributions that lack one, `keys` the platforms where rosdep gives no system package.
ROSDISTRO = json.loads((TESTS / "helpers" / "rosdistro_names.json").read_text())
PAGE = ROOT / "docs" / "how_to" / "debian.md"
KINDS = ("depend", "buildtool_depend", "build_depend", "exec_depend", "test_depend")

# Name on PyPI -> the key of rosdep that gives a usable version on Ubuntu 24.04.
ROSDEP_KEYS = {
    "numpy": "python3-numpy",
    "scipy": "python3-scipy",
    "opencv-python-headless": "python3-opencv",
    "pyyaml": "python3-yaml",
    "jinja2": "python3-jinja2",
    "rich": "python3-rich",
}


def for_users() -> set[str]:
    """Requirements of the runtime, of training and of every extra for users."""
    named = (names for extra, names in extras().items() if extra != "test")
    return requirement_names("requirements.txt") | requirement_names("requirements-train.txt") | set().union(*named)


def listed() -> list[tuple[str, str]]:
    """(package, why not from rosdep): the rows of the page's table."""
    text = PAGE.read_text().partition("## What rosdep cannot give")[2]
    rows = re.findall(r"^\| ([a-z0-9-]+) \| (.*?) \| (.*?) \|$", text, re.MULTILINE)
    return [(name, reason.strip()) for name, _, reason in rows if name != "package"]


def test_each_requirement_is_a_key_or_is_listed_with_the_reason():
    names = [name for name, _ in listed()]
    assert len(names) == len(set(names))
    assert set(names) == for_users() - set(ROSDEP_KEYS)
    assert all(reason for _, reason in listed())


def test_package_xml_takes_each_key_that_there_is():
    assert set(ROSDEP_KEYS) <= requirement_names("requirements.txt")
    assert set(ROSDEP_KEYS.values()) <= depends("exec_depend")
    keys = set(ROSDISTRO["keys"])
    assert depends("exec_depend") & keys == set(ROSDEP_KEYS.values())
    assert depends("exec_depend", conditional=True) & keys == {"python3-torch"}


def test_package_xml_names_only_what_rosdistro_has():
    """A name that rosdep does not know stops `rosdep install` and the build farm."""
    named = depends(*KINDS) | depends(*KINDS, conditional=True)
    assert named == set(ROSDISTRO["packages"]) | set(ROSDISTRO["keys"])


def test_what_each_robot_needs_is_released_for_every_distribution():
    for name in depends(*KINDS) & set(ROSDISTRO["packages"]):
        assert not ROSDISTRO["packages"][name], name


@pytest.mark.parametrize("kind", ["packages", "keys"])
def test_the_page_names_each_gap_of_rosdistro(kind):
    spelled = {"rhel": "RHEL", "kilted": "Kilted"}
    sentences = re.split(r"\.\s|\n\n|\|\n", PAGE.read_text())
    for name, places in ROSDISTRO[kind].items():
        for place in places:
            distribution, *version = place.split()
            words = " ".join([spelled[distribution], *version])
            assert any(f"`{name}`" in s and words in s.replace("\n", " ") for s in sentences), (name, words)
