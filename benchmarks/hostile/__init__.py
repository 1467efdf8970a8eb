"""Files that are made to hurt, each read in a process of its own: what the reader says, its time and its memory."""
