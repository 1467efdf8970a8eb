"""Devices by name: what torch cannot compute on here is refused with the name and the remedy."""

from __future__ import annotations

import sys

import pytest
import torch

from metrichmsr_ros.io.devices import DeviceError, checked_device


def test_a_device_that_is_there_is_given_back():
    assert checked_device("cpu") == torch.device("cpu")
    assert checked_device(torch.device("cpu")) == torch.device("cpu")


def test_a_missing_gpu_is_reported(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    for name in ("cuda", "cuda:1", "cuda:99"):
        with pytest.raises(DeviceError, match=rf"device is '{name}'.*set device to cpu"):
            checked_device(name)


@pytest.mark.parametrize("name", ["0", "gpu", "", "CUDA", "cuda:x"])
def test_a_device_that_torch_does_not_have_is_reported(name):
    with pytest.raises(DeviceError, match=rf"device is '{name}'.*use cpu, cuda or cuda:0"):
        checked_device(name)


@pytest.mark.parametrize("name", ["meta", "xla", "hpu"])
def test_a_device_that_nothing_can_be_computed_on_is_reported(name):
    with pytest.raises(DeviceError, match=rf"device is '{name}', on which torch cannot compute here"):
        checked_device(name)


def test_a_device_without_torch_names_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "torch", None)  # as if it were not installed
    with pytest.raises(DeviceError, match=r"device is 'cuda'.*pip install 'metrichmsr_ros\[train\]', or use cpu"):
        checked_device("cuda")
