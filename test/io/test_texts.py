"""JSON that every reader takes: it has no NaN and no infinity."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest

from metrichmsr_ros.io.texts import json_text


def refuse(constant: str) -> None:
    raise ValueError(f"{constant} is no JSON")


@pytest.mark.parametrize("number", [math.nan, math.inf, -math.inf, np.float64("nan")])
def test_numbers_that_are_not_finite_become_null(number):
    text = json_text({"a": number, 3: [1.5, (number, "NaN")], "b": {"c": None, "d": True}})
    assert json.loads(text, parse_constant=refuse) == {
        "a": None,
        "3": [1.5, [None, "NaN"]],
        "b": {"c": None, "d": True},
    }
