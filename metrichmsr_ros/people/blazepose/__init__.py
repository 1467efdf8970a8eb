"""The BlazePose networks and the geometry of their inputs and outputs."""
