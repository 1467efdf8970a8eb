"""Errors of bags. Each message names the path or topic, the cause and the remedy."""

from __future__ import annotations

from metrichmsr_ros.errors import MetricHMRError


class BagError(MetricHMRError, RuntimeError):
    """A bag cannot be read or written as requested."""


class BagChoiceError(BagError):
    """The given path or topic does not exist, has the wrong type, or is ambiguous."""


class UnreadableBagError(BagError):
    """The requested data cannot be read: an unknown format, no camera, or a type without a definition."""


class Ros1BagError(UnreadableBagError):
    """The bag is of ROS 1 and must be converted."""


class PackedBagError(UnreadableBagError):
    """The bag is packed by another program and must be unpacked."""


class DamagedBagError(BagError):
    """The bag is damaged from this position on; the messages before it were read."""
