"""The fusion node: people of several perception nodes as one list in a fixed frame."""
