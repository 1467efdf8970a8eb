"""`~` in arguments where shells leave it as it is."""

from __future__ import annotations

import sys

import pytest

from metrichmsr_ros.cli import main as cli


@pytest.mark.parametrize(
    ("argument", "expected"),
    [
        ("~/a", "HOME/a"), ("~", "HOME"), ("--out=~/a b", "--out=HOME/a b"), ("ours=~/maps", "ours=HOME/maps"),
        ("--predictions=~", "--predictions=HOME"), ("@~/list.txt", "@HOME/list.txt"),
        ("file:~/d.npy", "file:HOME/d.npy"),
        ("--depth=file:~/d.npy", "--depth=file:HOME/d.npy"),
        ("~user/a", "~user/a"), ("a~/b", "a~/b"), ("./~/a", "./~/a"), ("topic:~/people", "topic:~/people"),
    ],
)  # fmt: skip
def test_the_home_folder_in_arguments(monkeypatch, argument, expected):
    monkeypatch.setenv("HOME", "/home/ana")
    assert cli._words(["annotate", argument]) == ["annotate", expected.replace("HOME", "/home/ana")]


def test_commands_take_the_home_folder(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("HOME", str(tmp_path / "nowhere"))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["metrichmsr", "compare", "~/none", "~/other"])
    with pytest.raises(SystemExit):
        cli.main()
    printed = capsys.readouterr()
    assert f"{tmp_path}/nowhere/none" in "".join((printed.out + printed.err).split())
