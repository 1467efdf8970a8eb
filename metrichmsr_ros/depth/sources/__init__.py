"""Where the initial depth comes from: networks, the ground plane, files."""
