"""Replay many bags, in processes of this machine or on a Ray cluster."""
