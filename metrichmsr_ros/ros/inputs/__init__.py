"""What the node receives."""
