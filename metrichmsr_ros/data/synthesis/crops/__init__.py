"""Shards of rendered crops with BlazePose's answers: made, kept, read."""
