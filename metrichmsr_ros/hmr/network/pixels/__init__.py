"""Position and shape from pixels, beside the pose from landmarks."""
