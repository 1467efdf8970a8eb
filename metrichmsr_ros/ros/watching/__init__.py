"""Live topics of people, for programs that are no nodes of a robot."""
