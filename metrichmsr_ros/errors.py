"""The base of every error that this package raises on purpose.

The command line prints such an error as one line; every other exception is a bug and keeps its traceback.
"""


class MetricHMRError(Exception):
    """An input, a file or a setting that cannot be used; the message names it, its value and the remedy."""
