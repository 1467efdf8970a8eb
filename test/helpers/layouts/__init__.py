"""Tiny data sets in the layouts that their makers publish, and where every joint of them really is."""
