"""Compiled functions, and the answer where numba is not installed."""

from __future__ import annotations

import sys

import pytest

from metrichmsr_ros.data.rendering.compiled.compilation import NotCompiledError, compiled
from metrichmsr_ros.errors import MetricHMRError


def _twice(value: float) -> float:
    return 2 * value


def test_compiled_functions_return_what_they_returned():
    assert compiled(_twice)(1.5) == 3.0


def test_without_numba_the_remedy_is_named_when_a_function_is_called(monkeypatch):
    monkeypatch.setitem(sys.modules, "numba", None)
    refused = compiled(_twice)
    with pytest.raises(NotCompiledError, match=r"pip install 'metrichmsr_ros\[crops\]'"):
        refused(1.5)
    assert issubclass(NotCompiledError, MetricHMRError)
