"""People and cameras of a recording in the world: camera poses, people in the fixed frame, their errors."""
