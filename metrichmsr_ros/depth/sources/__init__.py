"""Sources of the initial depth: networks, the ground plane, files."""
