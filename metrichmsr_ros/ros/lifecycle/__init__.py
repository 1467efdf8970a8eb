"""What all lifecycle nodes of this package share: how they start, end and let go."""
