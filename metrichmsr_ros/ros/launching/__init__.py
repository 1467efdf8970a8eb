"""What the launch files share; runs in the process of `ros2 launch` and needs neither rclpy nor torch."""
