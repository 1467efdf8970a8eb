"""What can be wrong with a bag. Each message names the path or topic, the cause and the remedy."""

from __future__ import annotations

from metrichmsr_ros.errors import MetricHMRError


class BagError(MetricHMRError, RuntimeError):
    """A bag that cannot be read or written as asked."""


class BagChoiceError(BagError):
    """The caller named a path or topic that is not there, not of its kind, or not the only one."""


class UnreadableBagError(BagError):
    """Nothing that was asked for can be read: no known format, no camera, or a type without a definition."""


class Ros1BagError(UnreadableBagError):
    """A recording of ROS 1, which has to be converted."""


class DamagedBagError(BagError):
    """The bag is damaged from here on; what came before was read."""
