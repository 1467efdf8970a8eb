"""Recorded people refined over whole tracks, past and future: position, pose, one size, feet that stand still."""
