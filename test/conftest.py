"""What several test files start with."""

from __future__ import annotations

import pytest


@pytest.fixture(scope="module")
def body():
    """The light open body, which most networks here are trained on."""
    from metrichmsr_ros.body.load import load_body

    return load_body("open_light")


@pytest.fixture
def ros():
    """A ROS context of its own, in a domain that nobody else uses."""
    from helpers.ros_testing import Ros, free_domain  # needs ROS; this file is read without it too

    with free_domain() as domain:
        session = Ros(domain)
        yield session
        session.close()
