"""What the tests of the node start with."""

from __future__ import annotations

import gc
from collections.abc import Iterator

import pytest


@pytest.fixture(autouse=True, scope="module")
def _old_objects_are_not_collected() -> Iterator[None]:
    """Hide what other test files left behind from the collector, which the node runs in every clean-up.

    Beside PyTorch and thousands of tests, one run takes more than a second.
    """
    gc.freeze()
    yield
    gc.unfreeze()
