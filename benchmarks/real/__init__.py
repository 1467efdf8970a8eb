"""Real RGB-D pictures of people: what was found, how far away, and how good the scene's depth is."""
