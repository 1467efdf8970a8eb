"""What a video tells about people beyond its single images."""
