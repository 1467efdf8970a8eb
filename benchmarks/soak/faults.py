"""Faults that a robot sees, each for some seconds, chosen by a seed."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping

from lifecycle_msgs.msg import Transition
from rclpy.parameter import Parameter

from benchmarks.fuzz.choices import Choices
from benchmarks.fuzz.targets import camera_messages
from benchmarks.fuzz.targets.parameters import value
from benchmarks.soak.driver import FRAME, Driver
from metrichmsr_ros.ros.inputs.encodings import SUPPORTED_ENCODINGS
from metrichmsr_ros.ros.parameters import PARAMETERS

EPISODE_S = 4.0
_CHANGEABLE = tuple(name for name, spec in PARAMETERS.items() if not spec.read_only)
_JUMPS_S = (-3600.0, -10.0, -1.5, -0.2, 0.2, 1.5, 10.0, 3600.0)
_ENCODINGS = ("rgb8", *SUPPORTED_ENCODINGS, "16UC1", "x")
_MOST_PIXELS = 2**26  # of a hostile image: larger ones are refused by their size
_STORM = 5  # changes of the lifecycle in one episode

Fault = Callable[[Driver, random.Random], None]


def _choices(chance: random.Random) -> Choices:
    return Choices(chance.randbytes(300))


def fuzz(driver: Driver, chance: random.Random) -> None:
    """Images, calibrations and transforms of which any field may lie, among whole ones."""

    def each() -> None:
        choices = _choices(chance)
        image = camera_messages.pixels(choices, _ENCODINGS)
        image.header.frame_id = choices.pick((FRAME, FRAME, image.header.frame_id))
        driver.send_image(image)
        info = camera_messages.info(choices)
        info.header.frame_id = choices.pick((FRAME, info.header.frame_id))
        driver.send_info(info)
        driver.send_transform(camera_messages.transform(choices))

    driver.run(EPISODE_S, each)


def clock(driver: Driver, chance: random.Random) -> None:
    """Stamps jump forth and back."""

    def each() -> None:
        if chance.random() < 0.1:
            driver.shift_s = chance.choice(_JUMPS_S)

    driver.run(EPISODE_S, each)
    driver.shift_s = 0.0


def restart(driver: Driver, chance: random.Random) -> None:
    """The camera's driver ends and comes back."""
    for _ in range(2):
        driver.run(EPISODE_S / 4)
        driver.restart()
        driver.run(EPISODE_S / 4)


def tf(driver: Driver, chance: random.Random) -> None:
    """Transforms stay out, then are of any numbers, then come back."""
    driver.has_transforms = False
    driver.run(EPISODE_S / 2)
    driver.run(EPISODE_S / 2, lambda: driver.send_transform(camera_messages.transform(_choices(chance))))
    driver.has_transforms = True


def parameters(driver: Driver, chance: random.Random) -> None:
    """Parameters change while images come, to allowed and other values, and are as they were afterwards."""

    def each() -> None:
        if chance.random() < 0.2:
            name = chance.choice(_CHANGEABLE)
            changed = Parameter(name, value=value(_choices(chance), PARAMETERS[name]))
            driver.set_parameters([changed.to_parameter_msg()])

    driver.run(EPISODE_S, each)
    plain = [Parameter(name, value=PARAMETERS[name].default).to_parameter_msg() for name in _CHANGEABLE]
    refused = driver.set_parameters(plain)
    if refused:
        raise AssertionError(f"default values were refused: {refused}")


def lifecycle(driver: Driver, chance: random.Random) -> None:
    """The node is deactivated, cleaned up and brought back, many times; images come while it is active."""
    for _ in range(_STORM):
        driver.drain()
        driver.transition(Transition.TRANSITION_DEACTIVATE)
        if chance.random() < 0.4:
            driver.transition(Transition.TRANSITION_CLEANUP)
            driver.transition(Transition.TRANSITION_CONFIGURE)
        driver.transition(Transition.TRANSITION_ACTIVATE)
        driver.matched()
        driver.run(EPISODE_S / _STORM)


FAULTS: Mapping[str, Fault] = {
    **{"fuzz": fuzz, "clock": clock, "restart": restart},
    **{"tf": tf, "parameters": parameters, "lifecycle": lifecycle},
}
