"""The real costmap of Nav2, where Nav2 is installed."""
