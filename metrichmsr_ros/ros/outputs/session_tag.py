"""A short random beginning for ids, so that no id of an earlier run comes back."""

from __future__ import annotations

import secrets
import string

_MORE = 3  # letters or digits: 1.2 million tags


def session_tag() -> str:
    """E.g. `k3fa_`: a letter, as names in ROS begin with one, and letters or digits."""
    more = "".join(secrets.choice(string.ascii_lowercase + string.digits) for _ in range(_MORE))
    return f"{secrets.choice(string.ascii_lowercase)}{more}_"
