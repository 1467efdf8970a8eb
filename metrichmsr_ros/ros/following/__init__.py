"""The follow node: one person of a perception or fusion node as a frame, a goal and a status."""
