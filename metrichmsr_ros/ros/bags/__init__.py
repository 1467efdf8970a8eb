"""Reading and writing rosbag2 files without a ROS installation."""
