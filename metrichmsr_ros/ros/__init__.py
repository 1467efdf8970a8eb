"""The ROS 2 node. The only folder that imports rclpy or messages."""
