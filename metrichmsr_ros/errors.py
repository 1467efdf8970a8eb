"""The base of every error that this package raises on purpose.

The command line prints such an error as one line; every other exception is a bug and keeps its traceback.
"""


class MetricHMRError(Exception):
    """An input, a file or a setting that cannot be used; the message names it, its value and the remedy."""


class MissingPackageError(MetricHMRError, ImportError):
    """An optional package is needed and not installed; the message names the command that installs it."""


class CalibrationWarning(UserWarning):
    """A calibration that is used, but that is unusual for an image of its size; the message names the remedy."""
