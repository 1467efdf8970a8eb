"""Rendered people who gesture, and do other things with their arms: sequences, and shards of looks at them."""
