"""Gestures of people from their joints in 3D: raised hands, waving, pointing."""
