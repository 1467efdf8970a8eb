"""Messages and publishers of the node."""
