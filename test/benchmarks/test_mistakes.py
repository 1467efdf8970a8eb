"""A benchmark that is given a wrong file or folder says so in one line, before it begins its work."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

import pytest

MISTAKES = {
    "accuracy": ("--data {nothing}", "no val-*.tar"),
    "accuracy, weights": ("--data {shards} --skip 0 --weights {nothing}.safetensors", "does not exist"),
    "crops": ("--backgrounds {nothing}", "is not a folder"),
    "depth": ("--initial fastdepth --backgrounds {nothing}", "is not a folder"),
    "depth, not used": ("--backgrounds {nothing}", "add --initial fastdepth"),
    "depth, weights": ("--refiner {nothing}", "nothing"),
    "graphs": ("--data {nothing}", "has neither"),
    "pedestrians": ("--video {nothing}.avi", "cannot read this video"),
    "pixels": ("--crops {nothing}", "no val-*.safetensors"),
    "pixels_real": ("--data {nothing} --weights embedded", "has neither"),
    "real": ("--data {nothing}", "has neither"),
    "real.hidden_legs": ("--data {nothing}", "has neither"),
    "real.pointing": ("--data {nothing} --frames 0", "--frames 0: give 1 or more"),
    "real.surfaces": ("--data {nothing}", "has neither"),
    "reliability": ("--real {nothing}", "has neither"),
    "scatter": ("--data {nothing}", "no val-*.tar"),
}


@pytest.mark.parametrize("case", MISTAKES)
def test_a_mistake_is_one_line(
    case: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments, cause = MISTAKES[case]
    (tmp_path / "shards").mkdir()
    (tmp_path / "shards/val-00000.tar").touch()
    named = arguments.format(nothing=tmp_path / "nothing", shards=tmp_path / "shards")
    name = f"benchmarks.{case.partition(',')[0]}"
    package = importlib.import_module(name)
    module = importlib.import_module(f"{name}.__main__") if hasattr(package, "__path__") else package
    monkeypatch.setattr(sys, "argv", [name, *named.split()])
    with pytest.raises(SystemExit) as ended:
        module.main()
    said = str(ended.value.code) if isinstance(ended.value.code, str) else capsys.readouterr().err.splitlines()[-1]
    assert ended.value.code != 0
    assert cause in said
