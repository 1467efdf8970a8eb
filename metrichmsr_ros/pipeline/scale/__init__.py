"""Evidence of size and distance from the floor and from a depth sensor, fused with the network's estimate."""
