"""YAML that would unfold without bounds is refused by name; aliases of a usual size are read."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.hostile.yaml_bombs import YAMLS
from metrichmsr_ros.config import ConfigError, read_yaml

SLOW = {"100,000 nested lists", "a million values"}  # in the benchmark alone


@pytest.mark.parametrize("name", sorted(YAMLS.keys() - SLOW))
def test_hostile_yaml_is_refused_by_name(tmp_path: Path, name: str) -> None:
    (tmp_path / "a.yaml").write_bytes(YAMLS[name])
    with pytest.raises(ConfigError, match=r"a\.yaml"):
        read_yaml(tmp_path / "a.yaml")


def test_aliases_are_read(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("a: &a {b: 1, c: [2, 3]}\nd: *a\ne: {<<: *a, b: 4}\nf: &f 5\ng: *f\n")
    values = read_yaml(tmp_path / "a.yaml")
    assert values["d"] == {"b": 1, "c": [2, 3]}
    assert values["e"] == {"b": 4, "c": [2, 3]}
    assert values["g"] == 5


def test_an_empty_file_has_no_keys(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("# nothing\n")
    assert read_yaml(tmp_path / "a.yaml") == {}
