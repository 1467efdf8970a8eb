"""People of several cameras as one list: one id and one position a person. Arrays only, no ROS."""
