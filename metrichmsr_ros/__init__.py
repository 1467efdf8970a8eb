"""metrichmsr_ros: metric people and metric depth from one camera, as a library and a ROS 2 package.

Importing this package needs no ROS, no GPU and no network. `metrichmsr_ros.msg` is the generated half and exists only
where the messages were built.
"""

from __future__ import annotations

__version__ = "0.1.0"
